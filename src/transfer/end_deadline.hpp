// SPDX-License-Identifier: MIT
//
// The one deadline of an upload's end. When the last byte is sent, a program waits in close() for
// all that may follow: the verdict, a look at what has arrived over a new connection, a part that
// is sent again. Each of these steps has the stall timeout; a server that died half-way would let
// each of them run out in turn. So they share a deadline, which only bytes put off.
//
// Half a stall timeout longer than the verdict may take: behind a link that died without a word the
// look must have time for a new connection. None where the link is waited for.
//
// Private to src/transfer. Not thread-safe.
#pragma once

#include <algorithm>
#include <optional>
#include <stop_token>
#include <utility>

#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/transfer/limits.hpp"

namespace ftpsfs::transfer {

class EndDeadline {
 public:
  explicit EndDeadline(const Limits& limits)
      : stall_(limits.stall_timeout), is_needed_(!limits.waits_for_link()) {}

  /// The last byte is sent. One that runs already stays as it is: nothing has arrived since.
  void begin() {
    if (is_needed_ && !at_) {
      at_ = SteadyClock::now() + stall_ * 3 / 2;
    }
  }
  /// More has arrived, or is to be sent.
  void end() { at_.reset(); }
  /// Bytes have moved since then: that time is not the server's silence.
  void put_off(SteadyTime since) {
    if (at_) {
      *at_ += SteadyClock::now() - since;
    }
  }

  bool is_over() const { return at_ && SteadyClock::now() >= *at_; }
  /// For who waits for a server, or for a link, to come back.
  Wait rest(std::stop_token stop) const {
    return at_ ? Wait{*at_, std::move(stop)} : Wait::for_at_most(stall_, std::move(stop));
  }
  /// For the next step, whatever it is.
  Wait step(std::stop_token stop) const {
    Wait step = Wait::for_at_most(stall_, std::move(stop));
    step.deadline = at_ ? std::min(step.deadline, *at_) : step.deadline;
    return step;
  }

 private:
  Duration stall_;
  bool is_needed_;
  std::optional<SteadyTime> at_;
};

}  // namespace ftpsfs::transfer
