// SPDX-License-Identifier: MIT
#include "sweep.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/pause.hpp"

namespace ftpsfs::transfer {
namespace {

/// Given away at a time.
constexpr std::uint64_t kSweepPiece = 1ULL << 20;
/// Of time, as several programs may have waited at once.
constexpr Duration kMostTimeAhead{2000};
/// Before what was not taken is offered again.
constexpr Duration kRest{10};

}  // namespace

Sweep::Sweep(std::unique_ptr<ReadStream> stream, Range part, std::uint64_t size, Leftovers give)
    : stream_(std::move(stream)),
      part_(part),
      size_(size),
      give_(std::move(give)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Sweep::~Sweep() = default;

void Sweep::grant(std::uint64_t bytes, Duration time) {
  const MutexLock lock(mutex_);
  granted_ += std::min(bytes, part_.end - part_.begin - granted_);
  time_granted_ = std::min(time_granted_ + time, time_taken_ + kMostTimeAhead);
  granted_more_.notify_one();
}

void Sweep::run(const std::stop_token& stop) {
  try {
    for (std::uint64_t begin = part_.begin; begin < part_.end; begin += kSweepPiece) {
      if (!bring(begin, std::min(begin + kSweepPiece, part_.end), stop)) {
        break;
      }
    }
  } catch (const std::exception& exception) {
    log::debug("a sweep: {}", exception.what());
  }
  is_over_ = true;
}

bool Sweep::bring(std::uint64_t begin, std::uint64_t end, const std::stop_token& stop) {
  {
    MutexLock lock(mutex_);
    if (!granted_more_.wait(mutex_, Wait::for_at_most(kNoLimit, stop), [&]() FTPSFS_NO_ANALYSIS {
          return granted_ >= end - part_.begin || time_taken_ < time_granted_;
        })) {
      return false;
    }
  }
  const SteadyTime begun = SteadyClock::now();
  // Without a limit of its own: the stream knows when a transfer has failed.
  auto slices = stream_->read(begin, static_cast<std::size_t>(end - begin), size_,
                              Wait::for_at_most(kNoLimit, stop));
  if (!slices || total_bytes(*slices) < end - begin) {
    return false;
  }
  Taken taken = give_({begin, *slices});
  for (; taken == Taken::not_now && !stop.stop_requested(); taken = give_({begin, *slices})) {
    pause_for(Wait::for_at_most(kRest, stop));
  }
  if (taken != Taken::yes) {
    return false;
  }
  const MutexLock lock(mutex_);
  time_taken_ += SteadyClock::now() - begun;
  return true;
}

}  // namespace ftpsfs::transfer
