// SPDX-License-Identifier: MIT
//
// The files that are not on the server as they were written here, and of which no program was told
// that is known to look: their last upload failed behind the last close, or at that of a shell.
// Whoever unmounts is told. A file leaves the list when it is uploaded whole, removed or replaced.
//
// Thread-safe; the mutex is a leaf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::fs {

class LostFiles {
 public:
  /// More than these are only counted.
  static constexpr std::size_t kMostNames = 10'000;

  /// @return whether it was not known to be lost before.
  bool note(const std::string& path) {
    const MutexLock lock(mutex_);
    if (paths_.contains(path)) {
      return false;
    }
    if (paths_.size() < kMostNames) {
      paths_.insert(path);
    } else {
      ++nameless_;
    }
    return true;
  }

  void forget(const std::string& path) {
    const MutexLock lock(mutex_);
    paths_.erase(path);
  }

  /// A file, or a directory with all below it, has another name now.
  void move(const std::string& from, const std::string& to) {
    const MutexLock lock(mutex_);
    paths_.erase(to);  // replaced
    std::vector<std::string> moved;
    for (auto it = paths_.lower_bound(from); it != paths_.end() && it->starts_with(from);) {
      if (it->size() != from.size() && (*it)[from.size()] != '/') {
        ++it;
        continue;
      }
      moved.push_back(to + it->substr(from.size()));
      it = paths_.erase(it);
    }
    for (std::string& path : moved) {
      paths_.insert(std::move(path));
    }
  }

  std::uint64_t count() const {
    const MutexLock lock(mutex_);
    return paths_.size() + nameless_;
  }

 private:
  mutable Mutex mutex_;
  std::set<std::string> paths_ FTPSFS_GUARDED_BY(mutex_);
  std::uint64_t nameless_ FTPSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace ftpsfs::fs
