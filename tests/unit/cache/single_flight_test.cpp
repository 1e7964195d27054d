// SPDX-License-Identifier: MIT
#include "ftpsfs/cache/single_flight.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "ftpsfs/cache/namespace_cache.hpp"

namespace ftpsfs::cache {
namespace {

using namespace std::chrono_literals;
using Flights = SingleFlight<int, std::string>;
using Answer = Result<std::string>;

Wait patient(std::stop_token stop = {}) {
  return Wait::for_at_most(60s, std::move(stop));
}

/// Work that says when it has begun, and ends when it is told to.
class Work {
 public:
  explicit Work(Answer answer) : answer_(std::move(answer)) {}
  Answer operator()() {
    begun_.set_value();
    finish_.get_future().wait();
    return answer_;
  }
  void await_begin() { begun_.get_future().wait(); }
  void finish() { finish_.set_value(); }

 private:
  Answer answer_;
  std::promise<void> begun_;
  std::promise<void> finish_;
};

std::future<Answer> run(Flights& flights, int key, const Wait& wait, std::function<Answer()> work) {
  return std::async(std::launch::async, [&flights, key, wait, work = std::move(work)] {
    return flights.run(key, wait, [&](const Wait&) { return work(); });
  });
}

Answer must_not_run() {
  ADD_FAILURE() << "one was to do the work";
  return std::string("nobody");
}

TEST(SingleFlight, OneWorksAndAllGetTheResult) {
  Flights flights;
  std::atomic<int> worked{0};
  std::promise<void> begun;
  std::promise<void> finish;
  const auto work = [&]() -> Answer {
    if (++worked == 1) {
      begun.set_value();
    }
    finish.get_future().wait();
    return std::string("done");
  };
  auto leader = run(flights, 1, patient(), work);
  begun.get_future().wait();
  std::vector<std::future<Answer>> followers;
  for (int i = 0; i < 4; ++i) {
    // Should a follower come only after the landing, it works on its own: allowed, not hoped for.
    followers.push_back(
        run(flights, 1, patient(), [&]() -> Answer { return std::string("done"); }));
  }
  finish.set_value();
  EXPECT_EQ(*leader.get(), "done");
  for (auto& follower : followers) {
    EXPECT_EQ(*follower.get(), "done");
  }
  EXPECT_EQ(worked, 1);
}

TEST(SingleFlight, FollowerWaitsForTheLeaderAndDoesNotWork) {
  Flights flights;
  Work work(std::string("shared"));
  auto leader = run(flights, 1, patient(), std::ref(work));
  work.await_begin();
  // A follower without patience shows that it waits and does not work …
  const auto hasty =
      flights.run(1, Wait::for_at_most(0ms), [](const Wait&) { return must_not_run(); });
  ASSERT_FALSE(hasty);
  EXPECT_EQ(hasty.error().code, Errc::timed_out);
  work.finish();
  EXPECT_EQ(*leader.get(), "shared");
}

TEST(SingleFlight, OtherKeysFlyAlone) {
  Flights flights;
  Work work(std::string("one"));
  auto leader = run(flights, 1, patient(), std::ref(work));
  work.await_begin();
  const auto other =
      flights.run(2, patient(), [](const Wait&) -> Answer { return std::string("two"); });
  EXPECT_EQ(*other, "two");
  work.finish();
  EXPECT_EQ(*leader.get(), "one");
}

TEST(SingleFlight, ResultIsNotKept) {
  Flights flights;
  int worked = 0;
  const auto count = [&](const Wait&) -> Answer { return std::to_string(++worked); };
  EXPECT_EQ(*flights.run(1, patient(), count), "1");
  EXPECT_EQ(*flights.run(1, patient(), count), "2");
}

TEST(SingleFlight, StoppedFollowerLeavesAtOnce) {
  Flights flights;
  Work work(std::string("late"));
  auto leader = run(flights, 1, patient(), std::ref(work));
  work.await_begin();
  std::stop_source stop;
  auto follower = run(flights, 1, patient(stop.get_token()), must_not_run);
  stop.request_stop();
  EXPECT_EQ(follower.get().error().code, Errc::cancelled);
  work.finish();
  EXPECT_TRUE(leader.get());
}

TEST(SingleFlight, FollowerTakesOverWhenTheLeaderIsInterrupted) {
  Flights flights;
  std::stop_source stop;
  Work work(make_error(Errc::cancelled, "interrupted"));
  auto leader = run(flights, 1, patient(stop.get_token()), std::ref(work));
  work.await_begin();
  auto follower = run(flights, 1, patient(), []() -> Answer { return std::string("took over"); });
  stop.request_stop();
  work.finish();
  EXPECT_EQ(leader.get().error().code, Errc::cancelled);
  EXPECT_EQ(*follower.get(), "took over");
}

TEST(SingleFlight, FollowerTakesOverWhenTheLeadersOwnDeadlineHasPassed) {
  Flights flights;
  Work work(make_error(Errc::timed_out, "too late"));
  auto leader = run(flights, 1, Wait{SteadyClock::now(), {}}, std::ref(work));
  work.await_begin();
  auto follower = run(flights, 1, patient(), []() -> Answer { return std::string("took over"); });
  work.finish();
  EXPECT_EQ(leader.get().error().code, Errc::timed_out);
  EXPECT_EQ(*follower.get(), "took over");
}

/// Lets a follower join for sure: it is inside run() when its stop would be heard.
struct Joined {
  explicit Joined(Flights& flights, int key)
      : result(run(flights, key, patient(), [this]() -> Answer {
          worked = true;
          return std::string("own work");
        })) {}
  std::atomic<bool> worked{false};
  std::future<Answer> result;
};

TEST(SingleFlight, OtherFailuresAreSharedAndNotRetriedByEachInTurn) {
  Flights flights;
  Work work(make_error(Errc::timed_out, "the server is silent"));  // the leader's patience was not
  auto leader = run(flights, 1, patient(), std::ref(work));        // at its end
  work.await_begin();
  Joined follower(flights, 1);
  work.finish();
  EXPECT_EQ(leader.get().error().code, Errc::timed_out);
  const Answer answer = follower.result.get();
  // It joined in time and shares the failure; or it came after the landing, and worked itself.
  EXPECT_EQ(answer.has_value(), follower.worked);
}

TEST(SingleFlight, NobodyWaitsForWorkThatHasThrown) {
  Flights flights;
  EXPECT_THROW(
      (void)flights.run(1, patient(), [](const Wait&) -> Answer { throw std::bad_alloc(); }),
      std::bad_alloc);
  EXPECT_EQ(*flights.run(1, patient(), [](const Wait&) -> Answer { return std::string("next"); }),
            "next");
}

TEST(SingleFlight, ADirectoryVersionCanBeItsKey) {
  SingleFlight<DirectoryVersion, int> flights;
  const auto answer =
      flights.run(DirectoryVersion{1, 2}, patient(), [](const Wait&) -> Result<int> { return 3; });
  EXPECT_EQ(*answer, 3);
}

TEST(SingleFlight, ManyThreadsManyKeys) {
  Flights flights;
  std::atomic<int> working[4] = {};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        const int key = round % 4;
        const auto answer = flights.run(key, patient(), [&](const Wait&) -> Answer {
          EXPECT_EQ(++working[key], 1) << "two at the same work";
          --working[key];
          return std::to_string(key);
        });
        EXPECT_EQ(*answer, std::to_string(key));
      }
    });
  }
}

TEST(SingleFlight, WhoComesWhileWorkAheadOfNeedIsDoneWaitsForIt) {
  Flights flights;
  auto lead = flights.try_lead(1);
  ASSERT_TRUE(lead);
  EXPECT_FALSE(flights.try_lead(1));
  const Answer late =
      flights.run(1, Wait::for_at_most(0s), [](const Wait&) { return must_not_run(); });
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::timed_out);
  lead->land(std::string("ahead"));
  EXPECT_TRUE(flights.try_lead(1));
}

TEST(SingleFlight, WorkAheadThatIsGivenUpIsDoneByWhoWaits) {
  Flights flights;
  auto lead = std::make_optional(flights.try_lead(1));
  auto follower = run(flights, 1, patient(), [] { return Answer(std::string("own")); });
  lead.reset();
  EXPECT_EQ(follower.get().value_or("none"), "own");
  EXPECT_TRUE(flights.try_lead(1));
}

}  // namespace
}  // namespace ftpsfs::cache
