// SPDX-License-Identifier: MIT
//
// What an open directory shows: a listing that is whole, or one that still arrives and only grows.
// Positions never change, so readdir can go on from any of them.
// Thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/cache/directory_snapshot.hpp"
#include "ftpsfs/remote/entry.hpp"

namespace ftpsfs::fs {

class OpenListing {
 public:
  using Snapshot = std::shared_ptr<const cache::DirectorySnapshot>;

  /// One that is still to arrive.
  explicit OpenListing(bool case_sensitive = true) : case_sensitive_(case_sensitive) {}

  // For whoever asks the server.
  /// Adds those whose names are new.
  void add(const std::vector<remote::Entry>& arrived);
  /// What the snapshot has besides follows what has arrived. On an error readers get what has
  /// arrived, and then the error. Once.
  void finish(Result<Snapshot> end);

  struct Extent {
    std::size_t count = 0;  ///< entries that are there
    bool is_whole = false;
  };
  /// Waits until more than `position` entries are there, or all of them.
  /// @errors that of the listing, behind its last entry; timed_out and cancelled by the wait.
  Result<Extent> await(std::size_t position, const Wait& wait) const;

  // Who reads it (an open directory).
  void join();
  void leave();
  /// Since when nobody reads it any more; nullopt: somebody does, or nobody has begun to.
  std::optional<SteadyTime> unread_since() const;

  /// Do entries tell more than name, type and mode? Those of a listing that came whole do.
  bool tells_all() const;
  /// Valid as long as this is.
  /// @pre position < the count of an Extent
  const remote::Entry& at(std::size_t position) const;
  bool contains(std::string_view name) const;

 private:
  const bool case_sensitive_;
  mutable Mutex mutex_;
  mutable ConditionVariable changed_;
  /// Empty when the listing came whole. A deque leaves its elements where they are.
  std::deque<remote::Entry> arrived_ FTPSFS_GUARDED_BY(mutex_);
  std::unordered_set<std::string_view> names_ FTPSFS_GUARDED_BY(mutex_);
  std::size_t readers_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::optional<SteadyTime> unread_since_ FTPSFS_GUARDED_BY(mutex_);
  std::optional<Result<Snapshot>> end_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::fs
