// SPDX-License-Identifier: MIT
//
// One million names in the cache: what each costs beyond its name, and how long it takes to find
// one, beside std::unordered_map<std::string, …> in the same run. Says it as a Markdown table, and
// ends with 1 when a limit is passed: 200 bytes, one microsecond.
#include <fmt/core.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/cache/namespace_cache.hpp"

namespace {

using ftpsfs::cache::DirectoryId;
using ftpsfs::cache::NamespaceCache;
namespace remote = ftpsfs::remote;

constexpr DirectoryId kDirectories = 1000;
constexpr std::size_t kNames = 1000;
constexpr std::size_t kLookups = 2'000'000;
constexpr double kMostBytes = 200;
constexpr double kMostNanoseconds = 1000;

std::string name_of(std::size_t i) {
  return fmt::format("file-{:06}.txt", i);  // 15 bytes: within std::string itself
}

remote::Entry entry_of(std::size_t i) {
  remote::Entry entry;
  entry.name = name_of(i);
  entry.size = i;
  entry.mtime = remote::FileTime{1'700'000'000 + static_cast<std::int64_t>(i)};
  entry.mode = 0644;
  entry.unique = remote::UniqueFact(entry.name);
  return entry;
}

std::size_t allocated() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Names to be looked up, in no order, so that the processor's caches are of little help.
std::vector<std::pair<DirectoryId, std::string>> questions() {
  std::mt19937_64 random(1);
  std::vector<std::pair<DirectoryId, std::string>> all;
  all.reserve(kLookups);
  for (std::size_t i = 0; i < kLookups; ++i) {
    all.emplace_back(1 + random() % kDirectories, name_of(random() % kNames));
  }
  return all;
}

template <typename Look>
double nanoseconds_each(const std::vector<std::pair<DirectoryId, std::string>>& asked, Look look) {
  std::size_t found = 0;
  const auto began = std::chrono::steady_clock::now();
  for (const auto& [directory, name] : asked) {
    found += look(directory, name) ? 1 : 0;
  }
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - began;
  if (found != asked.size()) {
    fmt::print(stderr, "{} of {} names were found: this run says nothing\n", found, asked.size());
    std::exit(2);
  }
  return taken.count() / static_cast<double>(asked.size());
}

}  // namespace

int main() {
  const ftpsfs::SystemClock clock;
  const auto hour = std::chrono::hours(1);
  const auto asked = questions();
  constexpr double kEntries = static_cast<double>(kDirectories * kNames);

  std::size_t before = allocated();
  NamespaceCache cache({hour, hour, hour, std::uint64_t{1} << 40U}, clock);
  for (DirectoryId directory = 1; directory <= kDirectories; ++directory) {
    remote::Listing listing;
    for (std::size_t i = 0; i < kNames; ++i) {
      listing.entries.push_back(entry_of(i));
    }
    cache.store_listing(cache.begin_fetch(directory), std::move(listing));
  }
  const double name_bytes = static_cast<double>(name_of(0).size());
  const double ours = static_cast<double>(allocated() - before) / kEntries - name_bytes;
  const double our_time =
      nanoseconds_each(asked, [&](DirectoryId directory, const std::string& name) {
        const auto found = cache.find(directory, name);
        return found && found->entry;
      });

  before = allocated();
  std::unordered_map<DirectoryId, std::unordered_map<std::string, remote::Entry>> plain;
  for (DirectoryId directory = 1; directory <= kDirectories; ++directory) {
    for (std::size_t i = 0; i < kNames; ++i) {
      plain[directory].emplace(name_of(i), entry_of(i));
    }
  }
  const double theirs = static_cast<double>(allocated() - before) / kEntries - name_bytes;
  const double their_time =
      nanoseconds_each(asked, [&](DirectoryId directory, const std::string& name) {
        const auto& names = plain[directory];
        const auto found = names.find(name);
        return found != names.end() && std::make_unique<remote::Entry>(found->second) != nullptr;
      });

  fmt::print(
      "A million names in a thousand directories\n\n| | std::unordered_map | cache | ratio "
      "|\n|---|---|---|---|\n");
  fmt::print("| bytes over the name | {:.0f} | {:.0f} | {:.2f} |\n", theirs, ours, theirs / ours);
  fmt::print("| nanoseconds for a lookup | {:.0f} | {:.0f} | {:.2f} |\n", their_time, our_time,
             their_time / our_time);
  fmt::print("\nThe cache's own count: {:.0f} bytes over the name\n",
             static_cast<double>(cache.counters().bytes) / kEntries - name_bytes);
  return ours < kMostBytes && our_time < kMostNanoseconds ? 0 : 1;
}
