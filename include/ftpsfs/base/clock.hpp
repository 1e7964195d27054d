// SPDX-License-Identifier: MIT
//
// Where the time of caches and listings comes from: the system, or a test's hand.
#pragma once

#include <atomic>
#include <chrono>

#include "ftpsfs/base/wait.hpp"

namespace ftpsfs {

using WallTime = std::chrono::system_clock::time_point;

/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime now() const = 0;
  virtual WallTime wall_now() const = 0;
};

class SystemClock final : public Clock {
 public:
  SteadyTime now() const override { return SteadyClock::now(); }
  WallTime wall_now() const override { return std::chrono::system_clock::now(); }
};

/// Stands still until it is moved: for tests.
class ManualClock final : public Clock {
 public:
  SteadyTime now() const override {
    return SteadyTime(std::chrono::nanoseconds(nanoseconds_.load()));
  }
  WallTime wall_now() const override {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(
        std::chrono::nanoseconds(kWallStart + nanoseconds_.load())));
  }
  void advance(std::chrono::nanoseconds by) { nanoseconds_ += by.count(); }

 private:
  static constexpr long long kWallStart = 1'700'000'000'000'000'000;  // 2023-11-14
  std::atomic<long long> nanoseconds_{1'000'000'000'000};
};

}  // namespace ftpsfs
