// SPDX-License-Identifier: MIT
//
// A few threads for work ahead of need, started when there is more to do than those that there are
// can take. Thread-safe; the mutex is a leaf.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::fs {

class Crew {
 public:
  /// Is told when to give up. What it throws is logged.
  using Job = std::function<void(const std::stop_token&)>;

  Crew() = default;
  /// Gives up: what has not begun is dropped.
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// @param most_workers of which the crew consists at most, and how many jobs may wait for them.
  /// @return false: so many wait already, and the job is not taken.
  bool take(Job job, std::size_t most_workers);

  /// For what somebody waits for. @return false: nobody could begin with it now; it is not taken.
  bool take_at_once(Job job, std::size_t most_workers);

 private:
  void add(Job job, std::size_t most_workers) FTPSFS_REQUIRES(mutex_);
  void run(const std::stop_token& stop);

  Mutex mutex_;
  ConditionVariable work_;
  std::deque<Job> jobs_ FTPSFS_GUARDED_BY(mutex_);
  std::size_t idle_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::vector<std::jthread> workers_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::fs
