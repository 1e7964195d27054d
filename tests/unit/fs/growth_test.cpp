// SPDX-License-Identifier: MIT
#include "../../../src/fs/growth.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::fs {
namespace {

TEST(Growth, AStepHoldsTheOldSizeUntilPagesAreDropped) {
  Growth growth;
  EXPECT_FALSE(growth.limit());
  EXPECT_FALSE(growth.begin_dropping(10));
  growth.follow(10);
  EXPECT_EQ(growth.limit(), 10U);
  const auto ticket = growth.begin_dropping(20);
  ASSERT_TRUE(ticket);
  EXPECT_FALSE(growth.begin_dropping(20)) << "it is being done";
  growth.dropped(*ticket, true);
  EXPECT_FALSE(growth.limit());
}

TEST(Growth, AStepDuringTheDroppingHoldsTheSizeOfItsBeginning) {
  Growth growth;
  growth.follow(10);
  const auto ticket = growth.begin_dropping(20);
  ASSERT_TRUE(ticket);
  growth.follow(20);
  growth.dropped(*ticket, true);
  EXPECT_EQ(growth.limit(), 20U);
  const auto next = growth.begin_dropping(30);
  ASSERT_TRUE(next);
  growth.dropped(*ticket, true);  // comes late, and is nobody's
  EXPECT_EQ(growth.limit(), 20U);
  growth.dropped(*next, false);
  EXPECT_EQ(growth.limit(), 20U) << "it was not done";
  EXPECT_TRUE(growth.begin_dropping(30));
}

TEST(Growth, OldSizesTurnUpOnlyInAnswersToOldQuestions) {
  Growth growth;
  const std::uint64_t asked = growth.steps();
  growth.follow(10);
  growth.follow(20);
  EXPECT_TRUE(growth.was_size(10, 30, asked));
  EXPECT_TRUE(growth.was_size(25, 30, asked));
  EXPECT_FALSE(growth.was_size(9, 30, asked));
  EXPECT_FALSE(growth.was_size(20, 30, growth.steps())) << "it has shrunk";
}

TEST(Growth, IsForgottenWithAChangeOfOurs) {
  Growth growth;
  const std::uint64_t asked = growth.steps();
  growth.follow(10);
  const auto ticket = growth.begin_dropping(20);
  ASSERT_TRUE(ticket);
  growth.reset();
  EXPECT_FALSE(growth.limit());
  EXPECT_FALSE(growth.was_size(10, 20, asked));
  growth.follow(20);
  growth.dropped(*ticket, true);
  EXPECT_EQ(growth.limit(), 20U);
}

}  // namespace
}  // namespace ftpsfs::fs
