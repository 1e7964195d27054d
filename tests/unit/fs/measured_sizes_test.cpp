// SPDX-License-Identifier: MIT
#include "../../../src/fs/measured_sizes.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::fs {
namespace {

using std::chrono::seconds;

constexpr Ino kFile = 7;

remote::FileVersion seen_at(std::int64_t mtime) {
  return {std::nullopt, remote::FileTime{mtime, remote::TimeGrain::second}, {}};
}

class MeasuredSizesTest : public ::testing::Test {
 protected:
  std::optional<std::uint64_t> find(const remote::FileVersion& version) const {
    const auto found = sizes_.find(kFile, version);
    return found ? std::optional(found->bytes) : std::nullopt;
  }

  ManualClock clock_;
  MeasuredSizes sizes_{seconds(30), clock_};
};

TEST_F(MeasuredSizesTest, ASizeIsThatOfOneVersionForAWhile) {
  EXPECT_FALSE(find(seen_at(1)));
  EXPECT_TRUE(sizes_.note(kFile, sizes_.begin(kFile), 5, seen_at(1)));
  EXPECT_EQ(find(seen_at(1)), 5U);
  EXPECT_EQ(find({}), 5U) << "nothing says that it is another version";
  EXPECT_FALSE(find(seen_at(2)));
  clock_.advance(seconds(29));
  EXPECT_EQ(sizes_.find(kFile, seen_at(1))->valid_for, seconds(1));
  clock_.advance(seconds(1));
  EXPECT_FALSE(find(seen_at(1)));
  EXPECT_EQ(sizes_.recall(kFile), 5U);
}

TEST_F(MeasuredSizesTest, AReadingThatALocalChangeOvertakesIsNotKept) {
  const auto number = sizes_.begin(kFile);
  EXPECT_EQ(sizes_.begin(kFile), number) << "who comes now waits for the same";
  sizes_.forget(kFile);
  EXPECT_NE(sizes_.begin(kFile), number);
  EXPECT_FALSE(sizes_.note(kFile, number, 5, {}));
  sizes_.note_written(kFile, 6, {});
  EXPECT_FALSE(sizes_.note(kFile, number, 5, {}));
  EXPECT_EQ(find({}), 6U);
}

TEST_F(MeasuredSizesTest, ATimeThatIsSetHereChangesNoSize) {
  sizes_.note_written(kFile, 6, seen_at(1));
  sizes_.retime(kFile, {9, remote::TimeGrain::second});
  EXPECT_EQ(find(seen_at(9)), 6U);
  sizes_.clear();
  EXPECT_FALSE(sizes_.recall(kFile));
}

}  // namespace
}  // namespace ftpsfs::fs
