// SPDX-License-Identifier: MIT
//
// The cache's rules for times, which never flip, and for memory, which is bounded.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "namespace_cache_fixture.hpp"

namespace ftpsfs::cache {
namespace {

using namespace std::chrono_literals;
using remote::Entry;
using remote::FileTime;
using remote::Listing;
using remote::TimeGrain;

// Times.

TEST_F(NamespaceCacheTest, RefinedTimeIsNotReplacedByTheCoarseTimeThatContainsIt) {
  list(kDir, {timed("a", 120, TimeGrain::minute)});
  cache_.refine_times(kDir, "a", {133, TimeGrain::second});
  EXPECT_EQ(time_of("a"), (FileTime{133, TimeGrain::second}));
  list(kDir, {timed("a", 120, TimeGrain::minute)});
  EXPECT_EQ(time_of("a"), (FileTime{133, TimeGrain::second})) << "by a listing";
  cache_.store_entry(cache_.begin_fetch(kDir), timed("a", 120, TimeGrain::minute));
  EXPECT_EQ(time_of("a"), (FileTime{133, TimeGrain::second})) << "by a stat";
  list(kDir, {timed("a", 0, TimeGrain::day)});
  EXPECT_EQ(time_of("a"), (FileTime{133, TimeGrain::second})) << "months later, by the day";
}

TEST_F(NamespaceCacheTest, RefinedTimeIsKeptAcrossTheTimeoutOfTheListing) {
  list(kDir, {timed("a", 120, TimeGrain::minute)});
  cache_.refine_times(kDir, "a", {133, TimeGrain::second});
  clock_.advance(60s);
  list(kDir, {timed("a", 120, TimeGrain::minute)});
  EXPECT_EQ(time_of("a"), (FileTime{133, TimeGrain::second}));
}

TEST_F(NamespaceCacheTest, RefinedTimeGivesWayToAnotherMinuteOrAnotherSize) {
  list(kDir, {timed("a", 120, TimeGrain::minute), timed("b", 120, TimeGrain::minute)});
  cache_.refine_times(kDir, "a", {133, TimeGrain::second});
  cache_.refine_times(kDir, "b", {133, TimeGrain::second});
  list(kDir, {timed("a", 180, TimeGrain::minute), timed("b", 120, TimeGrain::minute, 77)});
  EXPECT_EQ(time_of("a"), (FileTime{180, TimeGrain::minute}));
  EXPECT_EQ(time_of("b"), (FileTime{120, TimeGrain::minute}));
}

TEST_F(NamespaceCacheTest, TimeRefinedWhileAListingIsUnderWayIsKept) {
  list(kDir, {timed("a", 120, TimeGrain::minute)});
  const auto ticket = cache_.begin_fetch(kDir);
  cache_.refine_times(kDir, "a", {133, TimeGrain::second});
  const auto served = cache_.store_listing(ticket, listing({timed("a", 120, TimeGrain::minute)}));
  EXPECT_EQ(served->at(0).entry.mtime, (FileTime{133, TimeGrain::second}));
}

TEST_F(NamespaceCacheTest, RefiningNeverReplacesATimeThatIsAsFine) {
  cache_.note_created(kDir, timed("a", 500, TimeGrain::second));  // set here while MDTM was asked
  cache_.refine_times(kDir, "a", {133, TimeGrain::second});
  EXPECT_EQ(time_of("a"), (FileTime{500, TimeGrain::second}));
}

TEST_F(NamespaceCacheTest, RefiningAnUnknownNameDoesNothing) {
  cache_.refine_times(kDir, "a", {133, TimeGrain::second});
  EXPECT_EQ(known(kDir, "a"), "unknown");
}

TEST_F(NamespaceCacheTest, RefiningLeavesHeldSnapshotsAlone) {
  const auto held = list(kDir, {timed("a", 120, TimeGrain::minute)});
  cache_.refine_times(kDir, "a", {133, TimeGrain::second});
  EXPECT_EQ(held->at(0).entry.mtime, (FileTime{120, TimeGrain::minute}));
}

TEST_F(NamespaceCacheTest, TimesAreExactWhenAllAreRefined) {
  Listing coarse = listing({timed("a", 60, TimeGrain::minute), timed("b", 60, TimeGrain::minute)});
  coarse.exact_times = false;
  cache_.store_listing(cache_.begin_fetch(kDir), coarse);
  EXPECT_FALSE(cache_.exact_times(kDir));
  cache_.refine_times(kDir, "a", {61, TimeGrain::second});
  EXPECT_FALSE(cache_.exact_times(kDir));
  cache_.note_removed(kDir, "b");
  EXPECT_TRUE(cache_.exact_times(kDir));
}

TEST_F(NamespaceCacheTest, TimesAreExactWhenTheServerKnowsNoBetter) {
  list(kDir, {timed("a", 60, TimeGrain::minute)});
  EXPECT_TRUE(cache_.exact_times(kDir));
}

// Memory.

TEST_F(NamespaceCacheTest, LeastRecentlyUsedDirectoriesGoFirst) {
  NamespaceCache probe(Settings{30s, 20s, 5s, 1ULL << 30}, clock_);
  probe.store_listing(probe.begin_fetch(1), listing({file("a")}));
  const std::uint64_t each = probe.counters().bytes;
  NamespaceCache three(Settings{30s, 20s, 5s, each * 3}, clock_);
  for (DirectoryId id = 1; id <= 3; ++id) {
    three.store_listing(three.begin_fetch(id), listing({file("a")}));
  }
  EXPECT_TRUE(three.find(1, "a"));  // used: now 2 is the oldest
  three.store_listing(three.begin_fetch(4), listing({file("a")}));
  EXPECT_TRUE(three.find(1, "a"));
  EXPECT_FALSE(three.find(2, "a"));
  EXPECT_TRUE(three.find(3, "a"));
  EXPECT_TRUE(three.find(4, "a"));
  EXPECT_EQ(three.counters().bytes, each * 3);
}

TEST_F(NamespaceCacheTest, DirectoryLargerThanTheLimitIsKeptWhileItIsTheNewest) {
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < 10'000; ++i) {
    entries.push_back(file(many_names(i)));
  }
  list(kDir, std::move(entries));
  EXPECT_GT(cache_.counters().bytes, 1ULL << 20);
  EXPECT_NE(cache_.find_listing(kDir), nullptr);
  list(kOther, {file("a")});
  EXPECT_EQ(cache_.find_listing(kDir), nullptr);
  EXPECT_LT(cache_.counters().bytes, 1ULL << 20);
}

TEST_F(NamespaceCacheTest, EvictedSnapshotLivesWhileItIsHeld) {
  NamespaceCache small(Settings{30s, 20s, 5s, 1}, clock_);
  const auto held = small.store_listing(small.begin_fetch(kDir), listing({file("a")}));
  small.store_listing(small.begin_fetch(kOther), listing({}));
  EXPECT_EQ(small.find_listing(kDir), nullptr);
  EXPECT_EQ(held->at(0).name(), "a");
}

TEST_F(NamespaceCacheTest, BytesComeBackWhenNamesGo) {
  list(kDir, {});
  const std::uint64_t empty = cache_.counters().bytes;
  for (std::size_t i = 0; i < 1000; ++i) {
    cache_.note_created(kDir, file(many_names(i)));
  }
  EXPECT_EQ(cache_.counters().entries, 1000U);
  for (std::size_t i = 0; i < 1000; ++i) {
    cache_.note_removed(kDir, many_names(i));
  }
  EXPECT_EQ(cache_.counters().entries, 0U);
  list(kDir, {});  // which makes the negatives needless
  EXPECT_EQ(cache_.counters().bytes, empty);
}

TEST_F(NamespaceCacheTest, ProbingRandomNamesDoesNotFillTheMemory) {
  for (int i = 0; i < 20'000; ++i) {
    cache_.store_absent(cache_.begin_fetch(kDir), std::to_string(i));
  }
  EXPECT_LT(cache_.counters().bytes, 1ULL << 20);
}

TEST_F(NamespaceCacheTest, HitsAndMissesAreCounted) {
  list(kDir, {file("a")});
  const auto before = cache_.counters();
  (void)cache_.find(kDir, "a");
  (void)cache_.find(kDir, "absent");
  (void)cache_.find_listing(kDir);
  (void)cache_.find(kOther, "a");
  (void)cache_.find_listing(kOther);
  const auto after = cache_.counters();
  EXPECT_EQ(after.hits - before.hits, 3U);
  EXPECT_EQ(after.misses - before.misses, 2U);
  EXPECT_EQ(after.entries, 1U);
}

// Cost: quadratic work would take minutes here, and the test's limit ends it.

TEST_F(NamespaceCacheTest, ManyLocalChangesInALargeDirectoryAreNotQuadratic) {
  constexpr std::size_t kNames = 40'000;
  NamespaceCache large(Settings{30s, 20s, 5s, 1ULL << 30}, clock_);
  large.store_listing(large.begin_fetch(kDir), listing({}));
  for (std::size_t i = 0; i < kNames; ++i) {
    large.note_created(kDir, file(many_names(i)));
  }
  EXPECT_EQ(large.find_listing(kDir)->size(), kNames);
  const auto held = large.find_listing(kDir);  // as `rm -r` holds it
  for (std::size_t i = 0; i < kNames; ++i) {
    large.note_removed(kDir, many_names(i));
  }
  EXPECT_EQ(large.find_listing(kDir)->size(), 0U);
  EXPECT_EQ(held->size(), kNames);
}

}  // namespace
}  // namespace ftpsfs::cache
