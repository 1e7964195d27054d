// SPDX-License-Identifier: MIT
//
// One test for each rule of the cache: what is known, for how long, and what a local change does.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "namespace_cache_fixture.hpp"

namespace ftpsfs::cache {
namespace {

using namespace std::chrono_literals;
using remote::TimeGrain;

// What is known, and for how long.

TEST_F(NamespaceCacheTest, NothingIsKnownAtFirst) {
  EXPECT_EQ(known(kDir, "a"), "unknown");
  EXPECT_EQ(cache_.find_listing(kDir), nullptr);
  EXPECT_FALSE(cache_.exact_times(kDir));
}

TEST_F(NamespaceCacheTest, ListingAnswersForItsNamesAndKeepsTheServersOrder) {
  list(kDir, {file("b", 2), file("a", 1)});
  EXPECT_EQ(size_of(kDir, "b"), 2U);
  const auto snapshot = cache_.find_listing(kDir);
  ASSERT_NE(snapshot, nullptr);
  ASSERT_EQ(snapshot->size(), 2U);
  EXPECT_EQ(snapshot->at(0).name(), "b");
  EXPECT_EQ(snapshot->at(1).name(), "a");
  EXPECT_EQ(snapshot->find("a"), &snapshot->at(1));
  EXPECT_EQ(snapshot->find("c"), nullptr);
}

TEST_F(NamespaceCacheTest, CompleteListingProvesOtherNamesAbsent) {
  list(kDir, {file("a")});
  EXPECT_EQ(known(kDir, "b"), "absent");
  EXPECT_EQ(known(kOther, "b"), "unknown");
}

TEST_F(NamespaceCacheTest, ListingThatDoesNotShowAllProvesNoNameAbsent) {
  remote::Listing listing;
  listing.entries = {file("a")};
  listing.shows_all = false;
  cache_.store_listing(cache_.begin_fetch(kDir), std::move(listing));
  EXPECT_EQ(known(kDir, "b"), "unknown");
  EXPECT_NE(cache_.find_listing(kDir), nullptr);
}

TEST_F(NamespaceCacheTest, ListingOfServerThatFoldsCaseProvesNoNameAbsent) {
  cache_.set_case_sensitive(false);
  list(kDir, {file("a")});
  EXPECT_EQ(known(kDir, "b"), "unknown");
}

TEST_F(NamespaceCacheTest, ListingIsBelievedForItsTimeout) {
  list(kDir, {file("a")});
  clock_.advance(29s);
  EXPECT_EQ(cache_.find(kDir, "a")->valid_for, 1s);
  EXPECT_EQ(cache_.find(kDir, "b")->valid_for, 1s);
  clock_.advance(1s);
  EXPECT_EQ(known(kDir, "a"), "unknown");
  EXPECT_EQ(known(kDir, "b"), "unknown");
  EXPECT_EQ(cache_.find_listing(kDir), nullptr);
}

/// A long listing ends long after it began.
TEST_F(NamespaceCacheTest, WhatWasLearntMeanwhileIsNewerThanTheListing) {
  const auto long_one = cache_.begin_fetch(kDir);
  clock_.advance(std::chrono::seconds(10));
  cache_.store_entry(cache_.begin_fetch(kDir), file("grown", 20));
  cache_.store_entry(cache_.begin_fetch(kDir), file("new", 1));
  cache_.store_absent(cache_.begin_fetch(kDir), "gone");
  cache_.store_listing(long_one, listing({file("grown", 10), file("gone"), file("other")}));
  EXPECT_EQ(size_of(kDir, "grown"), 20U);
  EXPECT_EQ(known(kDir, "new"), "present");
  EXPECT_EQ(known(kDir, "gone"), "absent");
  EXPECT_EQ(known(kDir, "other"), "present");
}

TEST_F(NamespaceCacheTest, AnOldListingIsGoodForGuessesAlone) {
  list(kDir, {file("a")});
  EXPECT_TRUE(cache_.peek_listing(kDir));
  clock_.advance(std::chrono::hours(1));
  EXPECT_FALSE(cache_.peek_listing(kDir));
  EXPECT_FALSE(cache_.find_listing(kDir));
  ASSERT_TRUE(cache_.recall_listing(kDir));
  EXPECT_TRUE(cache_.recall_listing(kDir)->find("a"));
  cache_.invalidate_directory(kDir);
  EXPECT_FALSE(cache_.recall_listing(kDir));
}

TEST_F(NamespaceCacheTest, SingleEntryIsBelievedForItsTimeout) {
  cache_.store_entry(cache_.begin_fetch(kDir), file("a"));
  EXPECT_EQ(known(kDir, "a"), "present");
  EXPECT_EQ(known(kDir, "b"), "unknown");
  EXPECT_EQ(cache_.find_listing(kDir), nullptr) << "one name is no listing";
  clock_.advance(20s);
  EXPECT_EQ(known(kDir, "a"), "unknown");
}

TEST_F(NamespaceCacheTest, NegativeIsBelievedForItsTimeout) {
  cache_.store_absent(cache_.begin_fetch(kDir), "a");
  EXPECT_EQ(known(kDir, "a"), "absent");
  clock_.advance(5s);
  EXPECT_EQ(known(kDir, "a"), "unknown");
}

TEST_F(NamespaceCacheTest, AgeCountsFromTheBeginningOfTheFetch) {
  const auto ticket = cache_.begin_fetch(kDir);
  const SteadyTime begun = clock_.now();
  clock_.advance(3s);
  cache_.store_entry(ticket, file("a"));
  EXPECT_EQ(cache_.find(kDir, "a")->fetched_at, begun);
}

TEST_F(NamespaceCacheTest, LaterAnswerUpdatesTheListing) {
  list(kDir, {file("a", 1), file("b")});
  cache_.store_entry(cache_.begin_fetch(kDir), file("a", 5));
  cache_.store_absent(cache_.begin_fetch(kDir), "b");
  const auto snapshot = cache_.find_listing(kDir);
  ASSERT_EQ(snapshot->size(), 1U);
  EXPECT_EQ(snapshot->at(0).entry.size, 5U);
}

TEST_F(NamespaceCacheTest, OlderFetchDoesNotReplaceNewerListing) {
  const auto slow = cache_.begin_fetch(kDir);
  list(kDir, {file("new")});
  const auto served = cache_.store_listing(slow, listing({file("old")}));
  EXPECT_NE(served->find("old"), nullptr);
  EXPECT_EQ(known(kDir, "new"), "present");
}

// Generations.

TEST_F(NamespaceCacheTest, ListingBegunBeforeALocalChangeIsServedButNotKept) {
  const auto ticket = cache_.begin_fetch(kDir);
  cache_.note_created(kDir, file("mine"));
  const auto served = cache_.store_listing(ticket, listing({file("a")}));
  ASSERT_NE(served, nullptr);
  EXPECT_NE(served->find("a"), nullptr);
  EXPECT_EQ(cache_.find_listing(kDir), nullptr);
  EXPECT_EQ(known(kDir, "a"), "unknown");
  EXPECT_EQ(known(kDir, "mine"), "present");
}

TEST_F(NamespaceCacheTest, EveryKindOfLocalChangeOvertakesAFetch) {
  const std::vector<std::function<void()>> changes = {
      [&] { cache_.note_created(kDir, file("x")); },
      [&] { cache_.note_removed(kDir, "x"); },
      [&] { cache_.note_renamed(kDir, "x", kOther, "y"); },
      [&] { cache_.note_renamed(kOther, "x", kDir, "y"); },
      [&] { cache_.invalidate_entry(kDir, "x"); },
      [&] { cache_.invalidate_directory(kDir); },
      [&] { cache_.clear(); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE(i);
    cache_.clear();
    const auto ticket = cache_.begin_fetch(kDir);
    changes[i]();
    cache_.store_entry(ticket, file("seen"));
    EXPECT_EQ(known(kDir, "seen"), "unknown");
    cache_.store_absent(ticket, "gone");
    EXPECT_EQ(known(kDir, "gone"), "unknown");
    cache_.store_listing(ticket, listing({}));
    EXPECT_EQ(cache_.find_listing(kDir), nullptr);
  }
}

TEST_F(NamespaceCacheTest, ChangesElsewhereDoNotOvertakeAFetch) {
  const auto ticket = cache_.begin_fetch(kDir);
  cache_.note_created(kOther, file("x"));
  cache_.store_listing(ticket, listing({file("a")}));
  EXPECT_NE(cache_.find_listing(kDir), nullptr);
}

TEST_F(NamespaceCacheTest, RefinedTimesDoNotOvertakeAFetch) {
  list(kDir, {timed("a", 60, TimeGrain::minute)});
  const auto ticket = cache_.begin_fetch(kDir);
  cache_.refine_times(kDir, "a", {61, TimeGrain::second});
  cache_.store_listing(ticket, listing({file("b")}));
  EXPECT_EQ(known(kDir, "b"), "present");
}

TEST_F(NamespaceCacheTest, ExpiredEntryIsAskedAnewByAllInOneFetch) {
  list(kDir, {file("a"), file("b")});
  const auto first = cache_.begin_fetch(kDir);
  cache_.expire_entry(kDir, "a");
  EXPECT_EQ(known(kDir, "a"), "unknown");
  EXPECT_EQ(known(kDir, "b"), "present");
  EXPECT_EQ(cache_.find_listing(kDir), nullptr);
  EXPECT_EQ(cache_.begin_fetch(kDir).version, first.version);
  cache_.store_listing(first, listing({file("a"), file("b")}));
  EXPECT_NE(cache_.find_listing(kDir), nullptr);
}

TEST_F(NamespaceCacheTest, TicketSurvivesTheEvictionOfItsDirectory) {
  NamespaceCache small(Settings{30s, 20s, 5s, 1}, clock_);  // room for one record
  const auto ticket = small.begin_fetch(kDir);
  small.note_removed(kDir, "gone");
  small.note_created(kOther, file("x"));  // evicts kDir, and with it the memory of the change
  small.store_listing(ticket, listing({file("gone")}));
  EXPECT_EQ(small.find_listing(kDir), nullptr);
  small.store_listing(small.begin_fetch(kDir), listing({}));
  EXPECT_NE(small.find_listing(kDir), nullptr) << "a new fetch is kept";
}

TEST_F(NamespaceCacheTest, VersionChangesWithLocalChangesOfTheDirectoryOnly) {
  list(kDir, {file("a")});
  const auto before = cache_.begin_fetch(kDir).version;
  cache_.note_created(kOther, file("x"));
  EXPECT_EQ(cache_.begin_fetch(kDir).version, before);
  cache_.note_created(kDir, file("x"));
  EXPECT_NE(cache_.begin_fetch(kDir).version, before);
}

// Local changes.

TEST_F(NamespaceCacheTest, CreatedNameIsSeenAtOnceInACompleteListing) {
  list(kDir, {file("a")});
  cache_.note_created(kDir, file("b", 9));
  EXPECT_EQ(size_of(kDir, "b"), 9U);
  EXPECT_EQ(cache_.find_listing(kDir)->size(), 2U);
}

TEST_F(NamespaceCacheTest, CreatedNameDoesNotMakeADirectoryComplete) {
  cache_.note_created(kDir, file("a"));
  EXPECT_EQ(known(kDir, "a"), "present");
  EXPECT_EQ(known(kDir, "b"), "unknown");
  EXPECT_EQ(cache_.find_listing(kDir), nullptr);
}

TEST_F(NamespaceCacheTest, CreatedNameEndsItsNegative) {
  cache_.store_absent(cache_.begin_fetch(kDir), "a");
  cache_.note_created(kDir, file("a"));
  EXPECT_EQ(known(kDir, "a"), "present");
  clock_.advance(20s);
  EXPECT_EQ(known(kDir, "a"), "unknown");
}

TEST_F(NamespaceCacheTest, ChangedEntryKeepsItsPlace) {
  list(kDir, {file("a", 1), file("b", 2)});
  cache_.note_created(kDir, file("a", 100));
  const auto snapshot = cache_.find_listing(kDir);
  ASSERT_EQ(snapshot->size(), 2U);
  EXPECT_EQ(snapshot->at(0).entry.size, 100U);
}

TEST_F(NamespaceCacheTest, RemovedNameIsAbsentAtOnce) {
  list(kDir, {file("a"), file("b")});
  cache_.note_removed(kDir, "a");
  EXPECT_EQ(known(kDir, "a"), "absent");
  EXPECT_EQ(cache_.find_listing(kDir)->size(), 1U);
}

TEST_F(NamespaceCacheTest, RemovedNameLeavesANegativeWithoutAListing) {
  cache_.note_removed(kDir, "a");
  EXPECT_EQ(known(kDir, "a"), "absent");
  clock_.advance(5s);
  EXPECT_EQ(known(kDir, "a"), "unknown");
}

TEST_F(NamespaceCacheTest, RenamedEntryMovesWithItsAttributes) {
  list(kDir, {file("a", 42)});
  list(kOther, {file("b", 1)});
  cache_.note_renamed(kDir, "a", kOther, "b");
  EXPECT_EQ(known(kDir, "a"), "absent");
  EXPECT_EQ(size_of(kOther, "b"), 42U);
  EXPECT_EQ(cache_.find(kOther, "b")->entry->name, "b");
  EXPECT_EQ(cache_.find_listing(kOther)->size(), 1U) << "what was there is replaced";
}

TEST_F(NamespaceCacheTest, RenameWithinADirectory) {
  list(kDir, {file("a", 42), file("c")});
  cache_.note_renamed(kDir, "a", kDir, "b");
  EXPECT_EQ(known(kDir, "a"), "absent");
  EXPECT_EQ(size_of(kDir, "b"), 42U);
  EXPECT_EQ(cache_.find_listing(kDir)->size(), 2U);
}

TEST_F(NamespaceCacheTest, RenameOfAnUnknownEntryLeavesTheTargetUnknown) {
  list(kOther, {file("b"), file("c")});
  cache_.note_renamed(kDir, "a", kOther, "b");
  EXPECT_EQ(known(kDir, "a"), "absent");
  EXPECT_EQ(known(kOther, "b"), "unknown");
  EXPECT_EQ(known(kOther, "c"), "present");
  EXPECT_EQ(cache_.find_listing(kOther), nullptr);
}

TEST_F(NamespaceCacheTest, RenamedDirectoryKeepsItsChildren) {
  constexpr DirectoryId kChild = 99;
  list(kChild, {file("inside")});
  cache_.note_renamed(kDir, "child", kOther, "child");
  EXPECT_EQ(known(kChild, "inside"), "present");
}

TEST_F(NamespaceCacheTest, InvalidatedEntryIsUnknownAndTheListingIncomplete) {
  list(kDir, {file("a"), file("b")});
  cache_.invalidate_entry(kDir, "a");
  EXPECT_EQ(known(kDir, "a"), "unknown");
  EXPECT_EQ(known(kDir, "b"), "present");
  EXPECT_EQ(cache_.find_listing(kDir), nullptr);
}

TEST_F(NamespaceCacheTest, InvalidatedDirectoryIsForgotten) {
  list(kDir, {file("a")});
  list(kOther, {file("a")});
  cache_.invalidate_directory(kDir);
  EXPECT_EQ(known(kDir, "a"), "unknown");
  EXPECT_EQ(known(kOther, "a"), "present");
}

TEST_F(NamespaceCacheTest, ClearForgetsEverything) {
  list(kDir, {file("a")});
  list(kOther, {file("a")});
  cache_.clear();
  EXPECT_EQ(known(kDir, "a"), "unknown");
  EXPECT_EQ(known(kOther, "a"), "unknown");
  EXPECT_EQ(cache_.counters().bytes, 0U);
  EXPECT_EQ(cache_.counters().entries, 0U);
}

TEST_F(NamespaceCacheTest, HeldSnapshotNeverChanges) {
  const auto held = list(kDir, {file("a", 1), file("b", 2)});
  cache_.note_created(kDir, file("c"));
  cache_.note_removed(kDir, "a");
  cache_.note_created(kDir, file("b", 99));
  ASSERT_EQ(held->size(), 2U);
  EXPECT_EQ(held->at(0).name(), "a");
  EXPECT_EQ(held->find("b")->entry.size, 2U);
  EXPECT_EQ(held->find("c"), nullptr);
  EXPECT_EQ(size_of(kDir, "b"), 99U);
  EXPECT_EQ(known(kDir, "a"), "absent");
}

TEST_F(NamespaceCacheTest, HeldSnapshotIsClonedOnceNotForEachChange) {
  const auto held = list(kDir, {file("a")});
  cache_.note_created(kDir, file("b"));
  const DirectorySnapshot* address = cache_.find_listing(kDir).get();
  cache_.note_created(kDir, file("c"));
  EXPECT_EQ(cache_.find_listing(kDir).get(), address) << "nobody held it: changed in place";
  EXPECT_NE(address, held.get());
}

TEST_F(NamespaceCacheTest, HoldersShareOneSnapshot) {
  list(kDir, {file("a")});
  const auto first = cache_.find_listing(kDir);
  EXPECT_EQ(cache_.find_listing(kDir), first);
}

// Servers that fold case.

TEST_F(NamespaceCacheTest, NamesThatDifferInCaseAreOneWhereTheServerSaysSo) {
  cache_.set_case_sensitive(false);
  list(kDir, {file("README", 3)});
  EXPECT_EQ(size_of(kDir, "readme"), 3U);
  cache_.note_created(kDir, file("ReadMe", 4));
  const auto snapshot = cache_.find_listing(kDir);
  ASSERT_EQ(snapshot->size(), 1U);
  EXPECT_EQ(snapshot->at(0).name(), "README") << "the server keeps its spelling";
  EXPECT_EQ(snapshot->at(0).entry.size, 4U);
  cache_.note_removed(kDir, "readme");
  EXPECT_EQ(cache_.find_listing(kDir)->size(), 0U);
}

TEST_F(NamespaceCacheTest, RenameToAnotherSpellingTakesTheNewOne) {
  cache_.set_case_sensitive(false);
  list(kDir, {file("README", 3)});
  cache_.note_renamed(kDir, "README", kDir, "readme");
  const auto snapshot = cache_.find_listing(kDir);
  ASSERT_EQ(snapshot->size(), 1U);
  EXPECT_EQ(snapshot->at(0).name(), "readme");
}

TEST_F(NamespaceCacheTest, CreatedNameEndsTheNegativesOfAllItsSpellings) {
  cache_.set_case_sensitive(false);
  cache_.store_absent(cache_.begin_fetch(kDir), "readme");
  cache_.note_created(kDir, file("README"));
  EXPECT_EQ(known(kDir, "readme"), "present");
}

TEST_F(NamespaceCacheTest, WhatIsNewerThanAListingTakesItsSpelling) {
  cache_.set_case_sensitive(false);
  list(kDir, {file("GONE")});
  const auto begun = cache_.begin_fetch(kDir);
  clock_.advance(std::chrono::milliseconds(10));
  cache_.store_entry(cache_.begin_fetch(kDir), file("README", 4));
  cache_.store_absent(cache_.begin_fetch(kDir), "gone");
  const auto snapshot = cache_.store_listing(begun, listing({file("Readme", 3), file("Gone", 1)}));
  ASSERT_EQ(snapshot->size(), 1U);
  EXPECT_EQ(snapshot->at(0).name(), "Readme");
  EXPECT_EQ(snapshot->at(0).entry.size, 4U);
  EXPECT_EQ(cache_.find_in(*snapshot, "README"), &snapshot->at(0));
}

TEST_F(NamespaceCacheTest, NamesThatDifferInCaseAreTwoElsewhere) {
  list(kDir, {file("a", 1), file("A", 2)});
  EXPECT_EQ(size_of(kDir, "a"), 1U);
  EXPECT_EQ(size_of(kDir, "A"), 2U);
  cache_.note_removed(kDir, "a");
  EXPECT_EQ(known(kDir, "A"), "present");
}

}  // namespace
}  // namespace ftpsfs::cache
