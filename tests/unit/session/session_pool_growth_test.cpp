// SPDX-License-Identifier: MIT
//
// Sessions that the pool dials before anybody needs them, and those that it spares for work ahead.
#include <gtest/gtest.h>

#include <thread>

#include "session_pool_fixture.hpp"

namespace ftpsfs::session {
namespace {

TEST_F(Pool, GrowsInTheBackgroundUpToItsLimit) {
  settings_.max_sessions = 3;
  SessionPool& pool = pool_.emplace(settings_, server_.factory(), clock_);
  { const auto lease = pool.acquire(Purpose::metadata, soon()); }
  pool.grow(8);
  while (pool.counters().idle < 3) {
    std::this_thread::yield();
  }
  EXPECT_EQ(server_.dials, 3);
}

TEST_F(Pool, AFailureToGrowIsNobodysError) {
  settings_.max_sessions = 3;
  SessionPool& pool = pool_.emplace(settings_, server_.factory(), clock_);
  auto lease = pool.acquire(Purpose::metadata, soon());
  server_.fail_next(make_broken(Errc::closed, "421 full", 421));
  pool.grow(2);
  while (pool.counters().limit != 1) {
    std::this_thread::yield();
  }
  lease->give_back();
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_EQ(server_.dials, 2);
}

TEST_F(Pool, WhatIsIdleIsHadWithoutWaiting) {
  SessionPool& pool = make(2);
  EXPECT_FALSE(pool.try_acquire(Purpose::listing));
  auto first = pool.acquire(Purpose::metadata, soon());
  EXPECT_FALSE(pool.try_acquire(Purpose::listing));
  first->give_back();
  const auto second = pool.try_acquire(Purpose::listing);
  ASSERT_TRUE(second);
  EXPECT_FALSE(pool.try_acquire(Purpose::listing));
  EXPECT_EQ(server_.dials, 1);
}

TEST_F(Pool, WorkAheadNeverTakesTheLastIdleSession) {
  SessionPool& pool = make(4);
  { const auto lease = pool.acquire(Purpose::metadata, soon()); }
  auto ahead = pool.acquire_spare(soon());
  ASSERT_TRUE(ahead);
  EXPECT_EQ(server_.dials, 2) << "one was dialled beside the idle one";
  auto more = pool.acquire_spare(soon());
  ASSERT_TRUE(more);
  EXPECT_EQ(server_.dials, 3);
  const auto last = pool.acquire_spare(soon());
  ASSERT_TRUE(last);
  EXPECT_EQ(server_.dials, 4);
  EXPECT_FALSE(pool.acquire_spare(soon())) << "one place is left to programs";
  EXPECT_EQ(pool.counters().idle, 1U);
  more->give_back();
  EXPECT_TRUE(pool.acquire_spare(soon())) << "two were idle";
  EXPECT_EQ(server_.dials, 4);
}

TEST_F(Pool, WorkAheadThatProgramsWaitForMayTakeAllPlaces) {
  SessionPool& pool = make(2);
  { const auto lease = pool.acquire(Purpose::metadata, soon()); }
  const auto first = pool.acquire_spare(soon(), 0);
  EXPECT_TRUE(first);
  EXPECT_EQ(server_.dials, 1) << "the idle one";
  EXPECT_FALSE(pool.acquire_spare(soon())) << "one place is left to programs";
  const auto second = pool.acquire_spare(soon(), 0);
  EXPECT_TRUE(second);
  EXPECT_EQ(server_.dials, 2);
  EXPECT_FALSE(pool.acquire_spare(soon(), 0));
}

TEST_F(Pool, WorkAheadDialsOnlyWhereAPlaceIsLeft) {
  SessionPool& pool = make(2);
  const auto busy = pool.acquire(Purpose::metadata, soon());
  EXPECT_FALSE(pool.acquire_spare(soon()));
  EXPECT_EQ(server_.dials, 1);
}

TEST_F(Pool, OneConnectionHasNoneToSpare) {
  SessionPool& pool = make(1);
  { const auto lease = pool.acquire(Purpose::metadata, soon()); }
  EXPECT_FALSE(pool.acquire_spare(soon()));
  EXPECT_EQ(server_.dials, 1);
}

TEST_F(Pool, ARefusedDialForWorkAheadIsNobodysError) {
  SessionPool& pool = make(3);
  { const auto lease = pool.acquire(Purpose::metadata, soon()); }
  server_.fail_next(make_broken(Errc::closed, "421 full", 421));
  EXPECT_FALSE(pool.acquire_spare(soon()));
  EXPECT_EQ(pool.counters().limit, 1U);
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
}

}  // namespace
}  // namespace ftpsfs::session
