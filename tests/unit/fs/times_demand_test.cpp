// SPDX-License-Identifier: MIT
#include "../../../src/fs/times_demand.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace ftpsfs::fs {
namespace {

using std::chrono::seconds;

constexpr Ino kHere = 7;
constexpr Ino kThere = 8;

class Demand : public ::testing::Test {
 protected:
  ManualClock clock_;
  TimesDemand demand_{clock_};
};

TEST_F(Demand, FewTimesAreAskedTogether) {
  EXPECT_TRUE(demand_.wants_all(kHere, 64));
  EXPECT_TRUE(demand_.is_high());
}

TEST_F(Demand, ASingleTimeSaysNothingAboutOthers) {
  EXPECT_TRUE(demand_.wants_all(kHere, 1));
  EXPECT_FALSE(demand_.is_high());
}

TEST_F(Demand, ManyAreAskedTogetherAfterAFewSingleLooks) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(demand_.wants_all(kHere, 5000));
    EXPECT_FALSE(demand_.wants_all(kThere, 5000));
  }
  EXPECT_TRUE(demand_.wants_all(kHere, 5000));
}

TEST_F(Demand, SeveralAreAskedTogetherJustAfterReaddir) {
  demand_.note_read(kHere);
  EXPECT_TRUE(demand_.wants_all(kHere, 1000));
  EXPECT_FALSE(demand_.wants_all(kThere, 1001));
}

TEST_F(Demand, ManyAreAskedTogetherAtTheSecondLookAfterReaddir) {
  demand_.note_read(kHere);
  EXPECT_FALSE(demand_.wants_all(kHere, 5000));
  EXPECT_TRUE(demand_.wants_all(kHere, 5000));
}

TEST_F(Demand, AReadLongAgoIsNoHint) {
  demand_.note_read(kHere);
  clock_.advance(seconds(5));
  EXPECT_FALSE(demand_.wants_all(kHere, 500));
}

TEST_F(Demand, StaysHighForATimeAndIsThenTriedNoMore) {
  EXPECT_FALSE(demand_.hides_times(kHere)) << "nobody has wanted any";
  ASSERT_TRUE(demand_.wants_all(kHere, 2));
  EXPECT_TRUE(demand_.hides_times(kHere));
  EXPECT_FALSE(demand_.hides_times(kThere)) << "one trial at a time";
  clock_.advance(seconds(11));
  EXPECT_FALSE(demand_.is_high());
  EXPECT_FALSE(demand_.hides_times(kHere));
}

TEST_F(Demand, ALookAtATriedDirectoryKeepsItHigh) {
  ASSERT_TRUE(demand_.wants_all(kHere, 2));
  clock_.advance(seconds(9));
  ASSERT_TRUE(demand_.hides_times(kHere));
  demand_.note_look(kThere);
  demand_.note_look(kHere);
  clock_.advance(seconds(9));
  EXPECT_TRUE(demand_.is_high());
}

}  // namespace
}  // namespace ftpsfs::fs
