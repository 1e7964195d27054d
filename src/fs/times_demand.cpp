// SPDX-License-Identifier: MIT
#include "times_demand.hpp"

#include <chrono>

namespace ftpsfs::fs {
namespace {

/// After so many single MDTMs in a directory, the rest is asked in one go.
constexpr int kSingleTimes = 3;
/// Times that cost little more than one, all in one flight.
constexpr std::size_t kFewTimes = 64;
constexpr std::size_t kSeveralTimes = 1000;
/// Looks at a name so soon after its directory was read are mostly the first of many.
constexpr std::chrono::seconds kStatsFollow(1);
/// Directories that are remembered: only a heuristic's memory.
constexpr std::size_t kMostFollowed = 1000;
/// The kernel answers looks at what readdir has told it. So that it is seen whether times are still
/// wanted, some directories are told without.
constexpr std::chrono::seconds kTrialPause(2);
/// Who has wanted the times of a whole directory is likely to want those of the next ones.
constexpr std::chrono::seconds kStaysHigh(10);

template <typename Memory>
void bound(Memory& memory) {
  if (memory.size() > kMostFollowed) {
    memory.clear();
  }
}

}  // namespace

bool TimesDemand::is_high() const {
  return clock_.now() < high_until_.load();
}

void TimesDemand::raise() {
  high_until_ = clock_.now() + kStaysHigh;
}

void TimesDemand::note_read(Ino directory) {
  const SteadyTime now = clock_.now();
  const MutexLock lock(mutex_);
  bound(read_at_);
  read_at_[directory] = now;
}

bool TimesDemand::hides_times(Ino directory) {
  const SteadyTime now = clock_.now();
  if (!is_high() || now < next_trial_.load()) {
    return false;
  }
  next_trial_ = now + kTrialPause;
  tried_ = directory;
  return true;
}

void TimesDemand::note_look(Ino directory) {
  Ino tried = directory;
  if (tried_.load(std::memory_order_relaxed) == directory &&
      tried_.compare_exchange_strong(tried, kNoIno)) {
    raise();
  }
}

bool TimesDemand::wants_all(Ino directory, std::size_t coarse) {
  bool wanted = coarse <= (is_high() ? kSeveralTimes : kFewTimes);
  if (!wanted) {
    const SteadyTime now = clock_.now();
    const MutexLock lock(mutex_);
    bound(single_times_);
    // As after readdir(3), when a program looks at what it has found.
    const auto read = read_at_.find(directory);
    const bool just_read = read != read_at_.end() && now - read->second <= kStatsFollow;
    const int single = !just_read ? kSingleTimes : coarse <= kSeveralTimes ? 0 : 1;
    wanted = ++single_times_[directory] > single;
  }
  if (wanted && coarse > 1) {
    raise();
  }
  return wanted;
}

}  // namespace ftpsfs::fs
