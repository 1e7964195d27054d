// SPDX-License-Identifier: MIT
//
// Sequential reading of one remote file: a window of chunks over one RETR. A pump thread fills the
// window and stops at its high-water mark, so that TCP slows the server; readers take slices of the
// chunks without a copy. A jump far ahead or behind the window restarts the transfer (REST). When
// the session is wanted elsewhere, or nobody has read for a while, the transfer is cut and resumed
// when bytes are needed again, a little before the end of those in memory: these must agree.
//
// Knows nothing of inodes or caches. Thread-safe; several readers may ask out of order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/slice.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/transfer/limits.hpp"
#include "ftpsfs/transfer/memory_budget.hpp"
#include "ftpsfs/transfer/pace.hpp"

namespace ftpsfs::transfer {

/// Where the file is at this moment: it may be renamed while it is open.
using PathProvider = std::function<Result<remote::RemotePath>()>;

/// Bytes that are known from before, and what the server sends in their place now.
enum class Overlap : std::uint8_t {
  none,  ///< nothing was compared
  agrees,
  differs,
};

/// Called when a transfer has begun that goes on at byte `offset`, with what the server tells of
/// the file then. An error (stale) ends the transfer before any of its bytes are shown: reads never
/// mix versions.
using VersionCheck = std::function<Result<void>(const remote::FileVersion& version,
                                                std::uint64_t offset, Overlap overlap)>;

/// For a check by somebody to whom growth is a change, too.
inline bool is_same_content(const remote::FileVersion& known, const remote::FileVersion& observed,
                            Overlap overlap) {
  return overlap != Overlap::differs && remote::may_be_same(known, observed);
}

/// Called when that was stale without an overlap, and no transfer is held: are other bytes, which
/// are known from before, still in their place?
using LookBack = std::function<Result<bool>(const Wait& wait)>;

/// What a transfer is about to begin with: where the file is, and what must hold of it then.
struct Origin {
  remote::RemotePath path;
  VersionCheck check;
};
/// Asked for each transfer anew.
using OriginProvider = std::function<Result<Origin>()>;
OriginProvider origin_of(PathProvider path, VersionCheck check);

/// What a jump is to bring, whether or not more of it is asked for.
struct Region {
  std::uint64_t begin = 0;
  std::uint64_t target = 0;  ///< where somebody reads now. begin <= target < end
  std::uint64_t end = 0;
  /// The file goes on, and the transfer need not: whoever jumped will jump again.
  bool is_enough = false;
};

/// What programs and kernels read at random, at least.
inline constexpr std::uint64_t kPageBytes = 4096;

/// What a jump has brought beside what was asked for: whole pages.
struct Leftover {
  std::uint64_t offset = 0;
  Slices bytes;
};

enum class Taken : std::uint8_t {
  yes,
  not_now,  ///< too much waits already: whoever can wait may come again
  never,    ///< nor any other of this reader's
};
/// Takes it. Called on any thread, under no lock of the stream's.
using Leftovers = std::function<Taken(Leftover)>;

class ReadStream {
 public:
  /// `remote`, `budget` and `pace` must outlive the stream. The callbacks run on the pump's thread.
  ReadStream(remote::Remote& remote, OriginProvider origin, MemoryBudget& budget, Pace& pace,
             const Limits& limits);
  /// Cuts a running transfer.
  ~ReadStream();
  ReadStream(const ReadStream&) = delete;
  ReadStream& operator=(const ReadStream&) = delete;

  /// Bytes [offset, offset + size), or up to the end of the file, when all of them are in memory.
  /// @param expected_size as in read().
  std::optional<Slices> find(std::uint64_t offset, std::size_t size,
                             std::optional<std::uint64_t> expected_size);

  /// Waits for the bytes: until the deadline, and, while some arrive, for the stall timeout each.
  /// Shorter than `size` only at the end of the file.
  /// @param expected_size the file's size as the caller knows it: its last bytes are given out
  /// before the server's verdict on the transfer has come, its end behind it. Beyond an earlier end
  /// of file the stream looks again (the file has grown).
  /// @errors cancelled, timed_out (this caller's wait); else the stream's own failure, which stays
  /// for a moment, as the kernel asks again page by page after a failed read-ahead.
  Result<Slices> read(std::uint64_t offset, std::size_t size,
                      std::optional<std::uint64_t> expected_size, const Wait& wait);

  /// How far ahead of the window the byte is: 0 inside it. nullopt: so far, or behind it, that only
  /// a new transfer brings it.
  std::optional<std::uint64_t> distance_to(std::uint64_t offset) const;
  /// The first byte of the window.
  std::uint64_t begin() const;
  /// Nobody waits for bytes, and none are being brought.
  bool is_idle() const;
  /// Since the last jump, well beyond what that was to bring?
  bool was_read_in_sequence() const;

  /// Begins anew at the region. Not when somebody waits for the present window.
  /// @return what an earlier jump has brought so far.
  std::optional<Leftover> jump(const Region& region);
  /// Is called on the pump's thread when a jump has brought its region. To be set before reading.
  void on_brought(Leftovers brought);
  /// With it a file that has grown may be followed elsewhere than behind bytes in memory. To be set
  /// before reading.
  void on_doubt(LookBack look_back);

  class Core;

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace ftpsfs::transfer
