// SPDX-License-Identifier: MIT
#include "../../../src/transfer/meter.hpp"

#include <gtest/gtest.h>

#include "sizes.hpp"

namespace ftpsfs::transfer {
namespace {

constexpr std::uint64_t kAssumed = 3;

class MeterTest : public ::testing::Test {
 protected:
  void read(std::size_t bytes) {
    meter_.begin();
    meter_.end(bytes);
  }
  bool has_learnt() const { return pace_.restart_bytes() != kAssumed; }

  Pace pace_{kAssumed};
  Meter meter_{pace_, SteadyClock::now() - std::chrono::seconds(1)};
};

TEST_F(MeterTest, TellsWhatItHasSeenOfAMebibyte) {
  read(16384);  // the restart
  EXPECT_FALSE(has_learnt());
  read(kMebibyte);
  EXPECT_TRUE(has_learnt());
}

/// The kernel has collected that while nobody read: it came in no time.
TEST_F(MeterTest, WhatComesBehindAPauseIsNoMeasure) {
  read(16384);
  meter_.pause();
  for (int i = 0; i < 6; ++i) {
    read(kMebibyte);
  }
  EXPECT_FALSE(has_learnt());
  read(kMebibyte);
  EXPECT_TRUE(has_learnt());
}

}  // namespace
}  // namespace ftpsfs::transfer
