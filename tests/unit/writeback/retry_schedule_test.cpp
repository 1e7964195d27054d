// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/retry_schedule.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "intentions.hpp"

namespace ftpsfs::writeback {
namespace {

using std::chrono::seconds;

class RetryScheduleTest : public ::testing::Test {
 protected:
  /// Pauses of 1, 2, 4 and 5 s.
  RetrySchedule retries_{NameCase::sensitive, seconds(1), seconds(5)};
  const SteadyTime start_{seconds(1'000)};

  SteadyTime at(int second) const { return start_ + seconds(second); }
  std::vector<IntentionId> woken_at(int second) {
    return retries_.wake(at(second), at(second) + seconds(600)).ids;
  }
  static Intention named(const char* path) {
    return intention_of(Action::set_attributes, path_of(path));
  }
};

TEST_F(RetryScheduleTest, BeginsWithoutAPause) {
  EXPECT_TRUE(retries_.may_begin(start_));
  EXPECT_FALSE(retries_.is_link_pausing(start_));
  const auto woken = retries_.wake(start_, at(600));
  EXPECT_TRUE(woken.ids.empty());
  EXPECT_EQ(woken.next, at(600));
}

TEST_F(RetryScheduleTest, PausesOfTheLinkGrowToTheLongest) {
  int now = 0;
  for (const int pause : {1, 2, 4, 5, 5}) {
    retries_.note_link_failure(at(now), at(now), 0);
    EXPECT_TRUE(retries_.is_link_pausing(at(now)));
    EXPECT_EQ(retries_.wake(at(now), at(600)).next, at(now + pause));
    now += pause;
    EXPECT_TRUE(retries_.may_begin(at(now)));
  }
}

TEST_F(RetryScheduleTest, ManyThatFailTogetherArePausedOnce) {
  for (int i = 0; i < 6; ++i) {
    retries_.note_link_failure(start_, start_, 0);
  }
  EXPECT_TRUE(retries_.may_begin(at(1)));
}

TEST_F(RetryScheduleTest, WhereSomethingHasMovedPausesBeginAnew) {
  retries_.note_link_failure(at(0), at(0), 7);
  retries_.note_link_failure(at(1), at(1), 7);
  retries_.note_link_failure(at(3), at(3), 8);
  EXPECT_TRUE(retries_.may_begin(at(4)));
  retries_.note_arrival();
  retries_.note_link_failure(at(4), at(4), 8);
  EXPECT_TRUE(retries_.may_begin(at(5)));
}

TEST_F(RetryScheduleTest, AnAnswerEndsTheLinksPause) {
  retries_.note_link_failure(at(0), at(0), 0);
  retries_.note_answer();
  EXPECT_FALSE(retries_.is_link_pausing(at(0)));
}

TEST_F(RetryScheduleTest, OneTryForAllThatBeginToWaitMeanwhile) {
  retries_.note_link_failure(at(0), at(0), 0);
  EXPECT_FALSE(retries_.may_begin(at(0)));
  retries_.want_try(at(0));
  retries_.want_try(at(0));
  EXPECT_TRUE(retries_.may_begin(at(0)));
  retries_.note_begun();
  EXPECT_FALSE(retries_.may_begin(at(0)));
}

TEST_F(RetryScheduleTest, AWantedTryThatFailsMakesNoPauseLonger) {
  retries_.note_link_failure(at(0), at(0), 0);
  retries_.note_link_failure(at(1), at(1), 0);  // until 3
  retries_.want_try(at(2));
  retries_.note_begun();
  retries_.note_link_failure(at(2), at(2), 0);
  EXPECT_FALSE(retries_.may_begin(at(2)));
  EXPECT_TRUE(retries_.may_begin(at(3)));
}

TEST_F(RetryScheduleTest, WhatBeganBeforeSomebodyWaitedPausesNothingBehindIt) {
  retries_.want_try(at(5));
  retries_.note_begun();
  retries_.note_link_failure(at(4), at(6), 0);
  EXPECT_FALSE(retries_.is_link_pausing(at(6)));
  retries_.note_link_failure(at(5), at(6), 0);
  EXPECT_TRUE(retries_.is_link_pausing(at(6)));
}

TEST_F(RetryScheduleTest, EachThatFailsOnItsOwnHasItsPauses) {
  retries_.note_failure(1, named("/a"), at(0));
  EXPECT_TRUE(retries_.may_begin(at(0))) << "the link does not pause for it";
  EXPECT_TRUE(woken_at(0).empty());
  EXPECT_EQ(retries_.wake(at(0), at(600)).next, at(1));
  EXPECT_EQ(woken_at(1), std::vector<IntentionId>{1});
  EXPECT_TRUE(woken_at(1).empty()) << "once for each pause";
  retries_.note_failure(1, named("/a"), at(1));
  EXPECT_TRUE(woken_at(2).empty());
  EXPECT_EQ(woken_at(3), std::vector<IntentionId>{1});
  retries_.note_end(1);
  EXPECT_TRUE(woken_at(100).empty());
}

TEST_F(RetryScheduleTest, WhoWaitsForANameWakesWhatFailsThere) {
  retries_.note_failure(1, named("/d/a"), at(0));
  retries_.note_failure(2, named("/e"), at(0));
  EXPECT_EQ(retries_.failing(named("/d")), std::vector<IntentionId>{1});
  retries_.want_try(named("/d"), at(0));
  EXPECT_EQ(woken_at(0), std::vector<IntentionId>{1});
  // Its pause goes on as if that try had not been.
  retries_.note_failure(1, named("/d/a"), at(0));
  EXPECT_EQ(retries_.wake(at(0), at(600)).next, at(1));
}

TEST_F(RetryScheduleTest, HurryEndsAllPauses) {
  retries_.note_failure(1, named("/a"), at(0));
  retries_.note_link_failure(at(0), at(0), 0);
  retries_.hurry();
  EXPECT_TRUE(retries_.may_begin(at(0)));
  EXPECT_EQ(woken_at(0), std::vector<IntentionId>{1});
}

TEST_F(RetryScheduleTest, TheWantedTryIsOfTheLastNamesThatWereWaitedFor) {
  EXPECT_EQ(retries_.wanted(), nullptr);
  retries_.want_try(named("/a"), at(0));
  retries_.want_try(named("/b"), at(1));
  retries_.want_try(at(2));  // by somebody who waits for room: any will do
  ASSERT_NE(retries_.wanted(), nullptr);
  EXPECT_EQ(retries_.wanted()->path.str(), "/b");
  retries_.note_begun();
  EXPECT_EQ(retries_.wanted(), nullptr);
}

}  // namespace
}  // namespace ftpsfs::writeback
