// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/ranges.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace ftpsfs::transfer {
namespace {

TEST(Ranges, GapsAreWhatIsNotThere) {
  Ranges ranges;
  EXPECT_EQ(ranges.first_gap({0, 10}), (Range{0, 10}));
  EXPECT_EQ(ranges.add({2, 4}), 2U);
  EXPECT_EQ(ranges.add({6, 8}), 2U);
  EXPECT_EQ(ranges.first_gap({0, 10}), (Range{0, 2}));
  EXPECT_EQ(ranges.first_gap({2, 10}), (Range{4, 6}));
  EXPECT_EQ(ranges.first_gap({3, 4}), std::nullopt);
  EXPECT_EQ(ranges.missing({0, 10}), 6U);
  EXPECT_EQ(ranges.add({4, 6}), 2U) << "which joins them";
  EXPECT_EQ(ranges.first_gap({2, 8}), std::nullopt);
  EXPECT_EQ(ranges.remove({3, 5}), 2U);
  EXPECT_EQ(ranges.first_gap({2, 8}), (Range{3, 5}));
  EXPECT_EQ(ranges.first_gap({5, 5}), std::nullopt);
}

TEST(Ranges, AreASet) {
  constexpr std::size_t kSize = 64;
  std::mt19937 random(1);
  Ranges ranges;
  std::vector<bool> model(kSize);
  for (int step = 0; step < 4'000; ++step) {
    const std::size_t a = random() % (kSize + 1);
    const std::size_t b = random() % (kSize + 1);
    const Range range{std::min(a, b), std::max(a, b)};
    const bool adds = random() % 2 == 0;
    std::uint64_t changed = 0;
    for (std::size_t i = range.begin; i < range.end; ++i) {
      changed += model[i] != adds ? 1 : 0;
      model[i] = adds;
    }
    ASSERT_EQ(adds ? ranges.add(range) : ranges.remove(range), changed);
    std::uint64_t begin = 0;
    for (std::size_t i = 0; i < kSize; ++i) {  // as a walk over the gaps sees it
      const auto gap = ranges.first_gap({i, kSize});
      std::size_t expected = i;
      while (expected < kSize && model[expected]) {
        ++expected;
      }
      ASSERT_EQ(gap ? gap->begin : kSize, expected);
      begin = expected;
    }
    ASSERT_LE(begin, kSize);
  }
}

}  // namespace
}  // namespace ftpsfs::transfer
