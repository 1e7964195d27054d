// SPDX-License-Identifier: MIT
//
// Small files that are read, or were read, before a program opened them. Each is handed to whoever
// opens it, once; what nobody opens is dropped after a moment. A change made here drops the file:
// what was read may be older than the change.
//
// Thread-safe; the mutex of FilesAhead may be held over those of its files, which are leaves.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/fs/types.hpp"
#include "ftpsfs/remote/remote.hpp"

namespace ftpsfs::fs {

/// One of them: planned, then asked of the server, then settled.
class FileAhead {
 public:
  using Content = std::shared_ptr<const remote::WholeFile>;

  /// @param held the memory of all such files counts this one's bytes while it lives.
  FileAhead(std::uint64_t bytes, std::shared_ptr<std::atomic<std::uint64_t>> held, SteadyTime now)
      : bytes_(bytes), held_(std::move(held)), since_(now) {
    *held_ += bytes_;
  }
  ~FileAhead() { *held_ -= bytes_; }
  FileAhead(const FileAhead&) = delete;
  FileAhead& operator=(const FileAhead&) = delete;

  /// The server is about to be asked. @return false: it was withdrawn.
  bool begin();
  /// Whoever wants it now reads it sooner alone. @return false: the server has been asked.
  bool withdraw();
  /// The first call counts. @param content null: it does not come.
  void settle(Content content, SteadyTime now);

  /// Is it there, or on its way?
  bool may_come() const;
  /// @return null: it does not come. @errors cancelled, timed_out.
  Result<Content> await(const Wait& wait);
  /// Null: not there, or not yet.
  Content peek() const;
  /// For how long it has lain here, planned or settled; none while the server is asked.
  Duration idle(SteadyTime now) const;

 private:
  enum class State : std::uint8_t { planned, asked, settled };

  const std::uint64_t bytes_;
  const std::shared_ptr<std::atomic<std::uint64_t>> held_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  State state_ FTPSFS_GUARDED_BY(mutex_) = State::planned;
  Content content_ FTPSFS_GUARDED_BY(mutex_);
  SteadyTime since_ FTPSFS_GUARDED_BY(mutex_);
};

class FilesAhead {
 public:
  FilesAhead(std::uint64_t most_bytes, const Clock& clock)
      : most_bytes_(most_bytes), clock_(clock) {}

  /// @return null: planned already, or no memory for it now.
  std::shared_ptr<FileAhead> plan(Ino file, std::uint64_t bytes);
  /// To who opens it. @return null: it is not there, not on its way, or too old.
  std::shared_ptr<FileAhead> hand_over(Ino file);
  /// The same, for who only looks.
  std::shared_ptr<FileAhead> find(Ino file) const;
  void drop(Ino file);
  void clear();

  struct Counters {
    std::uint64_t read = 0;  ///< ahead of need
    std::uint64_t used = 0;  ///< of those, opened later
  };
  Counters counters() const { return {read_, used_}; }
  void count_read() { ++read_; }

 private:
  void drop_unused() FTPSFS_REQUIRES(mutex_);

  const std::uint64_t most_bytes_;
  const Clock& clock_;
  const std::shared_ptr<std::atomic<std::uint64_t>> held_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  std::atomic<std::uint64_t> read_{0};
  std::atomic<std::uint64_t> used_{0};
  mutable Mutex mutex_;
  std::unordered_map<Ino, std::shared_ptr<FileAhead>> files_ FTPSFS_GUARDED_BY(mutex_);
  std::deque<Ino> order_ FTPSFS_GUARDED_BY(mutex_);  ///< of planning; some may be gone
};

}  // namespace ftpsfs::fs
