// SPDX-License-Identifier: MIT
//
// Sizes of files of which the server tells none: what reading them has shown, or writing them here.
// Each is believed for as long as attributes are, while nothing says that the file is another one
// by now. A local change makes it forgotten, and that of a reading under way, too.
//
// Thread-safe: one leaf mutex. Asks nobody.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/fs/types.hpp"
#include "ftpsfs/remote/entry.hpp"

namespace ftpsfs::fs {

class MeasuredSizes {
 public:
  /// @param kept how long a size is believed.
  MeasuredSizes(std::chrono::milliseconds kept, const Clock& clock) : kept_(kept), clock_(clock) {}

  struct Found {
    std::uint64_t bytes = 0;
    std::chrono::milliseconds valid_for{0};
    SteadyTime measured_at;
  };
  /// @param listed what is known of the file now; its size does not count.
  /// @return nullopt: not known, too old, or that of another version.
  std::optional<Found> find(Ino file, const remote::FileVersion& listed) const;
  /// However old it is.
  std::optional<std::uint64_t> recall(Ino file) const;

  /// Somebody is about to read the file. @return the same number for all, until the size is noted
  /// or forgotten.
  std::uint64_t begin(Ino file);
  /// @return false: the file was changed here since begin(), and nothing is kept.
  bool note(Ino file, std::uint64_t number, std::uint64_t bytes, remote::FileVersion listed);

  /// It was written here, and the server has so much.
  void note_written(Ino file, std::uint64_t bytes, remote::FileVersion version);
  /// The time alone was changed here.
  void retime(Ino file, remote::FileTime mtime);
  void forget(Ino file);
  void clear();

 private:
  struct Measured {
    std::uint64_t bytes = 0;
    remote::FileVersion listed;
    SteadyTime at;
  };
  void keep(Ino file, std::uint64_t bytes, remote::FileVersion listed) FTPSFS_REQUIRES(mutex_);

  const std::chrono::milliseconds kept_;
  const Clock& clock_;
  mutable Mutex mutex_;
  std::unordered_map<Ino, Measured> sizes_ FTPSFS_GUARDED_BY(mutex_);
  std::unordered_map<Ino, std::uint64_t> begun_ FTPSFS_GUARDED_BY(mutex_);
  std::uint64_t last_number_ FTPSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace ftpsfs::fs
