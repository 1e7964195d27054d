// SPDX-License-Identifier: MIT
//
// The limit of a wait: a deadline and a stop token. Every wait of the product takes one, so that
// none is without end.
#pragma once

#include <chrono>
#include <stop_token>
#include <utility>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs {

using SteadyClock = std::chrono::steady_clock;
using SteadyTime = SteadyClock::time_point;
using Duration = std::chrono::milliseconds;

/// As good as for ever. Not Duration::max(): a deadline that far away overflows the clock.
inline constexpr Duration kNoLimit = std::chrono::hours(24 * 365);

struct Wait {
  SteadyTime deadline;
  std::stop_token stop;

  /// A wait of at most `limit` from now.
  static Wait for_at_most(Duration limit, std::stop_token stop = {}) {
    return Wait{SteadyClock::now() + limit, std::move(stop)};
  }

  /// The same stop token with a deadline no later than `limit` from now.
  Wait no_longer_than(Duration limit) const {
    const SteadyTime other = SteadyClock::now() + limit;
    return Wait{other < deadline ? other : deadline, stop};
  }

  /// The same deadline, deaf to the caller's stop: for what must be finished once begun.
  Wait uncancellable() const { return Wait{deadline, {}}; }

  bool expired() const { return SteadyClock::now() >= deadline; }

  /// Was it made without a limit in mind (kNoLimit)? Who waits so waits for a link to come back,
  /// however long that takes; the steps in between must have limits of their own.
  bool is_endless() const { return deadline - SteadyClock::now() > kNoLimit / 2; }

  /// Milliseconds left for poll(2), rounded up, never negative.
  int poll_timeout_ms() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
    if (left.count() <= 0) {
      return 0;
    }
    constexpr auto kLongest = std::chrono::milliseconds(1000 * 60 * 60);
    return static_cast<int>((left < kLongest ? left : kLongest).count());
  }

  /// The error of a wait that ended without its event.
  Error give_up(const char* what) const {
    if (stop.stop_requested()) {
      return make_error(Errc::cancelled, std::string("interrupted while waiting for ") + what);
    }
    return make_error(Errc::timed_out, std::string("timed out waiting for ") + what);
  }
};

}  // namespace ftpsfs
