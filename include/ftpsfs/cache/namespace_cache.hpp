// SPDX-License-Identifier: MIT
//
// What is remembered of the server's names: one record for each directory, holding its entries,
// names known to be absent, and whether it is complete. Records are bounded in bytes, the least
// recently used go first. Keys are (directory, name), so that a renamed directory keeps its
// children.
//
// Rules:
// - Local changes are seen at once. A fetch takes a ticket before its command goes out; when the
//   directory has changed here meanwhile, its result is not kept: it may be older than the change.
//   Nor does a fetch take the place of a listing whose fetch began later.
// - Times never flip: a coarse time that may be the finer one already known for the same content
//   does not replace it.
// - On servers that fold case a listing proves no name absent, names that differ in ASCII case are
//   one, and the spelling is the listing's.
//
// Thread-safe: one leaf mutex; nothing is called under it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/cache/directory_snapshot.hpp"
#include "ftpsfs/remote/entry.hpp"

namespace ftpsfs::cache {

/// The inode number of a directory; never used twice.
using DirectoryId = std::uint64_t;

/// A directory between two local changes. Fetches may be shared (SingleFlight) by those who ask for
/// the same version only: one begun before a change does not show it.
struct DirectoryVersion {
  DirectoryId directory = 0;
  std::uint64_t generation = 0;

  friend bool operator==(const DirectoryVersion&, const DirectoryVersion&) = default;
};

struct Settings {
  std::chrono::milliseconds dir_timeout;       ///< listings
  std::chrono::milliseconds attr_timeout;      ///< entries asked one by one
  std::chrono::milliseconds negative_timeout;  ///< names found absent one by one
  std::uint64_t max_bytes;
};

class NamespaceCache {
 public:
  NamespaceCache(const Settings& settings, const Clock& clock);
  ~NamespaceCache();
  NamespaceCache(const NamespaceCache&) = delete;
  NamespaceCache& operator=(const NamespaceCache&) = delete;

  void set_case_sensitive(bool sensitive);

  struct Found {
    std::optional<remote::Entry> entry;  ///< absent: the name is known not to exist
    std::chrono::milliseconds valid_for{0};
    SteadyTime fetched_at;  ///< no later than the moment at which the server said so
  };
  /// nullopt: not known, or no longer fresh.
  std::optional<Found> find(DirectoryId directory, std::string_view name);

  /// The entry of this name, as the server compares names.
  const CachedEntry* find_in(const DirectorySnapshot& listing, std::string_view name) const;

  using Snapshot = std::shared_ptr<const DirectorySnapshot>;
  /// Only when complete and fresh.
  Snapshot find_listing(DirectoryId directory);
  /// The same for who only looks ahead: no use of it, neither a hit nor a miss.
  Snapshot peek_listing(DirectoryId directory) const;
  /// However old: for guesses.
  Snapshot recall_listing(DirectoryId directory) const;
  /// Is there a listing, of which every time is as exact as the server can tell?
  bool exact_times(DirectoryId directory) const;

  /// Costs nothing to take or to abandon, and outlives the directory's record.
  struct Ticket {
    DirectoryVersion version;
    std::uint64_t changes = 0;  ///< local changes in all directories before it
    std::uint64_t number = 0;   ///< in the order of beginning
    SteadyTime begun_at;
  };
  /// Taken before the command goes out.
  Ticket begin_fetch(DirectoryId directory);
  /// @return the snapshot in any case; kept when nothing changed here meanwhile.
  Snapshot store_listing(const Ticket& ticket, remote::Listing listing);
  void store_entry(const Ticket& ticket, remote::Entry entry);
  void store_absent(const Ticket& ticket, std::string_view name);
  /// What is known of the name is not good enough: the server shall be asked. No change was made
  /// here, so fetches under way are kept, and may be shared.
  void expire_entry(DirectoryId directory, std::string_view name);

  // What this mount has done itself.
  /// Also for an entry that was changed or replaced. Does not make a directory complete.
  void note_created(DirectoryId directory, remote::Entry entry);
  void note_removed(DirectoryId directory, std::string_view name);
  void note_renamed(DirectoryId from, std::string_view name, DirectoryId to,
                    std::string_view new_name);
  /// The outcome of a change is unknown.
  void invalidate_entry(DirectoryId directory, std::string_view name);
  void invalidate_directory(DirectoryId directory);
  void clear();

  /// A finer time for an entry that is known; no change of the file. Ignored when the known time
  /// is as fine: it is the newer one.
  void refine_times(DirectoryId directory, std::string_view name, remote::FileTime time);

  struct Counters {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t bytes = 0;
    std::uint64_t entries = 0;
  };
  Counters counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ftpsfs::cache

template <>
struct std::hash<ftpsfs::cache::DirectoryVersion> {
  std::size_t operator()(const ftpsfs::cache::DirectoryVersion& version) const noexcept {
    constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;
    return static_cast<std::size_t>((version.directory ^ (version.generation * kGolden)) * kGolden);
  }
};
