// SPDX-License-Identifier: MIT
//
// Whom the pool lends its sessions to, and what its keeper does with them: a test for each rule.
#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "session_pool_fixture.hpp"

namespace ftpsfs::session {
namespace {

TEST_F(Pool, DialsOnDemandAndUsesIdleSessionsAgain) {
  SessionPool& pool = make(3);
  EXPECT_EQ(server_.dials, 0);
  { const auto lease = pool.acquire(Purpose::metadata, soon()); }
  { const auto lease = pool.acquire(Purpose::metadata, soon()); }
  EXPECT_EQ(server_.dials, 1);
  EXPECT_EQ(pool.counters().idle, 1U);
}

TEST_F(Pool, OpensNoMoreThanItsLimit) {
  SessionPool& pool = make(2);
  auto first = pool.acquire(Purpose::metadata, soon());
  auto second = pool.acquire(Purpose::metadata, soon());
  auto third = pool.acquire(Purpose::metadata, at_once());
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Errc::timed_out);
  EXPECT_EQ(server_.dials, 2);
  EXPECT_EQ(pool.counters().waiting, 0U);
}

TEST_F(Pool, AWaiterCanBeInterrupted) {
  SessionPool& pool = make(1);
  auto lease = pool.acquire(Purpose::metadata, soon());
  std::stop_source stop;
  auto waiting = wait_in_queue(Purpose::metadata, Wait{soon().deadline, stop.get_token()});
  stop.request_stop();
  auto got = waiting.get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::cancelled);
}

TEST_F(Pool, WaitersAreServedInTheOrderOfTheirComing) {
  SessionPool& pool = make(1);
  auto lease = std::optional(*pool.acquire(Purpose::metadata, soon()));
  auto first = wait_in_queue(Purpose::metadata);
  auto second = wait_in_queue(Purpose::metadata);
  lease.reset();
  auto got = first.get();
  ASSERT_TRUE(got);
  EXPECT_FALSE(is_ready(second));
  (*got).give_back();
  EXPECT_TRUE(second.get());
}

TEST_F(Pool, ABrokenSessionIsNotUsedAgain) {
  SessionPool& pool = make(1);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    lease->note(make_broken(Errc::timed_out, "gone"));
  }
  EXPECT_EQ(server_.alive, 0);
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_EQ(server_.dials, 2);
}

TEST_F(Pool, WhatWaitsForAPortAloneIsLentMeanwhile) {
  SessionPool& pool = make(1);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    fake(*lease).asks_at_rest = true;
  }
  EXPECT_EQ(server_.rests, 1);
  EXPECT_EQ(pool.counters().idle, 1U);
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_EQ(server_.dials, 1);
}

TEST_F(Pool, TheKeeperTakesInAnswersWhileNobodyUsesTheSession) {
  SessionPool& pool = make(1);
  FakeServer::Session* session = nullptr;
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    session = &fake(*lease);
    session->asks_at_rest = true;
  }
  EXPECT_EQ(server_.rests, 1);
  pool.tend();
  EXPECT_EQ(server_.rests, 2);  // nothing yet
  session->answer();
  pool.tend();
  EXPECT_EQ(server_.rests, 3);
  pool.tend();
  EXPECT_EQ(server_.rests, 3);  // nothing is expected any more
  EXPECT_EQ(pool.counters().idle, 1U);
}

/// The keeper sleeps until there is something to read.
TEST_F(Pool, AnAnswerThatDoesNotComeKeepsNobodyBusy) {
  settings_.max_sessions = 2;
  settings_.threads = true;
  SessionPool& pool = pool_.emplace(settings_, server_.factory(), clock_);
  FakeServer::Session* session = nullptr;
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    session = &fake(*lease);
    session->asks_at_rest = true;
  }
  // A keeper that does not sleep looks thousands of times meanwhile.
  const SteadyTime end = SteadyClock::now() + std::chrono::seconds(1);
  for (int i = 0; i < 20'000 && SteadyClock::now() < end; ++i) {
    std::this_thread::yield();
  }
  EXPECT_LE(server_.rests, 3);
  session->answer();
  while (session->expects) {
    std::this_thread::yield();
  }
}

TEST_F(Pool, AnAnswerThatIsLateEndsTheSession) {
  SessionPool& pool = make(1);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    fake(*lease).asks_at_rest = true;
  }
  pool.tend();
  clock_.advance(settings_.settle_timeout);
  pool.tend();
  EXPECT_EQ(server_.alive, 0);
}

TEST_F(Pool, ABrokenSessionAsksForNothing) {
  SessionPool& pool = make(1);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    lease->discard();
  }
  EXPECT_EQ(server_.rests, 0);
}

TEST_F(Pool, ASessionThatOwesRepliesIsNotLentBeforeTheyHaveCome) {
  SessionPool& pool = make(1);
  FakeServer::Session* session = nullptr;
  {
    auto lease = pool.acquire(Purpose::read, soon());
    session = &fake(*lease);
    session->owes = true;
  }
  pool.tend();
  auto waiting = wait_in_queue(Purpose::read);
  EXPECT_FALSE(is_ready(waiting));
  session->answer();
  pool.tend();
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(server_.dials, 1);
}

/// Its server may hang.
TEST_F(Pool, ASessionThatIsLateWithItsRepliesHoldsUpNobody) {
  SessionPool& pool = make(2);
  {
    auto lease = pool.acquire(Purpose::read, soon());
    fake(*lease).owes = true;
  }
  pool.tend();
  auto waiting = wait_in_queue(Purpose::metadata);
  EXPECT_EQ(server_.dials, 1);
  clock_.advance(settings_.settle_soon);
  pool.tend();
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(server_.dials, 2);
}

TEST_F(Pool, ASessionThatIsLateWithItsRepliesIsDropped) {
  SessionPool& pool = make(1);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    fake(*lease).owes = true;
  }
  clock_.advance(settings_.settle_timeout - std::chrono::milliseconds(1));
  pool.tend();
  EXPECT_EQ(server_.alive, 1);
  clock_.advance(std::chrono::milliseconds(1));
  pool.tend();
  EXPECT_EQ(server_.alive, 0);
  EXPECT_EQ(pool.counters().replaced, 1U);
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
}

/// One that does not answer must not hold up the others.
TEST_F(Pool, SessionsThatComeBackAreSettledSideBySide) {
  SessionPool& pool = make(3);
  FakeServer::Session* second = nullptr;
  {
    auto first = pool.acquire(Purpose::metadata, soon());
    auto other = pool.acquire(Purpose::metadata, soon());
    fake(*first).owes = true;
    second = &fake(*other);
    second->owes = true;
    first->give_back();
  }
  second->answer();
  pool.tend();
  EXPECT_EQ(pool.counters().idle, 1U);
  auto lease = pool.acquire(Purpose::metadata, soon());
  EXPECT_EQ(&fake(*lease), second);
}

TEST_F(Pool, TheKeeperSettlesWhatComesBackWithRepliesOwed) {
  settings_.max_sessions = 1;
  settings_.threads = true;
  SessionPool& pool = pool_.emplace(settings_, server_.factory(), clock_);
  FakeServer::Session* session = nullptr;
  {
    auto lease = pool.acquire(Purpose::read, soon());
    session = &fake(*lease);
    session->owes = true;
  }
  auto waiting = wait_in_queue(Purpose::read);
  session->answer();
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(server_.dials, 1);
}

TEST_F(Pool, ADeadIdleSessionIsReplacedUnnoticed) {
  SessionPool& pool = make(1);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    fake(*lease).dead = true;
  }
  auto lease = pool.acquire(Purpose::metadata, soon());
  ASSERT_TRUE(lease);
  EXPECT_FALSE(fake(*lease).dead);
  EXPECT_EQ(server_.dials, 2);
}

/// A session that has just transferred waits for its next data connection.
TEST_F(Pool, WhoTransfersGetsASessionThatIsReadyForIt) {
  settings_.turnaround = [] { return std::chrono::milliseconds(30); };
  SessionPool& pool = make(3);
  auto oldest = pool.acquire(Purpose::metadata, soon());
  auto middle = pool.acquire(Purpose::metadata, soon());
  auto latest = pool.acquire(Purpose::metadata, soon());
  ASSERT_TRUE(oldest && middle && latest);
  const PooledSession* const first = &oldest->session();
  const PooledSession* const second = &middle->session();
  const PooledSession* const third = &latest->session();
  oldest->give_back();
  clock_.advance(std::chrono::milliseconds(20));
  middle->give_back();
  clock_.advance(std::chrono::milliseconds(20));
  latest->give_back();
  const auto lent = [&pool](Purpose purpose) { return &pool.acquire(purpose, soon())->session(); };
  // 40, 20 and 0 ms have passed; whoever is lent is the last used again.
  EXPECT_EQ(lent(Purpose::metadata), third) << "the last used";
  EXPECT_EQ(lent(Purpose::write), first) << "the only one that is ready";
  EXPECT_EQ(lent(Purpose::read), second) << "none is: the one that is the nearest to it";
  clock_.advance(std::chrono::milliseconds(10));
  EXPECT_EQ(lent(Purpose::metadata), first);  // of those given back together
  clock_.advance(std::chrono::milliseconds(40));
  EXPECT_EQ(lent(Purpose::write), first) << "all are: the last used";
}

TEST_F(Pool, ADeadSessionGivesWayToAnotherIdleOne) {
  SessionPool& pool = make(2);
  {
    auto first = pool.acquire(Purpose::metadata, soon());
    auto second = pool.acquire(Purpose::metadata, soon());
    clock_.advance(std::chrono::seconds(1));
    fake(*second).dead = true;
    first->give_back();
    clock_.advance(std::chrono::seconds(1));
    second->give_back();
  }
  auto lease = pool.acquire(Purpose::metadata, soon());
  ASSERT_TRUE(lease);
  EXPECT_EQ(server_.dials, 2);
  EXPECT_EQ(pool.counters().open, 1U);
}

TEST_F(Pool, ASessionThatIsSpentIsNotLentAgain) {
  SessionPool& pool = make(2);
  {
    const auto lease = pool.acquire(Purpose::metadata, soon());
    fake(*lease).spent = true;
  }
  const auto lease = pool.acquire(Purpose::metadata, soon());
  ASSERT_TRUE(lease);
  EXPECT_FALSE(fake(*lease).spent);
  EXPECT_EQ(server_.alive, 1);
}

TEST_F(Pool, ProbesALongIdleSessionBeforeWhatMustNotBeLost) {
  SessionPool& pool = make(1);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    fake(*lease).hangs = true;
  }
  clock_.advance(settings_.probe_after + std::chrono::seconds(1));
  auto lease = pool.acquire(Purpose::metadata, soon(), true);
  ASSERT_TRUE(lease);
  EXPECT_FALSE(fake(*lease).hangs);
  EXPECT_EQ(server_.probes, 1);
}

TEST_F(Pool, StreamsLeaveOneSessionForMetadata) {
  SessionPool& pool = make(3);
  auto first = pool.acquire(Purpose::read, soon());
  auto second = pool.acquire(Purpose::write, soon());
  auto third = wait_in_queue(Purpose::read);
  EXPECT_FALSE(is_ready(third));
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));  // not held up by the stream before it
  first->give_back();
  EXPECT_TRUE(third.get());
}

TEST_F(Pool, TheOldestStreamIsAskedToGiveWayToAnother) {
  SessionPool& pool = make(3);
  auto first = std::optional(*pool.acquire(Purpose::read, soon()));
  auto second = std::optional(*pool.acquire(Purpose::read, soon()));
  int asked_first = 0;
  int asked_second = 0;
  std::promise<void> asked;
  first->offer([&] {
    ++asked_first;
    asked.set_value();
  });
  second->offer([&] { ++asked_second; });
  auto waiting =
      std::async(std::launch::async, [&pool] { return pool.acquire(Purpose::write, soon()); });
  asked.get_future().wait();
  first.reset();
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(asked_first, 1);
  EXPECT_EQ(asked_second, 0);
  EXPECT_EQ(pool.counters().preemptions, 1U);
}

TEST_F(Pool, AStreamThatOffersWhileSomebodyWaitsIsAskedAtOnce) {
  SessionPool& pool = make(1);
  auto stream = pool.acquire(Purpose::read, soon());
  auto waiting = wait_in_queue(Purpose::metadata);
  bool asked = false;
  stream->offer([&asked] { asked = true; });
  EXPECT_TRUE(asked);
  stream->give_back();
  EXPECT_TRUE(waiting.get());
}

TEST_F(Pool, AStreamMayEndInsideTheRequest) {
  SessionPool& pool = make(1);
  auto stream = pool.acquire(Purpose::read, soon());
  stream->offer([&stream] { stream->give_back(); });
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
}

TEST_F(Pool, MetadataAsksNoStreamWhileOtherMetadataHoldsASession) {
  SessionPool& pool = make(2);
  auto stream = pool.acquire(Purpose::read, soon());
  bool asked = false;
  stream->offer([&asked] { asked = true; });
  auto metadata = pool.acquire(Purpose::metadata, soon());
  auto waiting = wait_in_queue(Purpose::metadata);
  EXPECT_FALSE(asked);
  metadata->give_back();
  EXPECT_TRUE(waiting.get());
  EXPECT_FALSE(asked);
}

TEST_F(Pool, NoRequestComesAfterGivingBack) {
  SessionPool& pool = make(1);
  bool asked = false;
  {
    auto stream = pool.acquire(Purpose::read, soon());
    stream->offer([&asked] { asked = true; });
  }
  auto lease = pool.acquire(Purpose::metadata, soon());
  EXPECT_FALSE(pool.acquire(Purpose::metadata, at_once()));
  EXPECT_FALSE(asked);
}

// ---- The keeper, and the end ----

TEST_F(Pool, TheKeeperKeepsWarmSessionsAliveAndClosesOthers) {
  settings_.warm_sessions = 1;
  SessionPool& pool = make(3);
  {
    auto first = pool.acquire(Purpose::metadata, soon());
    auto second = pool.acquire(Purpose::metadata, soon());
    auto third = pool.acquire(Purpose::metadata, soon());
  }
  clock_.advance(settings_.keep_alive);
  pool.keep_house();
  pool.tend();
  EXPECT_EQ(server_.probes, 3);
  EXPECT_EQ(server_.alive, 3);
  clock_.advance(settings_.idle_close - settings_.keep_alive);
  pool.keep_house();
  EXPECT_EQ(server_.quits, 2);
  EXPECT_EQ(server_.alive, 1);
  clock_.advance(settings_.keep_alive);
  pool.keep_house();
  EXPECT_EQ(server_.alive, 1);
  EXPECT_EQ(server_.probes, 4);
}

TEST_F(Pool, TheKeeperDropsTheDead) {
  SessionPool& pool = make(2);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    fake(*lease).hangs = true;
  }
  clock_.advance(settings_.keep_alive);
  pool.keep_house();
  pool.tend();
  EXPECT_EQ(server_.alive, 1);  // it may yet answer
  clock_.advance(settings_.probe_timeout);
  pool.tend();
  EXPECT_EQ(server_.alive, 0);
}

TEST_F(Pool, WhenOneDiesWithoutAWordTheIdleOnesMustAnswerBeforeTheyAreLent) {
  SessionPool& pool = make(4);
  auto first = pool.acquire(Purpose::metadata, soon());
  FakeServer::Session* alive = nullptr;
  {
    auto second = pool.acquire(Purpose::metadata, soon());
    auto third = pool.acquire(Purpose::metadata, soon());
    fake(*second).hangs = true;
    alive = &fake(*third);
  }
  first->note(make_broken(Errc::timed_out, "no reply in time"));
  first->give_back();
  EXPECT_EQ(server_.probes, 2);
  auto fresh = pool.acquire(Purpose::metadata, soon());
  EXPECT_EQ(server_.dials, 4) << "one was lent that had not answered";
  pool.tend();
  auto proved = pool.acquire(Purpose::metadata, soon());
  ASSERT_TRUE(proved);
  EXPECT_EQ(&fake(*proved), alive);
  EXPECT_EQ(server_.dials, 4);
  clock_.advance(settings_.probe_timeout);
  pool.tend();
  EXPECT_EQ(server_.alive, 2);  // the one that hangs is gone
}

TEST_F(Pool, BehindASleepOfTheMachineIdleOnesMustAnswerBeforeTheyAreLent) {
  SessionPool& pool = make(3);
  FakeServer::Session* alive = nullptr;
  {
    auto first = pool.acquire(Purpose::metadata, soon());
    auto second = pool.acquire(Purpose::metadata, soon());
    fake(*first).hangs = true;
    alive = &fake(*second);
  }
  clock_.sleep(std::chrono::milliseconds(900));  // no more than clocks that are read one by one
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_EQ(server_.probes, 0);
  clock_.sleep(std::chrono::minutes(10));
  {
    const auto fresh = pool.acquire(Purpose::metadata, soon());
    EXPECT_EQ(server_.dials, 3) << "one was lent that had not answered";
  }
  EXPECT_EQ(server_.probes, 2);
  pool.tend();
  auto one = pool.acquire(Purpose::metadata, soon());
  auto other = pool.acquire(Purpose::metadata, soon());
  ASSERT_TRUE(one && other);
  EXPECT_TRUE(&fake(*one) == alive || &fake(*other) == alive);
  EXPECT_EQ(server_.probes, 2) << "once for each sleep";
  EXPECT_EQ(server_.dials, 3);
  clock_.advance(settings_.probe_timeout);
  pool.tend();
  EXPECT_EQ(server_.alive, 2);  // the one that hangs is gone
}

TEST_F(Pool, ADeathThatWasToldSaysNothingOfOthers) {
  SessionPool& pool = make(2);
  auto first = pool.acquire(Purpose::metadata, soon());
  pool.acquire(Purpose::metadata, soon())->give_back();
  first->note(make_broken(Errc::closed, "421 Idle for too long", 421));
  first->give_back();
  EXPECT_EQ(server_.probes, 0);
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_EQ(server_.dials, 2);
}

TEST_F(Pool, ClosingWakesWaitersAndSaysGoodbye) {
  SessionPool& pool = make(2);
  auto stream = pool.acquire(Purpose::metadata, soon());
  { const auto idle = pool.acquire(Purpose::metadata, soon()); }
  auto other = pool.acquire(Purpose::metadata, soon());
  auto waiting = wait_in_queue(Purpose::metadata);
  other->give_back();
  EXPECT_TRUE(waiting.get());
  auto again = pool.acquire(Purpose::metadata, soon());
  auto second_waiter = wait_in_queue(Purpose::metadata);
  pool.close(soon());
  EXPECT_EQ(second_waiter.get().error().code, Errc::closed);
  EXPECT_EQ(pool.acquire(Purpose::metadata, soon()).error().code, Errc::closed);
  stream->give_back();
  again->give_back();
  EXPECT_EQ(server_.quits, 2);
  EXPECT_EQ(server_.alive, 0);
}

}  // namespace
}  // namespace ftpsfs::session
