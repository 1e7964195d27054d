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
  pool.renew(server_.factory());
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
  pool.renew(server_.factory());
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
  pool.renew(server_.factory());
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
  pool.renew(server_.factory());
  lease->give_back();
  pool.tend();
  EXPECT_EQ(server_.quits, 0);
  session.answer();
  pool.tend();
  EXPECT_EQ(server_.quits, 1);
}

/// They are no proof that the server's house is full: each further try is a failure on the account.
TEST_F(Pool, ANewPasswordThatIsRefusedIsSentOnceBesideRetiredSessions) {
  SessionPool& pool = make(8);
  auto first = pool.acquire(Purpose::read, soon());
  auto second = pool.acquire(Purpose::read, soon());
  int asked = 0;
  first->offer([&asked] { ++asked; });
  second->offer([&asked] { ++asked; });
  pool.renew(server_.factory());
  server_.dials = 0;
  server_.fail_next(make_broken(Errc::login_refused, "530 Login incorrect.", 530), 8);
  for (int i = 0; i < 2; ++i) {
    auto refused = pool.acquire(Purpose::metadata, soon());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::login_refused);
  }
  EXPECT_EQ(server_.dials, 1);
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(pool.counters().limit, 8U);
}

TEST_F(Pool, AFullHouseIsALimitBesideRetiredSessionsToo) {
  SessionPool& pool = make(8);
  auto first = pool.acquire(Purpose::read, soon());
  pool.renew(server_.factory());
  server_.fail_next(make_broken(Errc::login_refused, "530 Sorry, too many for you", 530));
  EXPECT_FALSE(pool.acquire(Purpose::metadata, at_once()));
  EXPECT_EQ(pool.counters().limit, 1U);
  first->give_back();
  pool.tend();
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
}

/// Who dials takes the factory and its number together.
TEST_F(Pool, ARefusalOfTheOldIdentityIsForgottenAndTheNewOneIsAskedOnce) {
  SessionPool& pool = make(2);
  FakeServer next;
  pool.renew([this, &pool, &next](const Wait& wait) {
    pool.renew(next.factory());
    return server_.factory()(wait);
  });
  server_.fail_next(make_broken(Errc::login_refused, "530 Login incorrect.", 530));
  next.fail_next(make_broken(Errc::login_refused, "530 Login incorrect for you.", 530));
  const auto refused = pool.acquire(Purpose::metadata, soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, "530 Login incorrect for you.");
  EXPECT_EQ(server_.dials, 1);
  EXPECT_EQ(next.dials, 1);
  pool_.reset();
}

TEST_F(Pool, ASessionOfTheOldIdentityIsNotLentWhenTheTimeIsOver) {
  SessionPool& pool = make(2);
  const Wait wait = at_once();
  pool.renew([this, &pool, &wait](const Wait& limit) {
    pool.renew(server_.factory());
    while (!wait.expired()) {
      std::this_thread::yield();
    }
    return server_.factory()(limit);
  });
  const auto late = pool.acquire(Purpose::metadata, wait);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::timed_out);
  EXPECT_EQ(server_.alive, 0);
  EXPECT_EQ(pool.counters().logins, 0U);
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
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
    pool.renew(server_.factory());
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
