// SPDX-License-Identifier: MIT
#include "../../../src/fs/growth.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::fs {
namespace {

const SteadyTime kStart{};

SteadyTime at(int ms) {
  return kStart + std::chrono::milliseconds(ms);
}

constexpr Duration kRest{100};

/// The kernel drops its pages at `ms`, and rests from then on.
void drop(Growth& growth, std::uint64_t known, int ms) {
  const auto ticket = growth.begin_dropping(known, at(ms));
  ASSERT_TRUE(ticket);
  growth.end_dropping(*ticket, true, at(ms), kRest);
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
  EXPECT_FALSE(growth.changes_at(at(0))) << "when that ends nobody knows";
  growth.end_dropping(*ticket, true, at(0), kRest);
  EXPECT_EQ(growth.limit(at(99)), 10U);
  EXPECT_FALSE(growth.begin_dropping(20, at(99))) << "it is done";
  EXPECT_EQ(growth.changes_at(at(99)), at(100));
  EXPECT_FALSE(growth.limit(at(100)));
}

TEST(Growth, AFileThatNeverRestsIsToldOfAllTheSame) {
  Growth growth;
  growth.follow(10, at(0));
  const auto ticket = growth.begin_dropping(20, at(0));
  ASSERT_TRUE(ticket);
  growth.follow(20, at(10));
  growth.end_dropping(*ticket, true, at(0), kRest);
  growth.follow(30, at(50));
  EXPECT_EQ(growth.limit(at(99)), 10U);
  EXPECT_EQ(growth.limit(at(100)), 20U);
  const auto next = growth.begin_dropping(40, at(200));
  ASSERT_TRUE(next);
  growth.end_dropping(*ticket, true, at(200), kRest);  // comes late, and is nobody's
  EXPECT_EQ(growth.limit(at(300)), 20U);
  growth.end_dropping(*next, false, at(300), kRest);
  EXPECT_EQ(growth.limit(at(400)), 20U) << "it was not done";
  EXPECT_TRUE(growth.begin_dropping(40, at(400)));
}

TEST(Growth, TheKernelBelievesNothingFromTheDroppingOnUntilTheLargerSizeIsTold) {
  Growth growth;
  EXPECT_FALSE(growth.answer(10, Asker::kernel, at(0)).is_held);
  growth.follow(10, at(0));
  const Growth::Answer before = growth.answer(20, Asker::kernel, at(0));
  EXPECT_EQ(before.size, 10U);
  EXPECT_TRUE(before.is_held);
  const auto ticket = growth.begin_dropping(20, at(0));
  ASSERT_TRUE(ticket);
  EXPECT_TRUE(growth.answer(10, Asker::kernel, at(0)).is_held)
      << "perhaps it had not even heard of that";
  growth.end_dropping(*ticket, true, at(0), kRest);
  EXPECT_TRUE(growth.answer(20, Asker::kernel, at(99)).is_held);
  const Growth::Answer behind = growth.answer(20, Asker::kernel, at(100));
  EXPECT_EQ(behind.size, 20U);
  EXPECT_FALSE(behind.is_held);
}

TEST(Growth, WhatADroppingHasAllowedIsHeardBeforeTheNextBegins) {
  Growth growth;
  growth.follow(10, at(0));
  drop(growth, 20, 0);
  growth.follow(20, at(50));
  EXPECT_FALSE(growth.begin_dropping(30, at(100)));
  EXPECT_EQ(growth.changes_at(at(100)), at(200));
  const Growth::Answer to_program = growth.answer(30, Asker::program, at(100));
  EXPECT_EQ(to_program.size, 20U);
  EXPECT_FALSE(to_program.is_held) << "it may wait instead, and then the kernel has not heard";
  const Growth::Answer to_kernel = growth.answer(30, Asker::kernel, at(1000));
  EXPECT_EQ(to_kernel.size, 20U);
  EXPECT_FALSE(to_kernel.is_held) << "it asks late, and has not heard of it before";
  EXPECT_TRUE(growth.answer(30, Asker::kernel, at(1001)).is_held);
  EXPECT_FALSE(growth.begin_dropping(30, at(1099))) << "it may not be done with what it has heard";
  EXPECT_EQ(growth.changes_at(at(1099)), at(1100));
  EXPECT_TRUE(growth.begin_dropping(30, at(1100)));
}

TEST(Growth, TheKernelIsDoneWithWhatAProgramWasToldBeforeTheNextDroppingBegins) {
  Growth growth;
  growth.follow(10, at(0));
  drop(growth, 20, 0);
  EXPECT_FALSE(growth.answer(20, Asker::program, at(500)).is_held);
  EXPECT_FALSE(growth.answer(20, Asker::program, at(550)).is_held) << "nothing that is new";
  growth.follow(20, at(560));
  EXPECT_FALSE(growth.begin_dropping(30, at(599)));
  EXPECT_TRUE(growth.begin_dropping(30, at(600)));
}

TEST(Growth, WhereTheKernelDoesNotAskTheNextDroppingBeginsAllTheSame) {
  Growth growth;
  growth.follow(10, at(0));
  drop(growth, 20, 0);
  growth.follow(20, at(50));
  EXPECT_FALSE(growth.begin_dropping(30, at(199)));
  EXPECT_TRUE(growth.begin_dropping(30, at(200)));
  EXPECT_TRUE(growth.answer(30, Asker::kernel, at(200)).is_held);
}

TEST(Growth, ALargerSizeIsToldWhenNoReadIsUnderWayThatMayHaveBegunBeforeIt) {
  Growth growth;
  growth.follow(10, at(0));
  drop(growth, 20, 0);
  growth.begin_read(at(90));
  growth.begin_read(at(100));  // is answered with all that may be told by now
  EXPECT_EQ(growth.changes_at(at(90)), at(100));
  EXPECT_EQ(growth.limit(at(100)), 10U);
  EXPECT_FALSE(growth.changes_at(at(100))) << "when that ends nobody knows";
  EXPECT_TRUE(growth.answer(20, Asker::kernel, at(150)).is_held);
  growth.end_read(at(90), at(160));
  EXPECT_EQ(growth.changes_at(at(160)), at(260));
  EXPECT_EQ(growth.limit(at(259)), 10U);
  EXPECT_FALSE(growth.limit(at(260)));
  const Growth::Answer behind = growth.answer(20, Asker::kernel, at(260));
  EXPECT_EQ(behind.size, 20U);
  EXPECT_FALSE(behind.is_held);
  growth.end_read(at(100), at(300));
}

TEST(Growth, AReadThatEndsInTimeDelaysNothingThatHasRestedSince) {
  Growth growth;
  growth.begin_read(at(0));
  growth.follow(10, at(0));
  const auto ticket = growth.begin_dropping(20, at(0));
  ASSERT_TRUE(ticket);
  growth.end_read(at(0), at(10));
  growth.end_dropping(*ticket, true, at(10), kRest);
  EXPECT_EQ(growth.limit(at(109)), 10U);
  EXPECT_FALSE(growth.limit(at(110)));
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
  growth.end_dropping(*ticket, true, at(0), kRest);
  EXPECT_EQ(growth.limit(at(1)), 20U);
}

}  // namespace
}  // namespace ftpsfs::fs
