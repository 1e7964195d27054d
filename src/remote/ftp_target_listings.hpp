// SPDX-License-Identifier: MIT
//
// The listings in which links were looked up a moment ago: many links lead into one directory, and
// each listing of it tells the modes of all. Bounded; private to FtpRemote; thread-safe, the mutex
// is a leaf.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/remote/entry.hpp"
#include "ftpsfs/remote/remote_path.hpp"

namespace ftpsfs::remote {

class TargetListings {
 public:
  /// @param clock must outlive it.
  explicit TargetListings(const Clock& clock) : clock_(clock) {}

  /// @return null: it must be asked for.
  std::shared_ptr<const Listing> find(const RemotePath& directory) const;

  /// Taken before a listing is asked for.
  std::uint64_t changes() const;
  /// @param since changes() of then: what was changed meanwhile, the listing may not show.
  void keep(const RemotePath& directory, std::shared_ptr<const Listing> listing,
            std::uint64_t since);

  /// Something is changed through this mount, or will be.
  void note_change();

 private:
  struct Kept {
    RemotePath directory;
    std::shared_ptr<const Listing> listing;
    SteadyTime until;
  };

  const Clock& clock_;
  mutable Mutex mutex_;
  std::uint64_t changes_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::vector<Kept> kept_ FTPSFS_GUARDED_BY(mutex_);  ///< oldest first
};

/// Lives as long as the change is made: listings that are asked for meanwhile are not kept, either.
class ChangeNote {
 public:
  explicit ChangeNote(TargetListings& listings) : listings_(listings) { listings_.note_change(); }
  ~ChangeNote() { listings_.note_change(); }
  ChangeNote(const ChangeNote&) = delete;
  ChangeNote& operator=(const ChangeNote&) = delete;

 private:
  TargetListings& listings_;
};

}  // namespace ftpsfs::remote
