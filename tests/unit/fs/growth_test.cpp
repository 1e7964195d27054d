// SPDX-License-Identifier: MIT
#include "../../../src/fs/growth.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::fs {
namespace {

const SteadyTime kStart{};

SteadyTime at(int ms) {
  return kStart + std::chrono::milliseconds(ms);
}

TEST(Growth, AStepHoldsTheOldSizeUntilPagesAreDroppedAndAMomentMore) {
  Growth growth;
  EXPECT_FALSE(growth.limit(at(0)));
  EXPECT_FALSE(growth.begin_dropping(10, at(0)));
  growth.follow(10, at(0));
  EXPECT_EQ(growth.limit(at(0)), 10U);
  const auto ticket = growth.begin_dropping(20, at(0));
  ASSERT_TRUE(ticket);
  EXPECT_FALSE(growth.begin_dropping(20, at(0))) << "it is being done";
  growth.end_dropping(*ticket, true, at(100));
  EXPECT_EQ(growth.limit(at(99)), 10U);
  EXPECT_FALSE(growth.begin_dropping(20, at(99))) << "it is done";
  EXPECT_EQ(growth.rests_until(), at(100));
  EXPECT_FALSE(growth.limit(at(100)));
}

TEST(Growth, AFileThatNeverRestsIsToldOfAllTheSame) {
  Growth growth;
  growth.follow(10, at(0));
  const auto ticket = growth.begin_dropping(20, at(0));
  ASSERT_TRUE(ticket);
  growth.follow(20, at(10));
  growth.end_dropping(*ticket, true, at(100));
  growth.follow(30, at(50));
  EXPECT_EQ(growth.limit(at(99)), 10U);
  EXPECT_EQ(growth.limit(at(100)), 20U);
  const auto next = growth.begin_dropping(40, at(100));
  ASSERT_TRUE(next);
  growth.end_dropping(*ticket, true, at(100));  // comes late, and is nobody's
  EXPECT_EQ(growth.limit(at(200)), 20U);
  growth.end_dropping(*next, false, at(200));
  EXPECT_EQ(growth.limit(at(300)), 20U) << "it was not done";
  EXPECT_TRUE(growth.begin_dropping(40, at(300)));
}

TEST(Growth, OldSizesTurnUpOnlyInAnswersToOldQuestions) {
  Growth growth;
  const std::uint64_t asked = growth.steps();
  growth.follow(10, at(0));
  growth.follow(20, at(0));
  EXPECT_TRUE(growth.was_size(10, 30, asked));
  EXPECT_TRUE(growth.was_size(25, 30, asked));
  EXPECT_FALSE(growth.was_size(9, 30, asked));
  EXPECT_FALSE(growth.was_size(20, 30, growth.steps())) << "it has shrunk";
}

TEST(Growth, IsForgottenWithAChangeOfOurs) {
  Growth growth;
  const std::uint64_t asked = growth.steps();
  growth.follow(10, at(0));
  const auto ticket = growth.begin_dropping(20, at(0));
  ASSERT_TRUE(ticket);
  growth.reset();
  EXPECT_FALSE(growth.limit(at(0)));
  EXPECT_FALSE(growth.was_size(10, 20, asked));
  growth.follow(20, at(0));
  growth.end_dropping(*ticket, true, at(0));
  EXPECT_EQ(growth.limit(at(1)), 20U);
}

}  // namespace
}  // namespace ftpsfs::fs
