// SPDX-License-Identifier: MIT
#include "measured_sizes.hpp"

#include <utility>

namespace ftpsfs::fs {
namespace {

/// Of files that are remembered: so many are never looked at within the time that they are
/// believed.
constexpr std::size_t kMostMeasured = 100'000;

}  // namespace

std::optional<MeasuredSizes::Found> MeasuredSizes::find(Ino file,
                                                        const remote::FileVersion& listed) const {
  remote::FileVersion known = listed;
  known.size.reset();
  const MutexLock lock(mutex_);
  const auto found = sizes_.find(file);
  if (found == sizes_.end() || !remote::may_be_same(known, found->second.listed)) {
    return std::nullopt;
  }
  const SteadyTime until = found->second.at + kept_;
  const SteadyTime now = clock_.now();
  if (now >= until) {
    return std::nullopt;
  }
  return Found{found->second.bytes,
               std::chrono::duration_cast<std::chrono::milliseconds>(until - now),
               found->second.at};
}

std::optional<std::uint64_t> MeasuredSizes::recall(Ino file) const {
  const MutexLock lock(mutex_);
  const auto found = sizes_.find(file);
  return found == sizes_.end() ? std::nullopt : std::optional(found->second.bytes);
}

std::uint64_t MeasuredSizes::begin(Ino file) {
  const MutexLock lock(mutex_);
  if (begun_.size() >= kMostMeasured) {
    begun_.clear();  // those under way are not kept
  }
  const auto [number, is_first] = begun_.try_emplace(file, last_number_ + 1);
  last_number_ += is_first ? 1 : 0;
  return number->second;
}

bool MeasuredSizes::note(Ino file, std::uint64_t number, std::uint64_t bytes,
                         remote::FileVersion listed) {
  const MutexLock lock(mutex_);
  const auto begun = begun_.find(file);
  if (begun == begun_.end() || begun->second != number) {
    return false;
  }
  begun_.erase(begun);
  keep(file, bytes, listed);
  return true;
}

void MeasuredSizes::note_written(Ino file, std::uint64_t bytes, remote::FileVersion version) {
  const MutexLock lock(mutex_);
  begun_.erase(file);
  keep(file, bytes, version);
}

void MeasuredSizes::keep(Ino file, std::uint64_t bytes, remote::FileVersion listed) {
  if (sizes_.size() >= kMostMeasured) {
    sizes_.clear();
  }
  listed.size.reset();
  sizes_[file] = {bytes, listed, clock_.now()};
}

void MeasuredSizes::retime(Ino file, remote::FileTime mtime) {
  const MutexLock lock(mutex_);
  if (const auto found = sizes_.find(file); found != sizes_.end()) {
    found->second.listed.mtime = mtime;
  }
}

void MeasuredSizes::forget(Ino file) {
  const MutexLock lock(mutex_);
  sizes_.erase(file);
  begun_.erase(file);
}

void MeasuredSizes::clear() {
  const MutexLock lock(mutex_);
  sizes_.clear();
  begun_.clear();
}

}  // namespace ftpsfs::fs
