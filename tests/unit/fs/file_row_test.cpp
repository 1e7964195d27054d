// SPDX-License-Identifier: MIT
//
// Which files are foretold from the order in which others were opened.
#include "../../../src/fs/file_row.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ftpsfs::fs {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Ino kDirectory = 7;

class Row : public ::testing::Test {
 protected:
  /// As a server might list them: by name, but for the first half behind the second.
  Row() {
    for (const int offset : {50, 0}) {
      for (int i = 0; i < 50; ++i) {
        files_.push_back({name(offset + i), 10});
      }
    }
  }
  static std::string name(int i) { return "f" + std::to_string(100 + i); }

  std::vector<std::string> visit(const std::string& name, Ino directory = kDirectory) {
    std::vector<std::string> names;
    for (const RowFile* file : rows_.visit(
             directory, name, [this] { return ++asked_, files_; }, SteadyTime(now_))) {
      names.push_back(file->name);
    }
    return names;
  }
  /// @return what the last visit foretold
  std::vector<std::string> visit_all(int first, int last, Ino directory = kDirectory) {
    std::vector<std::string> names;
    for (int i = first; i <= last; ++i) {
      names = visit(name(i), directory);
    }
    return names;
  }

  RowTracker rows_;
  std::vector<RowFile> files_;
  seconds now_{1000};
  int asked_ = 0;
};

TEST_F(Row, ThreeInTheListingsOrderAreARow) {
  EXPECT_THAT(visit(name(60)), IsEmpty());
  EXPECT_EQ(asked_, 0) << "one file shows nothing";
  EXPECT_THAT(visit(name(61)), IsEmpty());
  const auto ahead = visit(name(62));
  ASSERT_THAT(ahead, SizeIs(RowTracker::kFirstWindow));
  EXPECT_EQ(ahead.front(), name(63));
}

TEST_F(Row, TwoAreOneWhereTheFirstIsTheFirstOfAll) {
  EXPECT_THAT(visit(name(50)), IsEmpty());
  EXPECT_THAT(visit(name(51)), SizeIs(RowTracker::kFirstWindow)) << "of the listing";
  EXPECT_THAT(visit(name(0), 8), IsEmpty());
  EXPECT_THAT(visit(name(1), 8), SizeIs(RowTracker::kFirstWindow)) << "of the names";
}

TEST_F(Row, SortedNamesAreARowWhereTheListingIsNot) {
  const auto ahead = visit_all(45, 51);  // 49 is the last of the listing, 50 its first
  ASSERT_FALSE(ahead.empty());
  EXPECT_EQ(ahead.front(), name(52));
}

TEST_F(Row, TheEndOfTheDirectoryIsTheEnd) {
  EXPECT_THAT(visit_all(44, 47), ElementsAre(name(48), name(49)));
  EXPECT_THAT(visit_all(48, 49), IsEmpty());
}

TEST_F(Row, TheGuessGrowsWhileItIsRight) {
  EXPECT_THAT(visit_all(50, 52), SizeIs(2 * RowTracker::kFirstWindow));
  EXPECT_THAT(visit_all(53, 58), SizeIs(RowTracker::kLargestWindow));
}

TEST_F(Row, CopiesSideBySideAreARow) {
  for (const int i : {0, 2, 1, 4, 3, 7, 5}) {
    visit(name(i));
  }
  EXPECT_THAT(visit(name(6)), ::testing::Contains(name(8)));
}

TEST_F(Row, RandomOpensAreNone) {
  for (const int i : {3, 40, 17, 90, 5, 60, 33, 71}) {
    EXPECT_THAT(visit(name(i)), IsEmpty()) << i;
  }
}

TEST_F(Row, AJumpEndsTheRow) {
  EXPECT_THAT(visit_all(0, 5), Not(IsEmpty()));
  EXPECT_THAT(visit(name(40)), IsEmpty());
  EXPECT_THAT(visit(name(41)), IsEmpty());
  EXPECT_THAT(visit(name(42)), Not(IsEmpty()));
}

TEST_F(Row, WhoPausesForLongBeginsAnew) {
  EXPECT_THAT(visit_all(0, 5), Not(IsEmpty()));
  now_ += seconds(11);
  EXPECT_THAT(visit(name(6)), IsEmpty());
}

TEST_F(Row, TheNextDirectorysRowIsBelievedAtOnce) {
  visit_all(50, 55);
  EXPECT_THAT(visit(name(50), 8), Not(IsEmpty()));
  EXPECT_THAT(visit(name(20), 9), IsEmpty()) << "nobody begins there";
}

TEST_F(Row, NewFilesAreLearnt) {
  visit_all(90, 99);
  files_.push_back({"g1", 1});
  files_.push_back({"g2", 1});
  now_ += seconds(2);
  visit("g1");
  EXPECT_EQ(asked_, 2);
  visit("unknown");
  visit("unknown");
  EXPECT_EQ(asked_, 2) << "not each time";
}

}  // namespace
}  // namespace ftpsfs::fs
