// SPDX-License-Identifier: MIT
#include "files_ahead.hpp"

#include <chrono>

namespace ftpsfs::fs {
namespace {

/// Nobody came for it: the guess was wrong, or the program is slow.
constexpr std::chrono::seconds kKept(10);

}  // namespace

bool FileAhead::begin() {
  const MutexLock lock(mutex_);
  if (state_ != State::planned) {
    return false;
  }
  state_ = State::asked;
  return true;
}

bool FileAhead::withdraw() {
  const MutexLock lock(mutex_);
  if (state_ != State::planned) {
    return false;
  }
  state_ = State::settled;
  return true;
}

void FileAhead::settle(Content content, SteadyTime now) {
  const MutexLock lock(mutex_);
  if (state_ != State::settled) {
    state_ = State::settled;
    since_ = now;
    content_ = std::move(content);
    changed_.notify_all();
  }
}

Result<FileAhead::Content> FileAhead::await(const Wait& wait) {
  const MutexLock lock(mutex_);
  if (!changed_.wait(mutex_, wait,
                     [this]() FTPSFS_NO_ANALYSIS { return state_ == State::settled; })) {
    return wait.give_up("data from the server");
  }
  return content_;
}

bool FileAhead::may_come() const {
  const MutexLock lock(mutex_);
  return state_ == State::asked || content_ != nullptr;
}

FileAhead::Content FileAhead::peek() const {
  const MutexLock lock(mutex_);
  return content_;
}

Duration FileAhead::idle(SteadyTime now) const {
  const MutexLock lock(mutex_);
  return state_ == State::asked ? Duration(0) : std::chrono::duration_cast<Duration>(now - since_);
}

std::shared_ptr<FileAhead> FilesAhead::plan(Ino file, std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  drop_unused();
  if (files_.contains(file) || *held_ + bytes > most_bytes_) {
    return nullptr;
  }
  auto planned = std::make_shared<FileAhead>(bytes, held_, clock_.now());
  files_.emplace(file, planned);
  order_.push_back(file);
  return planned;
}

void FilesAhead::drop_unused() {
  const SteadyTime now = clock_.now();
  while (!order_.empty()) {
    const auto found = files_.find(order_.front());
    if (found != files_.end()) {
      if (found->second->idle(now) < kKept) {
        return;
      }
      found->second->withdraw();
      files_.erase(found);
    }
    order_.pop_front();
  }
}

std::shared_ptr<FileAhead> FilesAhead::hand_over(Ino file) {
  const MutexLock lock(mutex_);
  drop_unused();
  const auto found = files_.find(file);
  if (found == files_.end()) {
    return nullptr;
  }
  auto given = std::move(found->second);
  files_.erase(found);
  if (given->withdraw() || !given->may_come() || given->idle(clock_.now()) >= kKept) {
    return nullptr;
  }
  ++used_;
  return given;
}

std::shared_ptr<FileAhead> FilesAhead::find(Ino file) const {
  const MutexLock lock(mutex_);
  const auto found = files_.find(file);
  return found == files_.end() ? nullptr : found->second;
}

void FilesAhead::drop(Ino file) {
  std::shared_ptr<FileAhead> dropped;
  const MutexLock lock(mutex_);
  if (const auto found = files_.find(file); found != files_.end()) {
    dropped = std::move(found->second);
    files_.erase(found);
  }
}

void FilesAhead::clear() {
  const MutexLock lock(mutex_);
  files_.clear();
  order_.clear();
}

}  // namespace ftpsfs::fs
