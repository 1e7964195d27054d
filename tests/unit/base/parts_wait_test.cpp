// SPDX-License-Identifier: MIT
#include "ftpsfs/base/parts_wait.hpp"

#include <gtest/gtest.h>

namespace ftpsfs {
namespace {

TEST(PartsWait, ProgressGivesTheNextPartItsOwnTime) {
  constexpr std::chrono::minutes kStall(1);
  constexpr std::chrono::hours kLongest(1);
  const SteadyTime now = SteadyClock::now();
  std::stop_source source;
  PartsWait parts({now, source.get_token()}, kStall, kLongest);
  EXPECT_EQ(parts.limit().deadline, now);
  parts.progress();
  EXPECT_GE(parts.limit().deadline, now + kStall);
  EXPECT_LT(parts.limit().deadline, now + kLongest);
  source.request_stop();
  EXPECT_TRUE(parts.limit().stop.stop_requested()) << "it can be interrupted as before";
}

TEST(PartsWait, ProgressIsNotRewardedForEver) {
  constexpr std::chrono::seconds kLongest(1);
  PartsWait parts({SteadyClock::now(), {}}, std::chrono::minutes(1), kLongest);
  parts.progress();
  EXPECT_LE(parts.limit().deadline, SteadyClock::now() + kLongest);
}

TEST(PartsWait, ProgressTakesNothingAway) {
  const SteadyTime late = SteadyClock::now() + std::chrono::hours(1);
  PartsWait parts({late, {}}, std::chrono::seconds(1), std::chrono::seconds(1));
  parts.progress();
  EXPECT_EQ(parts.limit().deadline, late);
}

}  // namespace
}  // namespace ftpsfs
