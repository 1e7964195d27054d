// SPDX-License-Identifier: MIT
//
// Files that are read, or were read, before a program opened them: small ones ahead of need, and
// those of which only reading tells the size. Each is handed to whoever opens it, once; what nobody
// opens is dropped after a moment. A change made here drops the file: what was read may be older
// than the change.
//
// Thread-safe; the mutex of FilesAhead may be held over those of its files, which are leaves.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fetched_file.hpp"
#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/fs/types.hpp"

namespace ftpsfs::fs {

/// What all such files have in common. Thread-safe.
class AheadBooks {
 public:
  explicit AheadBooks(std::uint64_t most_bytes) : most_(most_bytes) {}
  /// @return false: there is no room for so much, and nothing was taken.
  bool take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes) { held_ -= bytes; }

  /// Of how many, that are on their way, a program has need now.
  unsigned wanted() const { return wanted_; }
  void add_wanted() { ++wanted_; }
  void remove_wanted() { --wanted_; }

 private:
  const std::uint64_t most_;
  std::atomic<std::uint64_t> held_{0};
  std::atomic<unsigned> wanted_{0};
};

/// One of them: planned, then asked of the server, then settled.
class FileAhead {
 public:
  using Content = std::shared_ptr<const FetchedFile>;

  FileAhead(std::shared_ptr<AheadBooks> books, SteadyTime now)
      : books_(std::move(books)), since_(now) {}
  ~FileAhead();
  FileAhead(const FileAhead&) = delete;
  FileAhead& operator=(const FileAhead&) = delete;

  /// Counts more bytes as this file's, while it lives. @return false: no memory for them now.
  bool grow(std::uint64_t bytes);
  /// They are not in memory any more.
  void give_back();

  /// The server is about to be asked. @return false: it was withdrawn.
  bool begin();
  /// Whoever wants it now reads it sooner alone. @return false: the server has been asked.
  bool withdraw();
  /// The first call counts. @param content null: it does not come.
  void settle(Content content, SteadyTime now);

  /// A program comes for it: it is wanted until it is there, if it is on its way.
  void want();

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

  const std::shared_ptr<AheadBooks> books_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  bool is_wanted_ FTPSFS_GUARDED_BY(mutex_) = false;
  std::uint64_t bytes_ FTPSFS_GUARDED_BY(mutex_) = 0;
  State state_ FTPSFS_GUARDED_BY(mutex_) = State::planned;
  Content content_ FTPSFS_GUARDED_BY(mutex_);
  SteadyTime since_ FTPSFS_GUARDED_BY(mutex_);
};

class FilesAhead {
 public:
  /// How long a file waits for its opening: else the guess was wrong, or the program is slow.
  static constexpr std::chrono::seconds kKept{10};

  FilesAhead(std::uint64_t most_bytes, const Clock& clock)
      : books_(std::make_shared<AheadBooks>(most_bytes)), clock_(clock) {}

  /// What is not wanted any more, for the caller to destroy under no lock: it may lie on a disk.
  using Dropped = std::vector<std::shared_ptr<FileAhead>>;

  /// @return null: planned already, or no memory for it now.
  std::shared_ptr<FileAhead> plan(Ino file, std::uint64_t bytes);
  /// To who opens it. @return null: it is not there, not on its way, or too old.
  std::shared_ptr<FileAhead> hand_over(Ino file, Dropped& dropped);
  /// A program has opened this file: see FileAhead::want().
  void want(Ino file);
  /// Does a program wait for a file that is on its way, or will in a moment?
  bool has_wanted() const { return books_->wanted() > 0; }
  /// The same as hand_over(), for who only looks.
  std::shared_ptr<FileAhead> find(Ino file) const;
  void drop(Ino file);
  void clear();

  /// A file is read for its size. Behind that it is kept or not, and in the end abandoned if not.
  std::shared_ptr<FileAhead> expect(Ino file);
  /// Nothing is kept when the file was dropped meanwhile.
  void keep(Ino file, const std::shared_ptr<FileAhead>& expected, FileAhead::Content content);
  void abandon_unkept(Ino file, const std::shared_ptr<FileAhead>& expected);
  /// A file that was kept, to who reads it. @return null: it is not there, or too old.
  std::shared_ptr<FileAhead> take_kept(Ino file, Dropped& dropped);
  /// Drops what has waited for too long. @return whether there are local copies left.
  bool sweep();

  struct Counters {
    std::uint64_t read = 0;  ///< ahead of need
    std::uint64_t used = 0;  ///< of those, opened later
  };
  Counters counters() const { return {read_, used_}; }
  void count_read() { ++read_; }

 private:
  std::shared_ptr<FileAhead> take(Ino file) FTPSFS_REQUIRES(mutex_);
  void drop_unused(Dropped& dropped) FTPSFS_REQUIRES(mutex_);
  std::vector<Ino> local_copies() const FTPSFS_REQUIRES(mutex_);

  const std::shared_ptr<AheadBooks> books_;
  const Clock& clock_;
  std::atomic<std::uint64_t> read_{0};
  std::atomic<std::uint64_t> used_{0};
  mutable Mutex mutex_;
  std::unordered_map<Ino, std::shared_ptr<FileAhead>> files_ FTPSFS_GUARDED_BY(mutex_);
  std::deque<Ino> order_ FTPSFS_GUARDED_BY(mutex_);  ///< of planning; some may be gone
};

}  // namespace ftpsfs::fs
