// SPDX-License-Identifier: MIT
#include "ftpsfs/remote/ftp_entry.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

namespace ftpsfs::remote {
namespace {

using ftp::FactKind;
using ftp::FileFacts;

FileFacts facts(FactKind kind, std::optional<std::uint16_t> mode,
                std::optional<std::string> perm = std::nullopt) {
  FileFacts made;
  made.name = "x";
  made.kind = kind;
  made.unix_mode = mode;
  made.perm = std::move(perm);
  return made;
}

TEST(EffectiveMode, SaneModesAreShownAsTheyAre) {
  for (const unsigned mode : {0644U, 0600U, 0755U, 0444U, 0400U, 0000U, 0640U, 04755U, 01777U}) {
    const auto shown = static_cast<std::uint16_t>(mode);
    EXPECT_EQ(effective_mode(facts(FactKind::file, shown)), shown);
    EXPECT_EQ(effective_mode(facts(FactKind::dir, shown)), shown);
  }
}

TEST(EffectiveMode, NobodyIsLockedOutByBitsMeantForOthers) {
  EXPECT_EQ(effective_mode(facts(FactKind::file, 0075)), 0775);  // IBM i: ----rwxr-x
  EXPECT_EQ(effective_mode(facts(FactKind::file, 0004)), 0404);
}

TEST(EffectiveMode, PermTakesAwayFromTheOwner) {
  EXPECT_EQ(effective_mode(facts(FactKind::file, 0644, "r")), 0444);
  EXPECT_EQ(effective_mode(facts(FactKind::file, 0644, "adfrw")), 0644);
  EXPECT_EQ(effective_mode(facts(FactKind::file, 0755, "r")), 0555);
  EXPECT_EQ(effective_mode(facts(FactKind::dir, 0755, "fle")), 0555);
  EXPECT_EQ(effective_mode(facts(FactKind::dir, 0755, "flcdmpe")), 0755);
  EXPECT_EQ(effective_mode(facts(FactKind::dir, 0700, "")), 0000);
}

/// pyftpdlib's perm is a setting: a chmod 0444 must read back.
TEST(EffectiveMode, PermNeverAddsToTheBits) {
  EXPECT_EQ(effective_mode(facts(FactKind::file, 0444, "radfwMT")), 0444);
}

TEST(EffectiveMode, PermAloneSpeaksForAll) {
  EXPECT_EQ(effective_mode(facts(FactKind::file, std::nullopt, "radfw")), 0644);
  EXPECT_EQ(effective_mode(facts(FactKind::file, std::nullopt, "r")), 0444);
  EXPECT_EQ(effective_mode(facts(FactKind::dir, std::nullopt, "elcmp")), 0755);
}

TEST(EffectiveMode, NothingKnownIsNothingShown) {
  EXPECT_EQ(effective_mode(facts(FactKind::file, std::nullopt)), std::nullopt);
}

/// ls tells what its names take on the disk; MLSD may mean something else.
TEST(MergeListings, TheSizeOfADirectoryIsTheOneThatLsTells) {
  FileFacts listed = facts(FactKind::dir, 0755);
  listed.name = "d";
  listed.size = 4096;
  FileFacts exact = listed;
  exact.size = 7;
  const auto merged = merge_listings({listed}, {exact});
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_EQ(to_entry(merged[0], "d").size, 4096U);
}

TEST(ToEntry, ASymlinkIsAsLongAsItsTarget) {
  FileFacts made = facts(FactKind::symlink, 0777);
  made.symlink_target = "a/b";
  const Entry entry = to_entry(made, "l");
  EXPECT_EQ(entry.type, FileType::symlink);
  EXPECT_EQ(entry.size, 3U);
  EXPECT_EQ(*entry.symlink_target, "a/b");
  EXPECT_EQ(entry.name, "l");
}

class Merge : public ::testing::Test {
 protected:
  static FileFacts named(const std::string& name, FactKind kind, std::int64_t time = 0,
                         std::uint64_t size = 0) {
    FileFacts made;
    made.name = name;
    made.kind = kind;
    made.size = size;
    made.modify = ftp::FactTime{time, ftp::FactGrain::second};
    return made;
  }
  static FileFacts link(const std::string& name, const std::string& target) {
    FileFacts made = named(name, FactKind::symlink, 60);
    made.modify->grain = ftp::FactGrain::minute;
    made.symlink_target = target;
    return made;
  }
};

TEST_F(Merge, ExactFactsReplaceTheLinesOfList) {
  const auto merged =
      merge_listings({named("f", FactKind::file, 60, 5)}, {named("f", FactKind::file, 61, 6)});
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_EQ(merged[0].modify->unix_seconds, 61);
  EXPECT_EQ(merged[0].size, 6U);
}

TEST_F(Merge, AFollowedLinkStaysALink) {
  const auto merged = merge_listings({link("l", "dir")}, {named("l", FactKind::dir, 99)});
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_EQ(merged[0].kind, FactKind::symlink);
  EXPECT_EQ(merged[0].symlink_target, "dir");
  EXPECT_EQ(merged[0].modify->unix_seconds, 60);  // the target's time is not the link's
}

TEST_F(Merge, AShownLinkGetsItsTargetAndKeepsItsExactTime) {
  const auto merged = merge_listings({link("l", "dir")}, {named("l", FactKind::symlink, 61)});
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_EQ(merged[0].symlink_target, "dir");
  EXPECT_EQ(merged[0].modify->unix_seconds, 61);
}

TEST_F(Merge, DanglingLinksComeFromListAlone) {
  const auto merged = merge_listings({named("f", FactKind::file), link("dead", "nowhere")},
                                     {named("f", FactKind::file)});
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[1].name, "dead");
}

TEST_F(Merge, ANameThatAppearedMeanwhileIsNotLost) {
  const auto merged = merge_listings({named("a", FactKind::file)},
                                     {named("new", FactKind::file), named("a", FactKind::file)});
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[0].name, "new");
  EXPECT_EQ(merged[1].name, "a");
}

}  // namespace
}  // namespace ftpsfs::remote
