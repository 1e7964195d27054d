// SPDX-License-Identifier: MIT
#include "ftpsfs/remote/remote_path.hpp"

#include <gtest/gtest.h>

#include "ftpsfs/remote/entry.hpp"

namespace ftpsfs::remote {
namespace {

TEST(RemotePath, IsNormalised) {
  EXPECT_EQ(RemotePath::parse("/")->str(), "/");
  EXPECT_EQ(RemotePath::parse("//a///b/./c/")->str(), "/a/b/c");
  EXPECT_EQ(RemotePath::parse("/a/b/../c")->str(), "/a/c");
}

TEST(RemotePath, RefusesWhatCouldBeAnotherPlaceOrACommand) {
  EXPECT_FALSE(RemotePath::parse("relative"));
  EXPECT_FALSE(RemotePath::parse(""));
  EXPECT_FALSE(RemotePath::parse("/../etc"));
  EXPECT_FALSE(RemotePath::parse("/a\r\nDELE b"));
  EXPECT_FALSE(RemotePath::parse(std::string_view("/a\0b", 4)));
}

TEST(RemotePath, ChildTakesOneHarmlessComponent) {
  const RemotePath root;
  EXPECT_EQ(root.child("a")->str(), "/a");
  EXPECT_EQ(root.child("a")->child(" -x*[ ")->str(), "/a/ -x*[ ");
  for (const std::string_view bad : {"", ".", "..", "a/b", "a\nb", "a\rb"}) {
    EXPECT_EQ(root.child(bad).error().code, Errc::invalid_argument) << bad;
  }
  EXPECT_TRUE(root.child(std::string(255, 'x')));
  EXPECT_EQ(root.child(std::string(256, 'x')).error().code, Errc::name_too_long);
}

TEST(RemotePath, KnowsParentAndName) {
  const RemotePath path = *RemotePath::parse("/a/b");
  EXPECT_EQ(path.parent().str(), "/a");
  EXPECT_EQ(path.parent().parent().str(), "/");
  EXPECT_EQ(path.parent().parent().parent().str(), "/");
  EXPECT_EQ(path.name(), "b");
  EXPECT_EQ(RemotePath().name(), "");
}

TEST(FileTime, IsComparedAtTheCoarserGrain) {
  const FileTime second{1'700'000'042, TimeGrain::second};
  const FileTime minute{1'700'000'040, TimeGrain::minute};
  EXPECT_TRUE(may_be_equal(second, minute));
  EXPECT_FALSE(may_be_equal(second, {1'700'000'100, TimeGrain::minute}));
  EXPECT_FALSE(may_be_equal(second, {1'700'000'041, TimeGrain::second}));
  EXPECT_TRUE(may_be_equal({-1, TimeGrain::second}, {-60, TimeGrain::minute}));
}

TEST(FileTime, ADayMayBeginAtAnyHour) {
  constexpr std::int64_t kHour = 3'600;
  const FileTime day{22 * kHour, TimeGrain::day};  // in a zone two hours east
  EXPECT_TRUE(may_be_equal(day, {22 * kHour, TimeGrain::second}));
  EXPECT_TRUE(may_be_equal({46 * kHour - 1, TimeGrain::second}, day));
  EXPECT_FALSE(may_be_equal(day, {46 * kHour, TimeGrain::second}));
  EXPECT_FALSE(may_be_equal(day, {22 * kHour - 1, TimeGrain::second}));
  EXPECT_FALSE(may_be_equal(day, {46 * kHour, TimeGrain::day}));
}

TEST(FileVersion, IsAnotherWhenAnythingKnownDiffers) {
  const FileVersion known{10, FileTime{5, TimeGrain::second}, UniqueFact("u1")};
  EXPECT_TRUE(may_be_same(known, known));
  EXPECT_TRUE(may_be_same(known, {}));
  EXPECT_FALSE(may_be_same(known, {11, std::nullopt, UniqueFact()}));
  EXPECT_FALSE(may_be_same(known, {10, FileTime{6, TimeGrain::second}, UniqueFact()}));
  EXPECT_FALSE(may_be_same(known, {10, FileTime{5, TimeGrain::second}, UniqueFact("u2")}));
}

}  // namespace
}  // namespace ftpsfs::remote
