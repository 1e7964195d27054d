// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server_dialogue.hpp: faults that come with time, whatever the client does
// meanwhile.
#include <poll.h>

#include <algorithm>
#include <array>

#include "ftpsfs/base/pause.hpp"
#include "support/faulty_ftps_server_dialogue.hpp"

namespace ftpsfs::test {
namespace {

using std::chrono::milliseconds;

milliseconds left_of(milliseconds span, SteadyTime since) {
  return std::chrono::ceil<milliseconds>(since + span - SteadyClock::now());
}

}  // namespace

/// A connection that breaks does so in the middle of anything: from another thread.
void FaultyDialogue::begin_session() {
  session_fault_ = shared_.faults.next("SESSION");
  if (!session_fault_ ||
      (session_fault_->kind != Fault::Kind::reset && session_fault_->kind != Fault::Kind::close)) {
    return;
  }
  const bool by_reset = session_fault_->kind == Fault::Kind::reset;
  const Wait wait = Wait::for_at_most(session_fault_->after);
  session_fault_.reset();
  timer_ = std::jthread([this, by_reset, wait](const std::stop_token& stop) {
    pause_for({wait.deadline, stop});
    if (!stop.stop_requested()) {
      control_.interrupt(by_reset);
    }
  });
}

/// How long the next command is waited for; zero: for ever.
milliseconds FaultyDialogue::patience() const {
  const milliseconds idle = shared_.options.idle_limit;
  if (!session_fault_) {
    return idle;
  }
  const milliseconds left = std::max(left_of(session_fault_->after, began_), milliseconds(1));
  return idle.count() > 0 ? std::min(idle, left) : left;
}

/// What the server ends by itself it ends between two commands.
bool FaultyDialogue::ends_by_time() {
  if (!session_fault_ || left_of(session_fault_->after, began_).count() > 0) {
    return false;
  }
  const Fault fault = *session_fault_;
  if (fault.kind == Fault::Kind::stall) {
    stall();
  } else {
    say_so(fault.reply.empty() ? "421 Your time is up." : fault.reply);
    control_.finish();
  }
  return true;
}

/// Time passes, but not for a client that has gone.
void FaultyDialogue::hold(milliseconds how_long) const {
  // A client that has ended its own direction of a transfer is still there.
  std::array<pollfd, 2> going{pollfd{control_.fd(), POLLRDHUP, 0},
                              pollfd{data_ != nullptr ? data_->fd() : -1, 0, 0}};
  ::poll(going.data(), going.size(), static_cast<int>(std::max<long>(how_long.count(), 0)));
}

void FaultyDialogue::hold_transfer() const {
  hold(left_of(fault_->after, transfer_began_));
}

}  // namespace ftpsfs::test
