// SPDX-License-Identifier: MIT
//
// A wait that may be begun anew: what comes behind something that took its time has as long as if
// nothing had been before it.
#pragma once

#include <utility>

#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::writeback {

class WaitAnew {
 public:
  explicit WaitAnew(const Wait& wait)
      : span_(wait.deadline - SteadyClock::now()), stop_(wait.stop) {}

  /// As long as the first one, from now on.
  Wait begin() const { return Wait{SteadyClock::now() + span_, stop_}; }

 private:
  SteadyClock::duration span_;
  std::stop_token stop_;
};

}  // namespace ftpsfs::writeback
