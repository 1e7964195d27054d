// SPDX-License-Identifier: MIT
//
// Whether the kernel may still be given pages of an inode that it has not asked for. They must
// never overtake a write, nor the kernel's own forgetting at an opening: whoever is about to do
// either closes the gate for good, and waits for what has passed it. Later pages pass another one.
//
// Thread-safe; the mutexes are leaves.
#pragma once

#include <memory>
#include <unordered_map>
#include <utility>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/fs/kernel_cache.hpp"
#include "ftpsfs/fs/types.hpp"

namespace ftpsfs::fs {

class PageGate : public std::enable_shared_from_this<PageGate> {
 public:
  /// @return alive while pages are on their way to the kernel; null: the gate is closed.
  PageTicket admit();
  bool is_open() const;
  /// @errors timed_out, cancelled: some are still on their way.
  Result<void> close(const Wait& wait);

 private:
  mutable Mutex mutex_;
  ConditionVariable arrived_;
  bool open_ FTPSFS_GUARDED_BY(mutex_) = true;
  int on_their_way_ FTPSFS_GUARDED_BY(mutex_) = 0;
};

class PageGates {
 public:
  /// The open gate of this inode; made when there is none.
  std::shared_ptr<PageGate> gate(Ino ino);
  /// @errors as PageGate::close
  Result<void> close(Ino ino, const Wait& wait);

 private:
  Mutex mutex_;
  /// Those that nobody holds any more are swept away now and then.
  std::unordered_map<Ino, std::weak_ptr<PageGate>> gates_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::fs
