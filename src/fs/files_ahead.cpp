// SPDX-License-Identifier: MIT
#include "files_ahead.hpp"

#include <utility>

namespace ftpsfs::fs {
namespace {

/// Local copies that wait for their opening: each program that looks at a large file opens it next,
/// or never.
constexpr std::size_t kMostCopies = 4;

}  // namespace

bool AheadBooks::take(std::uint64_t bytes) {
  std::uint64_t held = held_;
  do {
    if (bytes > most_ || held > most_ - bytes) {
      return false;
    }
  } while (!held_.compare_exchange_weak(held, held + bytes));
  return true;
}

FileAhead::~FileAhead() {
  give_back();
  settle(nullptr, since_);
}

bool FileAhead::grow(std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  if (!books_->take(bytes)) {
    return false;
  }
  bytes_ += bytes;
  return true;
}

void FileAhead::give_back() {
  const MutexLock lock(mutex_);
  books_->give_back(std::exchange(bytes_, 0));
}

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

void FileAhead::want() {
  const MutexLock lock(mutex_);
  if (state_ == State::asked && !std::exchange(is_wanted_, true)) {
    books_->add_wanted();
  }
}

void FileAhead::settle(Content content, SteadyTime now) {
  const MutexLock lock(mutex_);
  if (std::exchange(is_wanted_, false)) {
    books_->remove_wanted();
  }
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
  Dropped dropped;
  const MutexLock lock(mutex_);
  drop_unused(dropped);
  for (const auto& unused : dropped) {
    unused->give_back();  // before they go: this one may need their room
  }
  if (files_.contains(file)) {
    return nullptr;
  }
  auto planned = std::make_shared<FileAhead>(books_, clock_.now());
  if (!planned->grow(bytes)) {
    return nullptr;
  }
  files_.emplace(file, planned);
  order_.push_back(file);
  return planned;
}

void FilesAhead::drop_unused(Dropped& dropped) {
  const SteadyTime now = clock_.now();
  while (!order_.empty()) {
    const auto found = files_.find(order_.front());
    if (found != files_.end()) {
      if (found->second->idle(now) < kKept) {
        return;
      }
      found->second->withdraw();
      dropped.push_back(std::move(found->second));
      files_.erase(found);
    }
    order_.pop_front();
  }
}

std::shared_ptr<FileAhead> FilesAhead::take(Ino file) {
  const auto found = files_.find(file);
  if (found == files_.end()) {
    return nullptr;
  }
  auto given = std::move(found->second);
  files_.erase(found);
  return given;
}

std::shared_ptr<FileAhead> FilesAhead::hand_over(Ino file, Dropped& dropped) {
  const MutexLock lock(mutex_);
  drop_unused(dropped);
  auto given = take(file);
  if (!given || given->withdraw() || !given->may_come() || given->idle(clock_.now()) >= kKept) {
    dropped.push_back(std::move(given));
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

void FilesAhead::want(Ino file) {
  const MutexLock lock(mutex_);
  if (const auto found = files_.find(file); found != files_.end()) {
    found->second->want();
  }
}

void FilesAhead::drop(Ino file) {
  std::shared_ptr<FileAhead> dropped;
  const MutexLock lock(mutex_);
  dropped = take(file);
}

void FilesAhead::clear() {
  std::unordered_map<Ino, std::shared_ptr<FileAhead>> dropped;
  const MutexLock lock(mutex_);
  dropped.swap(files_);
  order_.clear();
}

std::shared_ptr<FileAhead> FilesAhead::expect(Ino file) {
  auto expected = std::make_shared<FileAhead>(books_, clock_.now());
  expected->begin();
  std::shared_ptr<FileAhead> older;
  const MutexLock lock(mutex_);
  older = std::exchange(files_[file], expected);
  if (older) {
    older->withdraw();
  }
  return expected;
}

void FilesAhead::keep(Ino file, const std::shared_ptr<FileAhead>& expected,
                      FileAhead::Content content) {
  Dropped dropped;
  const MutexLock lock(mutex_);
  const bool has_copy = content->copy != nullptr;
  expected->settle(std::move(content), clock_.now());
  drop_unused(dropped);
  const auto found = files_.find(file);
  if (found == files_.end() || found->second != expected) {
    return;
  }
  std::erase(order_, file);  // an older one's place
  order_.push_back(file);
  if (!has_copy) {
    return;
  }
  const std::vector<Ino> copies = local_copies();
  for (std::size_t i = 0; i + kMostCopies < copies.size(); ++i) {
    dropped.push_back(take(copies[i]));
  }
}

/// The oldest first.
std::vector<Ino> FilesAhead::local_copies() const {
  std::vector<Ino> copies;
  for (const Ino file : order_) {
    const auto found = files_.find(file);
    const auto content = found == files_.end() ? nullptr : found->second->peek();
    if (content && content->copy) {
      copies.push_back(file);
    }
  }
  return copies;
}

void FilesAhead::abandon_unkept(Ino file, const std::shared_ptr<FileAhead>& expected) {
  expected->settle(nullptr, clock_.now());
  if (expected->peek()) {
    return;
  }
  const MutexLock lock(mutex_);
  if (const auto found = files_.find(file); found != files_.end() && found->second == expected) {
    files_.erase(found);
  }
}

std::shared_ptr<FileAhead> FilesAhead::take_kept(Ino file, Dropped& dropped) {
  const MutexLock lock(mutex_);
  const auto found = files_.find(file);
  if (found == files_.end() || !found->second->peek()) {
    return nullptr;  // it may be read just now
  }
  auto given = take(file);
  if (given->idle(clock_.now()) >= kKept) {
    dropped.push_back(std::move(given));
    return nullptr;
  }
  return given;
}

bool FilesAhead::sweep() {
  Dropped dropped;
  const MutexLock lock(mutex_);
  drop_unused(dropped);
  return !local_copies().empty();
}

}  // namespace ftpsfs::fs
