// SPDX-License-Identifier: MIT
#include "ftpsfs/base/log_throttle.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::log {
namespace {

using std::chrono::seconds;

unsigned admitted(Throttle& throttle, SteadyTime now, unsigned messages) {
  unsigned count = 0;
  std::uint64_t left_out = 0;
  for (unsigned i = 0; i < messages; ++i) {
    count += throttle.admit(now, left_out) ? 1 : 0;
  }
  return count;
}

TEST(LogThrottle, LetsABurstThroughAndThenHoldsBack) {
  Throttle throttle;
  const SteadyTime now = SteadyClock::now();
  EXPECT_EQ(admitted(throttle, now, 1000), Throttle::kBurst);
}

TEST(LogThrottle, LetsFiveASecondThroughLater) {
  Throttle throttle;
  const SteadyTime now = SteadyClock::now();
  admitted(throttle, now, 1000);
  EXPECT_EQ(admitted(throttle, now + seconds(2), 1000), 10U);
  EXPECT_EQ(admitted(throttle, now + seconds(2), 1000), 0U);
  EXPECT_EQ(admitted(throttle, now + seconds(3600), 1000), Throttle::kBurst);
}

TEST(LogThrottle, TellsHowManyWereLeftOut) {
  Throttle throttle;
  const SteadyTime now = SteadyClock::now();
  admitted(throttle, now, Throttle::kBurst + 7);
  std::uint64_t left_out = 0;
  ASSERT_TRUE(throttle.admit(now + seconds(1), left_out));
  EXPECT_EQ(left_out, 7U);
  ASSERT_TRUE(throttle.admit(now + seconds(1), left_out));
  EXPECT_EQ(left_out, 0U);
}

}  // namespace
}  // namespace ftpsfs::log
