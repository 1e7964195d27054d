// SPDX-License-Identifier: MIT
//
// What the tests of NamespaceCache have in common: a cache with a clock that stands still.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/cache/namespace_cache.hpp"

namespace ftpsfs::cache {

constexpr DirectoryId kDir = 7;
constexpr DirectoryId kOther = 8;

inline remote::Entry file(std::string name, std::uint64_t size = 1) {
  remote::Entry entry;
  entry.name = std::move(name);
  entry.size = size;
  return entry;
}

inline remote::Entry timed(std::string name, std::int64_t seconds, remote::TimeGrain grain,
                           std::uint64_t size = 1) {
  remote::Entry entry = file(std::move(name), size);
  entry.mtime = remote::FileTime{seconds, grain};
  return entry;
}

inline remote::Listing listing(std::vector<remote::Entry> entries) {
  remote::Listing result;
  result.entries = std::move(entries);
  return result;
}

inline std::string many_names(std::size_t i) {
  return "a-name-that-does-not-fit-inside-" + std::to_string(i);
}

class NamespaceCacheTest : public ::testing::Test {
 protected:
  /// "present", "absent" or "unknown".
  std::string known(DirectoryId directory, std::string_view name) {
    const auto found = cache_.find(directory, name);
    return !found ? "unknown" : found->entry ? "present" : "absent";
  }
  std::uint64_t size_of(DirectoryId directory, std::string_view name) {
    return cache_.find(directory, name)->entry->size.value();
  }
  NamespaceCache::Snapshot list(DirectoryId directory, std::vector<remote::Entry> entries) {
    return cache_.store_listing(cache_.begin_fetch(directory), listing(std::move(entries)));
  }
  remote::FileTime time_of(std::string_view name) {
    return cache_.find(kDir, name)->entry->mtime.value();
  }

  ManualClock clock_;
  NamespaceCache cache_{Settings{std::chrono::seconds(30), std::chrono::seconds(20),
                                 std::chrono::seconds(5), 1ULL << 20},
                        clock_};
};

}  // namespace ftpsfs::cache
