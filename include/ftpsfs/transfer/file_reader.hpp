// SPDX-License-Identifier: MIT
//
// Reading one file wherever a program likes: a few ReadStreams ("lanes"), so that readers of
// distant regions do not drag one transfer to and fro, and a jump may leave its lane to bring what
// else is worth having there. How much that is grows with the jumps, up to what a new transfer
// costs: at the worst twice the bytes, at the best none of the later jumps costs anything. Beside a
// program that goes on to jump the whole file is brought (Sweep), in place of larger regions.
//
// What a jump has brought is given away, with what nobody asked for, as soon as it is there.
//
// Knows nothing of inodes or caches. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/slice.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/transfer/read_stream.hpp"

namespace ftpsfs::transfer {

class Sweep;

struct ReaderLimits {
  unsigned lanes = 4;   ///< at a time
  unsigned sweeps = 3;  ///< beside them
  Duration far{150};    ///< a jump that takes so long leads far away
};

class FileReader {
 public:
  /// Makes a lane.
  using MakeStream = std::function<std::unique_ptr<ReadStream>()>;

  /// @param leftovers may be empty: then nothing is brought but for who reads
  FileReader(MakeStream make_stream, const Pace& pace, const ReaderLimits& limits,
             Leftovers leftovers);
  /// Cuts running transfers.
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  /// As ReadStream::find().
  std::optional<Slices> find(std::uint64_t offset, std::size_t size,
                             std::optional<std::uint64_t> expected_size);
  /// As ReadStream::read().
  Result<Slices> read(std::uint64_t offset, std::size_t size,
                      std::optional<std::uint64_t> expected_size, const Wait& wait);

 private:
  struct Lane {
    std::unique_ptr<ReadStream> stream;
    std::uint64_t used_at = 0;     ///< number of the last read
    std::atomic<int> readers = 0;  ///< in read() now

    class Reader {
     public:
      explicit Reader(Lane& lane) : lane_(lane) { ++lane_.readers; }
      ~Reader() { --lane_.readers; }
      Reader(const Reader&) = delete;
      Reader& operator=(const Reader&) = delete;

     private:
      Lane& lane_;
    };
  };

  struct Choice {
    Lane* lane;
    bool jumps = false;
    std::optional<Leftover> left{};  ///< what the lane had brought where it was
  };
  Choice choose(std::uint64_t offset, std::size_t size, std::optional<std::uint64_t> expected_size)
      FTPSFS_REQUIRES(mutex_);
  Lane& add_lane() FTPSFS_REQUIRES(mutex_);
  Lane& lane_to_move() FTPSFS_REQUIRES(mutex_);
  Region region_of(std::uint64_t offset, std::size_t size,
                   std::optional<std::uint64_t> expected_size) FTPSFS_REQUIRES(mutex_);
  /// Behind a jump, which took so long.
  void sweep(std::optional<std::uint64_t> expected_size, Duration took) FTPSFS_REQUIRES(mutex_);
  void begin_sweeps(std::uint64_t size) FTPSFS_REQUIRES(mutex_);
  bool is_sweeping() const FTPSFS_REQUIRES(mutex_);
  bool goes_backwards(std::uint64_t offset, std::uint64_t most) const FTPSFS_REQUIRES(mutex_);

  const MakeStream make_stream_;
  const Pace& pace_;
  const ReaderLimits limits_;
  const Leftovers leftovers_;

  Mutex mutex_;
  std::deque<Lane> lanes_ FTPSFS_GUARDED_BY(mutex_);  ///< none is ever removed, or moves
  std::uint64_t reads_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Sweep>> sweeps_ FTPSFS_GUARDED_BY(mutex_);
  unsigned jumps_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< of late, without long reading in between
  unsigned far_jumps_ FTPSFS_GUARDED_BY(mutex_) = 0;
  Duration jumped_for_ FTPSFS_GUARDED_BY(mutex_){};  ///< programs have waited for these
};

}  // namespace ftpsfs::transfer
