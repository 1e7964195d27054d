// SPDX-License-Identifier: MIT
//
// Names whose STOR may have been sent, and was not answered. A server that hung may carry it out
// late, when the same was sent again over another connection and has arrived: it empties the file
// then. Thread-safe. Private to FtpRemote.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::remote {

class UnansweredStores {
 public:
  /// What a server has not done by then it does no more: the connection was reset.
  static constexpr std::chrono::minutes kLatest{5};
  /// How long an upload of the name must stay as it is.
  static constexpr std::chrono::milliseconds kSettled{300};

  void note(const std::string& path) {
    const MutexLock lock(mutex_);
    const SteadyTime now = SteadyClock::now();
    if (since_.size() >= kMost) {
      std::erase_if(since_, [now](const auto& each) { return now - each.second > kLatest; });
    }
    if (since_.size() < kMost) {
      since_[path] = now;
    }
  }

  bool has(const std::string& path) const {
    const MutexLock lock(mutex_);
    const auto known = since_.find(path);
    return known != since_.end() && SteadyClock::now() - known->second <= kLatest;
  }

 private:
  static constexpr std::size_t kMost = 10'000;

  mutable Mutex mutex_;
  std::unordered_map<std::string, SteadyTime> since_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::remote
