// SPDX-License-Identifier: MIT
//
// What the parts of the filesystem work with; one of each for a mount.
#pragma once

#include <atomic>
#include <chrono>
#include <limits>

#include "files_ahead.hpp"
#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/cache/namespace_cache.hpp"
#include "ftpsfs/fs/inode_table.hpp"
#include "ftpsfs/fs/kernel_cache.hpp"
#include "ftpsfs/fs/settings.hpp"
#include "ftpsfs/remote/hidden_names.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/transfer/limits.hpp"
#include "ftpsfs/transfer/memory_budget.hpp"
#include "ftpsfs/transfer/pace.hpp"
#include "ftpsfs/transfer/staged_file.hpp"
#include "lost_files.hpp"
#include "measured_sizes.hpp"
#include "page_gates.hpp"
#include "upload_failures.hpp"

namespace ftpsfs::fs {

using remote::HiddenName;
using remote::HiddenNames;

struct Services {
  remote::Remote& remote;
  const Settings& settings;
  KernelCache& kernel;
  const Clock& clock;
  cache::NamespaceCache& cache;
  InodeTable& inodes;
  HiddenNames& hidden_names;
  transfer::MemoryBudget& budget;
  transfer::Pace& pace;
  transfer::Limits limits;
  FilesAhead& files_ahead;

  bool case_sensitive = true;  ///< else names that differ in ASCII case are one

  /// The mode that the server gives to new files, once it was seen; 0 before.
  std::atomic<std::uint16_t> new_file_mode{0};
  std::atomic<std::uint64_t> failed_uploads{0};
  UploadFailures upload_failures{};
  std::atomic<std::uint64_t> taken_up{0};  ///< see transfer::Limits
  /// Hidden files that could not be cleared away: the next mount may.
  std::atomic<std::uint64_t> left_behind{0};
  /// Counted before the server is asked, and once more when the new name is ours: a path that was
  /// built meanwhile may have led elsewhere.
  std::atomic<std::uint64_t> renames{0};
  LostFiles lost_files{};
  /// Content that the server would not take, and that is kept here: see recovery.hpp.
  std::atomic<std::uint64_t> rescued_files{0};
  transfer::StagingBudget staging{settings.staging_bytes != 0
                                      ? settings.staging_bytes
                                      : std::numeric_limits<std::uint64_t>::max()};
  PageGates page_gates{};
  /// Where the server tells none.
  MeasuredSizes sizes{settings.attr_timeout, clock};

  /// For steps that must not be abandoned half-way, whatever the program does.
  Wait own_wait() const {
    // What waits behind a journal is not the remote's to end.
    return Wait::for_at_most(remote.traits().writes_back ? settings.timeout : limits.stall_timeout);
  }
  Wait own_wait(const std::stop_token& stop) const { return Wait{own_wait().deadline, stop}; }
  /// For a step that may fail without harm: those behind it must have time, too.
  static Wait half_of(const Wait& wait) {
    const auto left = std::chrono::duration_cast<Duration>(wait.deadline - SteadyClock::now());
    return wait.is_endless() ? wait : wait.no_longer_than(left / 2);
  }
  /// What is left of a program's wait, for what must be finished once begun.
  Wait deaf(const Wait& wait) const {
    return wait.is_endless() ? own_wait() : wait.uncancellable();
  }

  /// For what is done ahead of need: a program may come to wait for it, and would wait longer for
  /// its own.
  Wait wait_ahead(const std::stop_token& stop) const {
    return Wait::for_at_most(limits.stall_timeout, stop).no_longer_than(kAheadPatience);
  }
  static constexpr std::chrono::seconds kAheadPatience{5};

  std::int64_t wall_seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock.wall_now().time_since_epoch())
        .count();
  }
};

}  // namespace ftpsfs::fs
