// SPDX-License-Identifier: MIT
#include "ftpsfs/app/background.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "ftpsfs/app/exit_code.hpp"

namespace ftpsfs::app {
namespace {

using testing::HasSubstr;

constexpr auto kVerdictLimit = std::chrono::seconds(20);

/// Runs `child` behind a fork and returns what the parent hears.
template <typename Child>
Verdict hear(Child child, Duration limit = kVerdictLimit) {
  auto background = Background::fork();
  if (!background) {
    return {-1, background.error().text};
  }
  if (background->is_child()) {
    child(*background);
    ::_exit(7);
  }
  return background->await(Wait::for_at_most(limit));
}

TEST(BackgroundProcess, SuccessIsHeard) {
  const Verdict verdict = hear([](Background& side) { side.tell({kExitDone, ""}); });
  EXPECT_EQ(verdict.exit_code, kExitDone);
  EXPECT_EQ(verdict.text, "");
}

TEST(BackgroundProcess, FailureIsHeardWithItsWords) {
  const Verdict verdict = hear([](Background& side) {
    side.tell({kExitFailure, "first\nsecond"});
  });
  EXPECT_EQ(verdict.exit_code, kExitFailure);
  EXPECT_EQ(verdict.text, "first\nsecond");
}

TEST(BackgroundProcess, LongWordsAreCut) {
  const Verdict verdict = hear([](Background& side) {
    side.tell({kExitUsage, std::string(100'000, 'x')});
  });
  EXPECT_EQ(verdict.exit_code, kExitUsage);
  EXPECT_GT(verdict.text.size(), 1000U);
}

TEST(BackgroundProcess, AnEndWithoutAWordIsAFailure) {
  EXPECT_THAT(hear([](Background&) { ::_exit(3); }).text, HasSubstr("status 3"));
  const Verdict killed = hear([](Background&) { ::raise(SIGKILL); });
  EXPECT_EQ(killed.exit_code, kExitFailure);
  EXPECT_THAT(killed.text, HasSubstr("signal 9"));
}

TEST(BackgroundProcess, SilenceIsAFailureAndEndsTheChild) {
  const Verdict verdict = hear([](Background&) { ::pause(); }, Duration(50));
  EXPECT_EQ(verdict.exit_code, kExitFailure);
  EXPECT_THAT(verdict.text, HasSubstr("in time"));
}

}  // namespace
}  // namespace ftpsfs::app
