// SPDX-License-Identifier: MIT
//
// Guesses from what programs look at whether they will want the exact times of a whole directory.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <unordered_map>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/fs/types.hpp"

namespace ftpsfs::fs {

class TimesDemand {
 public:
  explicit TimesDemand(const Clock& clock) : clock_(clock) {}

  /// A program has read this directory: what it looks at next are probably all of its names.
  void note_read(Ino directory);
  /// A program looks at a name in this directory. Cheap.
  void note_look(Ino directory);

  /// Is whoever comes to a directory likely to want all its times?
  bool is_high() const;
  /// Is this directory to be told to the kernel by names alone, so that looks at them are seen?
  bool hides_times(Ino directory);
  /// A single time is asked for: is it better to ask for all?
  /// @param coarse how many times of the directory are not known exactly
  bool wants_all(Ino directory, std::size_t coarse);

 private:
  void raise();

  const Clock& clock_;
  std::atomic<SteadyTime> high_until_{SteadyTime{}};
  std::atomic<SteadyTime> next_trial_{SteadyTime{}};
  std::atomic<Ino> tried_{kNoIno};

  Mutex mutex_;
  /// How many single times were asked in a directory, until it pays to ask all of them.
  std::unordered_map<Ino, int> single_times_ FTPSFS_GUARDED_BY(mutex_);
  std::unordered_map<Ino, SteadyTime> read_at_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::fs
