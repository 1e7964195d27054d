// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/memory_budget.hpp"

#include <malloc.h>

#include <cstddef>

namespace ftpsfs::transfer {
namespace {

/// When so much has been let go, the C library is asked to give it back to the system: it keeps
/// what was freed in the arenas of threads that have ended.
constexpr std::uint64_t kWorthTrimming = 8ULL << 20;

void trim_heap() {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace

void MemoryBudget::Account::set(std::uint64_t bytes, const std::weak_ptr<Holder>& holder) {
  if (bytes == bytes_) {
    return;
  }
  budget_.held_ += bytes - bytes_;  // modulo 2^64
  bytes_ = bytes;
  if (bytes == 0 && place_) {
    const MutexLock lock(budget_.mutex_);
    budget_.holders_.erase(*place_);
    place_.reset();
  } else if (bytes > 0 && !place_ && !holder.expired()) {
    const MutexLock lock(budget_.mutex_);
    place_ = budget_.holders_.insert(budget_.holders_.end(), holder);
  }
}

/// It is the last of all from now on.
std::shared_ptr<MemoryBudget::Holder> MemoryBudget::next_holder() {
  const MutexLock lock(mutex_);
  if (holders_.empty()) {
    return nullptr;
  }
  holders_.splice(holders_.end(), holders_, holders_.begin());
  return holders_.back().lock();
}

void MemoryBudget::make_room() {
  if (held_ <= total_) {
    return;
  }
  std::size_t left = 0;
  {
    // Twice round: who was in use when he was first asked is asked again.
    const MutexLock lock(mutex_);
    left = 2 * holders_.size();
  }
  for (; left > 0 && held_ > total_; --left) {
    if (const auto holder = next_holder()) {
      const std::uint64_t before = held_;
      holder->let_go();
      const std::uint64_t now = held_;
      untrimmed_ += before - std::min(before, now);  // about: others are at work, too
    }
  }
  if (untrimmed_ >= kWorthTrimming) {
    untrimmed_ = 0;
    trim_heap();
  }
}

}  // namespace ftpsfs::transfer
