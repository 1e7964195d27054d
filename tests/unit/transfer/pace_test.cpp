// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/pace.hpp"

#include <gtest/gtest.h>

#include "sizes.hpp"

namespace ftpsfs::transfer {
namespace {

using Seconds = Pace::Seconds;

TEST(Pace, AssumesBeforeItHasSeenBoth) {
  Pace pace(3 * kMebibyte);
  EXPECT_EQ(pace.restart_bytes(), 3 * kMebibyte);
  pace.note_restart(Seconds(0.05));
  EXPECT_EQ(pace.restart_bytes(), 3 * kMebibyte);
}

TEST(Pace, IsWhatWouldHaveComeMeanwhile) {
  Pace pace;
  pace.note_restart(Seconds(0.05));
  pace.note_flow(100 * kMebibyte, Seconds(1));
  EXPECT_EQ(pace.restart_bytes(), 5 * kMebibyte);
}

TEST(Pace, FollowsTheWay) {
  Pace pace;
  pace.note_restart(Seconds(0.05));
  pace.note_flow(100 * kMebibyte, Seconds(1));
  for (int i = 0; i < 40; ++i) {
    pace.note_flow(40 * kMebibyte, Seconds(1));
  }
  EXPECT_NEAR(static_cast<double>(pace.restart_bytes()), 2.0 * kMebibyte, 0.01 * kMebibyte);
}

TEST(Pace, StaysWithinReason) {
  Pace slow;
  slow.note_restart(Seconds(0.05));
  slow.note_flow(1000, Seconds(1));
  EXPECT_EQ(slow.restart_bytes(), 256U << 10U);
  Pace fast;
  fast.note_restart(Seconds(60));  // some connection was waited for
  fast.note_flow(1000 * kMebibyte, Seconds(1));
  EXPECT_EQ(fast.restart_bytes(), 8 * kMebibyte);
}

}  // namespace
}  // namespace ftpsfs::transfer
