// SPDX-License-Identifier: MIT
//
// Lists directories ahead of the programs that walk to them or ask for one name after the other.
// One thread guesses (WalkTracker), a few others ask, over connections that are to spare. What they
// fetch lands in the cache; whoever comes to a directory that is being fetched waits for that
// answer instead of asking again. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "crew.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "tree.hpp"
#include "walk.hpp"

namespace ftpsfs::fs {

class DirectoryPrefetch {
 public:
  /// Does nothing, and has no thread, unless the settings say so.
  DirectoryPrefetch(Services& services, Tree& tree);
  DirectoryPrefetch(const DirectoryPrefetch&) = delete;
  DirectoryPrefetch& operator=(const DirectoryPrefetch&) = delete;

  /// A program looks at names of this directory. Costs next to nothing, and waits for nothing.
  void note_visit(Ino directory);

  /// The server is about to be asked for a single name of this directory. When that happens again
  /// and again, the listing answers all the rest.
  void note_question(Ino directory, std::string_view name);

  struct Counters {
    std::uint64_t listed = 0;  ///< ahead of need
    std::uint64_t used = 0;    ///< of those, visited later
  };
  Counters counters() const;

 private:
  class View;
  struct Batch {
    std::vector<Ino> directories;
    Tree::AheadOf ahead_of;
  };
  struct Questions {
    std::vector<std::size_t> names;  ///< hashes of those in a row, all different
    SteadyTime last;
    SteadyTime not_before;  ///< a listing was in vain: not again so soon
  };

  void enqueue(const std::vector<Ino>& ahead);
  bool may_ask(Ino directory) FTPSFS_REQUIRES(mutex_);
  void put_to_work(const Batch& batch, std::size_t most_workers) FTPSFS_REQUIRES(mutex_);
  void run_guesser(const std::stop_token& stop);
  void list(const Batch& batch, const std::stop_token& stop);

  Services& services_;
  Tree& tree_;
  std::atomic<Ino> last_visited_{kNoIno};

  mutable Mutex mutex_;
  ConditionVariable visited_;
  std::deque<Ino> visits_ FTPSFS_GUARDED_BY(mutex_);
  std::unordered_map<Ino, Questions> questions_ FTPSFS_GUARDED_BY(mutex_);
  std::unordered_set<Ino> under_way_ FTPSFS_GUARDED_BY(mutex_);  ///< queued or being asked
  std::unordered_set<Ino> unused_ FTPSFS_GUARDED_BY(mutex_);     ///< listed, not visited yet
  /// Refused, too large, or without an answer in time: left to the programs for a while.
  std::unordered_set<Ino> in_vain_ FTPSFS_GUARDED_BY(mutex_);
  SteadyTime in_vain_since_ FTPSFS_GUARDED_BY(mutex_);
  Counters counters_ FTPSFS_GUARDED_BY(mutex_);
  Crew crew_;
  std::jthread guesser_;  // it puts the crew to work: ends first
};

}  // namespace ftpsfs::fs
