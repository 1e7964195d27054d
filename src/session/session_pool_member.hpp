// SPDX-License-Identifier: MIT
//
// What the pool remembers of one session, and of one caller in its queue. Private to the pool; all
// fields are guarded by its mutex, save `session`, which belongs to whoever leased the member.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "ftpsfs/session/session_pool.hpp"

namespace ftpsfs::session {

/// QUIT is a courtesy: its reply is worth no more of anybody's time.
inline constexpr Duration kGoodbyeLimit = std::chrono::seconds(1);

struct Lease::Member {
  std::unique_ptr<PooledSession> session;  ///< null while it is being dialled
  bool live = false;                       ///< logged in; the session may be used again
  bool leased = false;
  Purpose purpose = Purpose::metadata;
  std::uint64_t grant = 0;  ///< counts leases: small is old
  std::function<void()> on_yield;
  bool asked = false;
  std::thread::id caller;   ///< the thread that runs on_yield now
  int descriptor = -1;      ///< of the session, while replies are expected
  bool expecting = false;   ///< idle, with a reply on its way that the next user may take in
  bool kept = false;        ///< leased by the keeper, until `settle_by`
  bool retired = false;     ///< of an identity that has been replaced: not to be lent again
  bool comes_back = false;  ///< kept, and the reply is certain to come soon
  SteadyTime settle_by;
  SteadyTime idle_since;
  SteadyTime last_sign_of_life;  ///< also by keep-alive
};

struct SessionPool::Waiter {
  explicit Waiter(Purpose wanted) : purpose(wanted) {}

  const Purpose purpose;
  Member* member = nullptr;  ///< set when the turn has come
  ConditionVariable turn;    ///< one for each: a crowd is not woken for one grant
};

}  // namespace ftpsfs::session
