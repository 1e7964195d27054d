// SPDX-License-Identifier: MIT
//
// Watches one download and tells the mount's Pace what it sees. Not thread-safe; lives on the
// pump's stack.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/transfer/pace.hpp"

namespace ftpsfs::transfer {

class Meter {
 public:
  Meter(Pace& pace, SteadyTime wished_at) : pace_(pace), wished_at_(wished_at) {}

  /// Nothing was read for a while.
  void pause() {
    ignored_ = kReceiveBuffer;
    bytes_ = 0;
    took_ = Pace::Seconds(0);
  }
  void begin() { begun_at_ = SteadyClock::now(); }
  void end(std::size_t bytes) {
    const SteadyTime now = SteadyClock::now();
    if (std::exchange(is_first_, false)) {
      pace_.note_restart(now - wished_at_);
      return;
    }
    if (ignored_ > 0) {
      ignored_ -= std::min<std::uint64_t>(ignored_, bytes);
      return;
    }
    bytes_ += bytes;
    took_ += now - begun_at_;
    if (bytes_ >= kFlowSample) {
      pace_.note_flow(std::exchange(bytes_, 0), std::exchange(took_, Pace::Seconds(0)));
    }
  }

 private:
  /// The flow is measured over so many bytes.
  static constexpr std::uint64_t kFlowSample = 1ULL << 20;
  /// What the kernel may have collected while nobody read: no measure of the way.
  static constexpr std::uint64_t kReceiveBuffer = 6ULL << 20;

  Pace& pace_;
  const SteadyTime wished_at_;
  SteadyTime begun_at_{};
  bool is_first_ = true;
  std::uint64_t ignored_ = 0;
  std::uint64_t bytes_ = 0;
  Pace::Seconds took_{0};
};

}  // namespace ftpsfs::transfer
