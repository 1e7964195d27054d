// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/pace.hpp"

#include <algorithm>

namespace ftpsfs::transfer {
namespace {

constexpr std::uint64_t kLeast = 256ULL << 10;
constexpr std::uint64_t kMost = 8ULL << 20;
/// A wait for a connection, or for the server's disk, is no measure of the way.
constexpr double kLongestRestart = 2;

/// Two threads that meet here may lose one of their samples: it is an average.
void blend(std::atomic<double>& average, double sample) {
  constexpr double kWeight = 0.25;
  const double before = average.load(std::memory_order_relaxed);
  average.store(before == 0 ? sample : before + kWeight * (sample - before),
                std::memory_order_relaxed);
}

}  // namespace

void Pace::note_restart(Seconds took) {
  if (learns_) {
    blend(restart_seconds_, std::min(took.count(), kLongestRestart));
  }
}

void Pace::note_flow(std::uint64_t bytes, Seconds took) {
  if (learns_ && took.count() > 0) {
    blend(bytes_per_second_, static_cast<double>(bytes) / took.count());
  }
}

std::uint64_t Pace::restart_bytes() const {
  const double restart = restart_seconds_.load(std::memory_order_relaxed);
  const double flow = bytes_per_second_.load(std::memory_order_relaxed);
  if (restart == 0 || flow == 0) {
    return assumed_;
  }
  return static_cast<std::uint64_t>(
      std::clamp(restart * flow, static_cast<double>(kLeast), static_cast<double>(kMost)));
}

}  // namespace ftpsfs::transfer
