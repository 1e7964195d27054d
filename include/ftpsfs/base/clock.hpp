// SPDX-License-Identifier: MIT
//
// Where the time of caches and listings comes from: the system, or a test's hand.
#pragma once

#include <time.h>

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
  /// How long this machine has slept since it was started: now() does not count that.
  virtual std::chrono::nanoseconds slept() const = 0;
};

class SystemClock final : public Clock {
 public:
  SteadyTime now() const override { return SteadyClock::now(); }
  WallTime wall_now() const override { return std::chrono::system_clock::now(); }
  std::chrono::nanoseconds slept() const override {
    return time_of(CLOCK_BOOTTIME) - time_of(CLOCK_MONOTONIC);
  }

 private:
  static std::chrono::nanoseconds time_of(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }
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
  std::chrono::nanoseconds slept() const override {
    return std::chrono::nanoseconds(slept_.load());
  }
  void advance(std::chrono::nanoseconds by) { nanoseconds_ += by.count(); }
  void sleep(std::chrono::nanoseconds by) { slept_ += by.count(); }

 private:
  static constexpr long long kWallStart = 1'700'000'000'000'000'000;  // 2023-11-14
  std::atomic<long long> nanoseconds_{1'000'000'000'000};
  std::atomic<long long> slept_{0};
};

}  // namespace ftpsfs
