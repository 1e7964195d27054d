// SPDX-License-Identifier: MIT
//
// Keeps a flood of messages (a server that is away, a disk that is full) out of the log: of a level
// so many at once, and then so many a second. Pure; not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::log {

class Throttle {
 public:
  static constexpr unsigned kBurst = 100;
  static constexpr auto kRefill = std::chrono::milliseconds(200);  ///< for one more message

  /// May a message be written? If so, `left_out` is how many were not, since the last that was.
  bool admit(SteadyTime now, std::uint64_t& left_out) {
    const auto earned = (now - refilled_) / kRefill;
    if (earned > 0) {
      room_ = static_cast<unsigned>(std::min<std::int64_t>(kBurst, room_ + earned));
      refilled_ = room_ == kBurst ? now : refilled_ + earned * kRefill;
    }
    if (room_ == 0) {
      ++held_back_;
      return false;
    }
    --room_;
    left_out = held_back_;
    held_back_ = 0;
    return true;
  }

 private:
  unsigned room_ = kBurst;
  SteadyTime refilled_{};
  std::uint64_t held_back_ = 0;
};

}  // namespace ftpsfs::log
