// SPDX-License-Identifier: MIT
//
// A mutex and a condition variable that clang's thread-safety analysis understands. Mutexes here
// are leaves: none is held across I/O, and the few allowed nestings stand in
// contrib/doc/threading.md.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

#include "ftpsfs/base/wait.hpp"

#if defined(__clang__)
#define FTPSFS_ANNOTATE(x) __attribute__((x))
#else
#define FTPSFS_ANNOTATE(x)
#endif

#define FTPSFS_CAPABILITY(x) FTPSFS_ANNOTATE(capability(x))
#define FTPSFS_SCOPED_CAPABILITY FTPSFS_ANNOTATE(scoped_lockable)
#define FTPSFS_GUARDED_BY(x) FTPSFS_ANNOTATE(guarded_by(x))
#define FTPSFS_REQUIRES(...) FTPSFS_ANNOTATE(requires_capability(__VA_ARGS__))
#define FTPSFS_EXCLUDES(...) FTPSFS_ANNOTATE(locks_excluded(__VA_ARGS__))
#define FTPSFS_ACQUIRE(...) FTPSFS_ANNOTATE(acquire_capability(__VA_ARGS__))
#define FTPSFS_RELEASE(...) FTPSFS_ANNOTATE(release_capability(__VA_ARGS__))
#define FTPSFS_NO_ANALYSIS FTPSFS_ANNOTATE(no_thread_safety_analysis)

namespace ftpsfs {

class FTPSFS_CAPABILITY("mutex") Mutex {
 public:
  void lock() FTPSFS_ACQUIRE() { mutex_.lock(); }
  void unlock() FTPSFS_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

/// Holds a Mutex for a scope; may be released and taken again inside it.
class FTPSFS_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) FTPSFS_ACQUIRE(mutex) : mutex_(mutex), held_(true) {
    mutex_.lock();
  }
  ~MutexLock() FTPSFS_RELEASE() {
    if (held_) {
      mutex_.unlock();
    }
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void unlock() FTPSFS_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }
  void lock() FTPSFS_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_;
};

/// Waits are bounded by a `Wait`: a deadline and a stop token. The predicate runs under the mutex
/// (analysis is off inside it, as clang cannot see that).
class ConditionVariable {
 public:
  void notify_one() noexcept { cv_.notify_one(); }
  void notify_all() noexcept { cv_.notify_all(); }

  /// @return true when the predicate held; false when the deadline passed or a stop was asked.
  template <typename Predicate>
  bool wait(Mutex& mutex, const Wait& wait, Predicate predicate) FTPSFS_REQUIRES(mutex) {
    return cv_.wait_until(mutex, wait.stop, wait.deadline, std::move(predicate));
  }

 private:
  std::condition_variable_any cv_;
};

}  // namespace ftpsfs
