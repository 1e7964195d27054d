// SPDX-License-Identifier: MIT
//
// The records of NamespaceCache, in the order of their last use, bounded in bytes. Knows which
// directory was changed when, but none of the cache's other rules. Not thread-safe: the cache
// locks.
#pragma once

#include <atomic>
#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ftpsfs/cache/namespace_cache.hpp"

namespace ftpsfs::cache {

/// What is to be destroyed outside of the lock: a large directory takes its time.
using Dropped = std::vector<std::shared_ptr<const void>>;

struct Absent {
  SteadyTime fresh_until;
  SteadyTime fetched_at;
};

struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};

/// A snapshot that is lent out and changed in turn.
class LentSnapshot {
 public:
  explicit LentSnapshot(DirectorySnapshot snapshot = {})
      : own_(std::make_shared<Own>(std::move(snapshot))) {}

  const DirectorySnapshot& get() const { return own_->snapshot; }
  NamespaceCache::Snapshot lend();
  /// For a change in place; clones first when somebody holds what was lent.
  DirectorySnapshot& writable(Dropped& dropped);
  void replace(DirectorySnapshot snapshot, Dropped& dropped);

 private:
  struct Own {
    explicit Own(DirectorySnapshot initial) : snapshot(std::move(initial)) {}
    DirectorySnapshot snapshot;
    /// Not shared_ptr::use_count(): a holder's last read must happen before our next write, and
    /// only a release/acquire pair says so.
    std::atomic<int> lent{0};
  };
  std::shared_ptr<Own> own_;
  std::weak_ptr<const DirectorySnapshot> lent_;
};

struct DirectoryRecord {
  explicit DirectoryRecord(DirectoryId directory) : id(directory) {}

  const DirectoryId id;
  LentSnapshot entries;
  std::unordered_map<std::string, Absent, NameHash, std::equal_to<>> absent;

  // The listing; the times matter only while it is complete.
  bool complete = false;
  bool told_exact_times = false;
  SteadyTime complete_until;
  SteadyTime fetched_at;
  std::uint64_t listed_by = 0;  ///< number of the fetch

  std::uint64_t changed = 0;  ///< number of the last change made here
  std::uint64_t refined = 0;  ///< times refined in place: no change, but newer than a copy

  std::size_t charged_bytes = 0;  ///< as counted in the totals
  std::size_t charged_entries = 0;
};

class DirectoryRecords {
 public:
  explicit DirectoryRecords(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

  /// Pointers hold until the next settle() or clear(). find() counts as a use.
  DirectoryRecord* find(DirectoryId directory);
  const DirectoryRecord* peek(DirectoryId directory) const;
  DirectoryRecord* peek(DirectoryId directory);
  DirectoryRecord& obtain(DirectoryId directory);

  /// The record of a directory that is being changed here and now.
  DirectoryRecord& changing(DirectoryId directory);
  /// Number of the last change of a directory; where it is forgotten, no smaller than that.
  std::uint64_t last_change(DirectoryId directory) const;
  std::uint64_t changes() const { return changes_; }

  /// Counts the record anew, and lets the least recently used go when there is too much.
  void settle(DirectoryRecord& record, Dropped& dropped);
  void clear(Dropped& dropped);

  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t entries() const { return entries_; }

 private:
  struct ById {};
  struct ByUse {};
  using Records = boost::multi_index_container<
      std::shared_ptr<DirectoryRecord>,
      boost::multi_index::indexed_by<
          boost::multi_index::sequenced<boost::multi_index::tag<ByUse>>,
          boost::multi_index::hashed_unique<
              boost::multi_index::tag<ById>,
              boost::multi_index::member<DirectoryRecord, const DirectoryId,
                                         &DirectoryRecord::id>>>>;

  void discharge(const DirectoryRecord& record);

  const std::uint64_t max_bytes_;
  Records records_;  ///< the least recently used first
  std::uint64_t bytes_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t changes_ = 0;
  /// The newest change of any record that is no longer here: older tickets cannot be trusted.
  std::uint64_t forgotten_changes_ = 0;
};

}  // namespace ftpsfs::cache
