// SPDX-License-Identifier: MIT
//
// What becomes of sessions whose identity is replaced.
#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <utility>

#include "session_pool_fixture.hpp"

namespace ftpsfs::session {
namespace {

TEST_F(Pool, RetiredSessionsAreNotLentAgain) {
  SessionPool& pool = make(8);
  pool.acquire(Purpose::metadata, soon())->give_back();
  ASSERT_EQ(server_.dials, 1);
  pool.retire_sessions();
  EXPECT_FALSE(pool.try_acquire(Purpose::metadata));
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_EQ(server_.dials, 2);
  pool.tend();
  EXPECT_EQ(server_.quits, 1);
  EXPECT_EQ(pool.counters().open, 1U);
  EXPECT_EQ(pool.counters().replaced, 0U);
}

TEST_F(Pool, ALeaseOutlivesTheIdentityAndItsSessionIsClosedAfterwards) {
  SessionPool& pool = make(2);
  auto stream = pool.acquire(Purpose::read, soon());
  pool.retire_sessions();
  pool.tend();
  EXPECT_EQ(server_.quits, 0);
  EXPECT_FALSE(fake(*stream).dead);
  stream->give_back();
  EXPECT_FALSE(pool.try_acquire(Purpose::metadata));
  pool.tend();
  EXPECT_EQ(server_.quits, 1);
  EXPECT_EQ(server_.alive, 0);
}

TEST_F(Pool, AFullHouseOfRetiredSessionsMakesRoomAsTheyAreClosed) {
  SessionPool& pool = make(1);
  pool.acquire(Purpose::metadata, soon())->give_back();
  pool.retire_sessions();
  auto next = wait_in_queue(Purpose::metadata);
  EXPECT_FALSE(is_ready(next));
  pool.tend();
  EXPECT_TRUE(next.get());
  EXPECT_EQ(server_.dials, 2);
}

TEST_F(Pool, RetiredSessionsThatStillOweRepliesAreClosedOnceTheyHaveCome) {
  SessionPool& pool = make(2);
  auto lease = pool.acquire(Purpose::metadata, soon());
  auto& session = fake(*lease);
  session.owes = true;
  pool.retire_sessions();
  lease->give_back();
  pool.tend();
  EXPECT_EQ(server_.quits, 0);
  session.answer();
  pool.tend();
  EXPECT_EQ(server_.quits, 1);
}

/// Neither a session nor a refusal of the old identity may count.
TEST_F(Pool, ALoginUnderWayIsMadeAgain) {
  for (const bool refused : {true, false}) {
    SessionPool& pool = make(2);
    server_.dials = 0;
    std::promise<void> gate;
    std::shared_future<void> open = gate.get_future().share();
    server_.on_dial = [open] { open.wait(); };
    if (refused) {
      server_.fail_next(make_broken(Errc::login_refused, "530 Login incorrect.", 530));
    }
    auto lease =
        std::async(std::launch::async, [&pool] { return pool.acquire(Purpose::metadata, soon()); });
    while (server_.dialling < 1) {
      std::this_thread::yield();
    }
    pool.retire_sessions();
    gate.set_value();
    auto got = lease.get();
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(server_.dials, 2);
    got->give_back();
    EXPECT_TRUE(pool.try_acquire(Purpose::metadata)) << "it is of the new identity";
  }
}

}  // namespace
}  // namespace ftpsfs::session
