// SPDX-License-Identifier: MIT
//
// A pool whose server is faked: no socket, no clock but the test's own.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <thread>

#include "fake_sessions.hpp"
#include "ftpsfs/session/session_pool.hpp"
#include "soon.hpp"

namespace ftpsfs::session {

inline Wait at_once() {
  return Wait::for_at_most(std::chrono::milliseconds(20));
}

class Pool : public ::testing::Test {
 protected:
  SessionPool& make(unsigned max_sessions) {
    settings_.max_sessions = max_sessions;
    settings_.threads = false;
    pool_.emplace(settings_, server_.factory(), clock_);
    return *pool_;
  }

  /// Starts an acquire on another thread and returns when it waits in the queue.
  std::future<Result<Lease>> wait_in_queue(Purpose purpose, Wait wait = soon()) {
    const unsigned before = pool_->counters().waiting;
    auto future = std::async(std::launch::async,
                             [this, purpose, wait] { return pool_->acquire(purpose, wait); });
    while (pool_->counters().waiting == before) {
      std::this_thread::yield();
    }
    return future;
  }

  static bool is_ready(std::future<Result<Lease>>& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  PoolSettings settings_;
  ManualClock clock_;
  FakeServer server_;
  std::optional<SessionPool> pool_;
};

}  // namespace ftpsfs::session
