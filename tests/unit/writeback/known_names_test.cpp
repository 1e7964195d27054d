// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/known_names.hpp"

#include <gtest/gtest.h>

#include <map>

#include "intentions.hpp"

namespace ftpsfs::writeback {
namespace {

using Kind = KnownName::Kind;

remote::Entry file_entry(const std::string& name, std::uint64_t size) {
  remote::Entry entry;
  entry.name = name;
  entry.size = size;
  entry.mode = std::uint16_t{0640};
  entry.unique = remote::UniqueFact("u");
  return entry;
}

remote::Listing listing_of(std::vector<remote::Entry> entries) {
  remote::Listing listing;
  listing.entries = std::move(entries);
  return listing;
}

class KnownNamesTest : public ::testing::Test {
 protected:
  std::optional<Kind> kind(const std::string& path) {
    const auto known = known_.find(path_of(path));
    return known ? std::optional(known->kind) : std::nullopt;
  }
  void list(const std::string& path, std::vector<remote::Entry> entries) {
    known_.learn_listing(path_of(path), listing_of(std::move(entries)), known_.moment());
  }

  KnownNames known_{NameCase::sensitive};
};

TEST_F(KnownNamesTest, AListingTellsWhatIsThereAndWhatIsNot) {
  EXPECT_FALSE(kind("/d/f"));
  remote::Entry directory;
  directory.name = "e";
  directory.type = remote::FileType::directory;
  list("/d", {file_entry("f", 3), directory});
  EXPECT_EQ(kind("/d/f"), Kind::file);
  EXPECT_EQ(kind("/d/e"), Kind::directory);
  EXPECT_EQ(kind("/d/g"), Kind::absent);
  EXPECT_FALSE(kind("/d/e/f")) << "of another directory";
  const auto known = known_.find(path_of("/d/f"));
  EXPECT_EQ(known->version.size, 3U);
  EXPECT_TRUE(known->version.unique.empty()) << "a journal does not keep it";
  EXPECT_EQ(known->mode, 0640);
  list("/d", {file_entry("g", 4)});
  EXPECT_EQ(kind("/d/f"), Kind::absent);
}

TEST_F(KnownNamesTest, AListingThatDoesNotShowAllSaysNothingOfOtherNames) {
  remote::Listing listing = listing_of({file_entry("f", 3)});
  listing.shows_all = false;
  known_.learn_listing(path_of("/d"), listing, known_.moment());
  EXPECT_EQ(kind("/d/f"), Kind::file);
  EXPECT_FALSE(kind("/d/g"));
}

TEST_F(KnownNamesTest, SingleAnswersAreKept) {
  known_.learn(path_of("/f"), KnownName::of(file_entry("f", 3)), known_.moment());
  known_.learn(path_of("/g"), {}, known_.moment());
  EXPECT_EQ(kind("/f"), Kind::file);
  EXPECT_EQ(kind("/g"), Kind::absent);
  EXPECT_FALSE(kind("/h"));
  known_.learn_version(path_of("/f"), {5, std::nullopt, {}}, known_.moment());
  EXPECT_EQ(known_.find(path_of("/f"))->version.size, 5U);
  EXPECT_EQ(known_.find(path_of("/f"))->mode, 0640);
}

TEST_F(KnownNamesTest, AnAnswerThatAChangeHasOvertakenTeachesNothing) {
  list("/d", {file_entry("f", 3)});
  const auto asked = known_.moment();
  KnownName written = KnownName::of(file_entry("f", 9));
  known_.note(path_of("/d/f"), written);
  known_.learn(path_of("/d/f"), KnownName::of(file_entry("f", 3)), asked);
  known_.learn_listing(path_of("/d"), listing_of({file_entry("f", 3)}), asked);
  known_.learn_version(path_of("/d/f"), {3, std::nullopt, {}}, asked);
  EXPECT_EQ(known_.find(path_of("/d/f"))->version.size, 9U);
  known_.learn(path_of("/e/f"), KnownName::of(file_entry("f", 3)), asked);
  EXPECT_EQ(kind("/e/f"), Kind::file) << "nothing has changed there";
}

TEST_F(KnownNamesTest, WhatIsForgottenHasToBeAskedFor) {
  list("/d", {file_entry("f", 3), file_entry("g", 3)});
  const auto asked = known_.moment();
  known_.forget(path_of("/d/f"));
  EXPECT_FALSE(kind("/d/f"));
  EXPECT_EQ(kind("/d/g"), Kind::file);
  EXPECT_EQ(kind("/d/h"), Kind::absent) << "all the others are known";
  known_.learn(path_of("/d/f"), KnownName::of(file_entry("f", 3)), asked);
  EXPECT_FALSE(kind("/d/f"));
}

TEST_F(KnownNamesTest, ADirectoryThatMovesTakesAllThatIsKnownWithIt) {
  list("/a", {file_entry("f", 3)});
  list("/a/b", {file_entry("f", 3)});
  list("/ab", {file_entry("f", 3)});
  const auto asked = known_.moment();
  known_.forget_tree(path_of("/a"));
  EXPECT_FALSE(kind("/a/f"));
  EXPECT_FALSE(kind("/a/b/f"));
  EXPECT_EQ(kind("/ab/f"), Kind::file);
  list("/a", {file_entry("g", 3)});
  known_.learn_listing(path_of("/a/b"), listing_of({file_entry("f", 3)}), asked);
  EXPECT_FALSE(kind("/a/b/f"));
  EXPECT_EQ(kind("/a/g"), Kind::file);
}

TEST_F(KnownNamesTest, ANewDirectoryIsKnownToBeEmpty) {
  known_.note_new_directory(path_of("/d"));
  EXPECT_EQ(kind("/d"), Kind::directory);
  EXPECT_EQ(kind("/d/f"), Kind::absent);
}

TEST_F(KnownNamesTest, WhereOthersMayBeOnlyWhatWasSeenIsKnown) {
  list("/d", {file_entry("f", 3)});
  const auto asked = known_.moment();
  known_.note_others_in(path_of("/d"));
  EXPECT_EQ(kind("/d/f"), Kind::file);
  EXPECT_FALSE(kind("/d/g"));
  known_.learn_listing(path_of("/d"), listing_of({}), asked);
  EXPECT_FALSE(known_.is_whole(path_of("/d")));
  list("/d", {});
  EXPECT_TRUE(known_.is_whole(path_of("/d")));
}

TEST_F(KnownNamesTest, ADirectoryThatHasGoneIsAbsentAndAnswersUnderWaySayNothingOfIt) {
  remote::Entry directory;
  directory.name = "e";
  directory.type = remote::FileType::directory;
  list("/d", {directory});
  list("/d/e", {file_entry("f", 3)});
  list("/other", {});
  const auto asked = known_.moment();
  EXPECT_TRUE(known_.is_whole(path_of("/d/e")));
  known_.note_removed_directory(path_of("/d/e"));
  EXPECT_EQ(kind("/d/e"), Kind::absent);
  EXPECT_EQ(kind("/d/f"), Kind::absent) << "its directory is known as before";
  EXPECT_FALSE(known_.is_whole(path_of("/d/e")));
  EXPECT_FALSE(kind("/d/e/f"));
  known_.learn_listing(path_of("/d/e"), listing_of({file_entry("f", 3)}), asked);
  EXPECT_FALSE(kind("/d/e/f"));
  known_.learn_listing(path_of("/other"), listing_of({file_entry("f", 3)}), asked);
  EXPECT_EQ(kind("/other/f"), Kind::file) << "nothing has changed there";
}

TEST_F(KnownNamesTest, TheNamesOfADirectoryAreToldWithWhatIsKnownOfThem) {
  list("/d", {file_entry("f", 3), file_entry("g", 3), file_entry("h", 3)});
  list("/d/e", {file_entry("f", 3)});
  known_.note(path_of("/d/g"), {});
  known_.forget(path_of("/d/h"));
  std::map<std::string, std::optional<Kind>> seen;
  known_.for_each_in(path_of("/d"), [&](const std::string& key, const auto& name) {
    seen[key] = name ? std::optional(name->kind) : std::nullopt;
  });
  const std::map<std::string, std::optional<Kind>> expected{
      {"/d/f", Kind::file}, {"/d/g", Kind::absent}, {"/d/h", std::nullopt}};
  EXPECT_EQ(seen, expected);
}

TEST_F(KnownNamesTest, MemoryIsBoundedAndWhatIsUsedStays) {
  KnownNames known(NameCase::sensitive, 20);
  for (const char* directory : {"/a", "/b", "/c"}) {
    std::vector<remote::Entry> entries;
    for (int i = 0; i < 8; ++i) {
      entries.push_back(file_entry(std::to_string(i), 1));
    }
    const auto asked = known.moment();
    known.learn_listing(path_of(directory), listing_of(entries), asked);
    EXPECT_TRUE(known.find(path_of("/a/1"))) << "used again and again";
  }
  EXPECT_FALSE(known.find(path_of("/b/1")));
  EXPECT_TRUE(known.find(path_of("/c/1")));
}

TEST_F(KnownNamesTest, ADirectoryThatWasForgottenForRoomStillKnowsThatItChanged) {
  KnownNames known(NameCase::sensitive, 4);
  const auto asked = known.moment();
  known.note(path_of("/a/f"), KnownName::of(file_entry("f", 9)));
  known.note(path_of("/b/f"), KnownName::of(file_entry("f", 9)));
  known.note(path_of("/c/f"), KnownName::of(file_entry("f", 9)));
  ASSERT_FALSE(known.find(path_of("/a/f")));
  known.learn(path_of("/a/f"), KnownName::of(file_entry("f", 3)), asked);
  EXPECT_FALSE(known.find(path_of("/a/f")));
}

TEST_F(KnownNamesTest, NamesThatTheServerDoesNotTellApartAreOne) {
  KnownNames known(NameCase::folded);
  known.learn_listing(path_of("/D"), listing_of({file_entry("File", 3)}), known.moment());
  const auto found = known.find(path_of("/d/fILE"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, Kind::file);
}

}  // namespace
}  // namespace ftpsfs::writeback
