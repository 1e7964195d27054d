// SPDX-License-Identifier: MIT
//
// A disk that takes its time: holds a journal's writes back before they are brought to the disk.
//
//   SlowDisk disk;
//   JournalSettings settings{directory, "server", 4096, [&disk] { disk.pass(); }};
//   disk.hold();  …  disk.await_blocked();  …  disk.release();
//
// Thread-safe.
#pragma once

#include <gtest/gtest.h>

#include <chrono>

#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::writeback {

class SlowDisk {
 public:
  void hold() { set(true); }
  void release() { set(false); }

  void pass() {
    const MutexLock lock(mutex_);
    is_blocking_ = is_held_;
    changed_.notify_all();
    EXPECT_TRUE(
        changed_.wait(mutex_, patience(), [this]() FTPSFS_NO_ANALYSIS { return !is_held_; }));
    is_blocking_ = false;
  }
  /// Until a write stands here.
  void await_blocked() {
    const MutexLock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait(mutex_, patience(), [this]() FTPSFS_NO_ANALYSIS { return is_blocking_; }));
  }

 private:
  static Wait patience() { return Wait::for_at_most(std::chrono::seconds(20)); }
  void set(bool is_held) {
    const MutexLock lock(mutex_);
    is_held_ = is_held;
    changed_.notify_all();
  }

  Mutex mutex_;
  ConditionVariable changed_;
  bool is_held_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool is_blocking_ FTPSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace ftpsfs::writeback
