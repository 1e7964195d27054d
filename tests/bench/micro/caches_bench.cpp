// SPDX-License-Identifier: MIT
//
// One million names in the cache: what each costs beyond its name, and how long it takes to find
// one, beside std::unordered_map<std::string, …>. An error when a limit is passed: 200 bytes, one
// microsecond.
#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <malloc.h>
#include <time.h>

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
constexpr std::size_t kEntries = kDirectories * kNames;
constexpr std::size_t kQuestions = 1U << 20U;
constexpr double kMostBytes = 200;
constexpr double kMostSeconds = 1e-6;

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

/// What `fill` takes from the heap for each entry, without the bytes of its name.
template <typename Fill>
double bytes_over_the_name(Fill fill) {
  const std::size_t before = allocated();
  fill();
  return static_cast<double>(allocated() - before) / static_cast<double>(kEntries) -
         static_cast<double>(name_of(0).size());
}

using Questions = std::vector<std::pair<DirectoryId, std::string>>;

/// Names to be looked up, in no order, so that the processor's caches are of little help.
const Questions& questions() {
  static const Questions all = [] {
    std::mt19937_64 random(1);
    Questions made;
    made.reserve(kQuestions);
    for (std::size_t i = 0; i < kQuestions; ++i) {
      made.emplace_back(1 + random() % kDirectories, name_of(random() % kNames));
    }
    return made;
  }();
  return all;
}

/// Of the processor: what others do meanwhile does not count.
double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// @return seconds for each; 0 after a failure, which the state has been told.
template <typename Look>
double look_up(benchmark::State& state, double bytes, Look look) {
  const Questions& asked = questions();
  std::size_t next = 0;
  const double began = thread_seconds();
  for (auto _ : state) {
    const auto& [directory, name] = asked[next++ % kQuestions];
    if (!look(directory, name)) {
      state.SkipWithError("a name is not found");
      return 0;
    }
  }
  const double taken = thread_seconds() - began;
  const std::int64_t rounds = state.iterations();
  state.SetItemsProcessed(rounds);
  state.counters["bytes_over_the_name"] = bytes;
  return taken / static_cast<double>(rounds);
}

void CacheLookup(benchmark::State& state) {
  const ftpsfs::SystemClock clock;
  const auto hour = std::chrono::hours(1);
  NamespaceCache cache({hour, hour, hour, std::uint64_t{1} << 40U}, clock);
  const double bytes = bytes_over_the_name([&] {
    for (DirectoryId directory = 1; directory <= kDirectories; ++directory) {
      remote::Listing listing;
      for (std::size_t i = 0; i < kNames; ++i) {
        listing.entries.push_back(entry_of(i));
      }
      cache.store_listing(cache.begin_fetch(directory), std::move(listing));
    }
  });
  const double each = look_up(state, bytes, [&](DirectoryId directory, const std::string& name) {
    const auto found = cache.find(directory, name);
    return found && found->entry;
  });
  state.counters["by_its_own_count"] =
      static_cast<double>(cache.counters().bytes) / static_cast<double>(kEntries) -
      static_cast<double>(name_of(0).size());
  if (bytes >= kMostBytes) {
    state.SkipWithError("an entry takes 200 bytes or more over its name");
  }
  if (each >= kMostSeconds) {
    state.SkipWithError("a lookup takes a microsecond or more");
  }
}

void UnorderedMapLookup(benchmark::State& state) {
  std::unordered_map<DirectoryId, std::unordered_map<std::string, remote::Entry>> plain;
  const double bytes = bytes_over_the_name([&] {
    for (DirectoryId directory = 1; directory <= kDirectories; ++directory) {
      for (std::size_t i = 0; i < kNames; ++i) {
        plain[directory].emplace(name_of(i), entry_of(i));
      }
    }
  });
  look_up(state, bytes, [&](DirectoryId directory, const std::string& name) {
    const auto& names = plain[directory];
    const auto found = names.find(name);
    return found != names.end() && std::make_unique<remote::Entry>(found->second) != nullptr;
  });
}

// So many lookups always: the million entries are made once for each measurement.
BENCHMARK(CacheLookup)->Iterations(2'000'000)->Unit(benchmark::kNanosecond);
BENCHMARK(UnorderedMapLookup)->Iterations(2'000'000)->Unit(benchmark::kNanosecond);

}  // namespace
