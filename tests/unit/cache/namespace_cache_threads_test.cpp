// SPDX-License-Identifier: MIT
//
// The cache under many threads: what ThreadSanitizer is to see, and the rules that must hold
// whatever the order.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ftpsfs/cache/namespace_cache.hpp"

namespace ftpsfs::cache {
namespace {

using namespace std::chrono_literals;

constexpr int kThreads = 4;
constexpr int kRounds = 2000;

remote::Entry file(std::string name, std::uint64_t size = 1) {
  remote::Entry entry;
  entry.name = std::move(name);
  entry.size = size;
  entry.mtime = remote::FileTime{60, remote::TimeGrain::minute};
  return entry;
}

void in_parallel(const std::function<void(int)>& body) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&body, i] { body(i); });
  }
}

void act_at_random(NamespaceCache& cache, std::mt19937& random) {
  const DirectoryId directory = 1 + random() % 8;
  const std::string name = "name-" + std::to_string(random() % 32);
  switch (random() % 10) {
    case 0: {
      remote::Listing listing;
      for (std::uint32_t i = 0; i < random() % 32; ++i) {
        listing.entries.push_back(file("name-" + std::to_string(i)));
      }
      cache.store_listing(cache.begin_fetch(directory), std::move(listing));
      break;
    }
    case 1:
      cache.note_created(directory, file(name, random() % 100));
      break;
    case 2:
      cache.note_removed(directory, name);
      break;
    case 3:
      cache.note_renamed(directory, name, 1 + random() % 8, "name-0");
      break;
    case 4:
      cache.store_entry(cache.begin_fetch(directory), file(name));
      break;
    case 5:
      cache.refine_times(directory, name, {61, remote::TimeGrain::second});
      break;
    case 6:
      cache.invalidate_entry(directory, name);
      break;
    case 7:
      cache.store_absent(cache.begin_fetch(directory), name);
      break;
    default:
      (void)cache.find(directory, name);
      break;
  }
}

TEST(NamespaceCacheThreads, RandomCallsFromManyThreadsKeepTheBooksRight) {
  ManualClock clock;
  NamespaceCache cache(Settings{30s, 20s, 5s, 40'000}, clock);  // small: evicts all the time
  in_parallel([&](int seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    for (int i = 0; i < kRounds; ++i) {
      act_at_random(cache, random);
    }
  });
  cache.clear();
  EXPECT_EQ(cache.counters().bytes, 0U);
  EXPECT_EQ(cache.counters().entries, 0U);
}

TEST(NamespaceCacheThreads, SnapshotsAreReadWhileTheDirectoryChanges) {
  ManualClock clock;
  NamespaceCache cache(Settings{30s, 20s, 5s, 1ULL << 20}, clock);
  cache.store_listing(cache.begin_fetch(1), {});
  in_parallel([&](int thread) {
    for (int i = 0; i < kRounds; ++i) {
      if (thread == 0) {
        cache.note_created(1, file("name-" + std::to_string(i % 50)));
        continue;
      }
      const auto snapshot = cache.find_listing(1);
      std::uint64_t sum = 0;
      for (std::size_t entry = 0; entry < snapshot->size(); ++entry) {
        sum += snapshot->at(entry).entry.size.value();
      }
      EXPECT_EQ(sum, snapshot->size());
    }
  });
}

TEST(NamespaceCacheThreads, NoFetchBringsBackWhatWasRemovedMeanwhile) {
  ManualClock clock;
  NamespaceCache cache(Settings{30s, 20s, 5s, 1ULL << 20}, clock);
  // The server: a name is there until it is removed, and only then does the cache hear of it.
  std::atomic<bool> on_server{true};
  for (int i = 0; i < kRounds / 4; ++i) {
    on_server = true;
    cache.note_created(1, file("a"));
    std::jthread fetcher([&] {
      const auto ticket = cache.begin_fetch(1);
      remote::Listing listing;
      if (on_server) {
        listing.entries.push_back(file("a"));
      }
      cache.store_listing(ticket, std::move(listing));
    });
    on_server = false;
    cache.note_removed(1, "a");
    fetcher.join();
    const auto found = cache.find(1, "a");
    ASSERT_TRUE(!found || !found->entry) << "round " << i;
  }
}

}  // namespace
}  // namespace ftpsfs::cache
