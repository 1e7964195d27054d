// SPDX-License-Identifier: MIT
//
// The limit of a wait for what comes in parts: as long as they come each may take as long as a
// stall, whatever is left of the time that was given for the whole. Value.
#pragma once

#include <algorithm>
#include <utility>

#include "ftpsfs/base/wait.hpp"

namespace ftpsfs {

class PartsWait {
 public:
  /// @param whole of the first part, and of all where they are quick. @param longest for all.
  PartsWait(Wait whole, Duration stall, Duration longest)
      : limit_(std::move(whole)), stall_(stall), last_(SteadyClock::now() + longest) {}

  const Wait& limit() const noexcept { return limit_; }
  /// A part has come.
  void progress() {
    const SteadyTime next = std::min<SteadyTime>(SteadyClock::now() + stall_, last_);
    limit_.deadline = std::max(limit_.deadline, next);
  }

 private:
  Wait limit_;
  Duration stall_;
  SteadyTime last_;
};

}  // namespace ftpsfs
