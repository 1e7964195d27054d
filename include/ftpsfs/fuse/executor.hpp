// SPDX-License-Identifier: MIT
//
// An elastic, bounded pool of threads for what may block. A task goes to the thread that became
// idle last (its caches are warm, and the others may end), else to a new thread while there are
// fewer than the limit, else into a queue. Idle threads end after a while.
//
// Thread-safe. Tasks are begun in the order of submission.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::fuse {

struct ExecutorSettings {
  std::string name = "ftpsfs-work";  ///< of its threads; 15 bytes are shown
  std::size_t max_threads = 128;
  Duration idle_limit{30'000};  ///< a thread without work ends after it
};

class Executor {
 public:
  using Task = std::function<void()>;

  explicit Executor(ExecutorSettings settings);
  ~Executor();  ///< stop()
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Never waits for a task. An exception that leaves a task is logged and dropped.
  /// @return false when stopped, or when not even one thread could be had: the task was not taken.
  [[nodiscard]] bool submit(Task task);

  /// Takes no more tasks, runs what is queued, and joins all threads. Not from a task.
  void stop();

  struct Counters {
    std::size_t threads = 0;
    std::size_t idle = 0;
    std::size_t queued = 0;
  };
  Counters counters() const;

 private:
  struct Worker {
    std::thread thread;
    ConditionVariable wake;
    Task task;
  };

  bool start_worker(Task& task) FTPSFS_REQUIRES(mutex_);
  void run(Worker* self) noexcept;
  Task next_task(Worker* self) FTPSFS_REQUIRES(mutex_);
  /// Takes the calling worker off the books. @return the thread that ended before it, to be joined.
  std::thread retire(Worker* self) FTPSFS_REQUIRES(mutex_);

  const ExecutorSettings settings_;
  mutable Mutex mutex_;
  std::unordered_map<Worker*, std::shared_ptr<Worker>> workers_ FTPSFS_GUARDED_BY(mutex_);
  std::vector<Worker*> idle_ FTPSFS_GUARDED_BY(mutex_);  ///< the last one is woken first
  std::deque<Task> queue_ FTPSFS_GUARDED_BY(mutex_);
  std::thread ended_ FTPSFS_GUARDED_BY(mutex_);  ///< joined by the next one that ends
  ConditionVariable all_ended_;
  bool stopping_ FTPSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace ftpsfs::fuse
