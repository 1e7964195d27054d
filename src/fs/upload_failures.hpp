// SPDX-License-Identifier: MIT
//
// The latest uploads that failed, and why, for whoever looks at the mount's status: the program was
// told an error number, the server's words are here. A file leaves the list when it is uploaded
// whole, or removed.
//
// Thread-safe; the mutex is a leaf.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/fs/filesystem.hpp"

namespace ftpsfs::fs {

class UploadFailures {
 public:
  /// Of more than these the oldest are forgotten.
  static constexpr std::size_t kMost = 8;

  void note(FailedUpload failure) {
    const MutexLock lock(mutex_);
    erase(failure.path);
    failures_.push_back(std::move(failure));
    if (failures_.size() > kMost) {
      failures_.pop_front();
    }
  }

  void forget(const std::string& path) {
    const MutexLock lock(mutex_);
    erase(path);
  }

  /// The latest last.
  std::vector<FailedUpload> all() const {
    const MutexLock lock(mutex_);
    return {failures_.begin(), failures_.end()};
  }

 private:
  void erase(const std::string& path) FTPSFS_REQUIRES(mutex_) {
    std::erase_if(failures_, [&path](const FailedUpload& one) { return one.path == path; });
  }

  mutable Mutex mutex_;
  std::deque<FailedUpload> failures_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::fs
