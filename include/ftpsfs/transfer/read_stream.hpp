// SPDX-License-Identifier: MIT
//
// Sequential reading of one remote file: a window of chunks over one RETR. A pump thread fills the
// window and stops at its high-water mark, so that TCP slows the server; readers take slices of the
// chunks without a copy. A jump far ahead or behind the window restarts the transfer (REST). When
// the session is wanted elsewhere, or nobody has read for a while, the transfer is cut and resumed
// when bytes are needed again.
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

namespace ftpsfs::transfer {

/// Where the file is at this moment: it may be renamed while it is open.
using PathProvider = std::function<Result<remote::RemotePath>()>;

/// Called when a transfer has begun at byte `offset`, with what the server tells of the file then.
/// An error (stale) ends the transfer before any of its bytes are shown: reads never mix versions.
using VersionCheck =
    std::function<Result<void>(const remote::FileVersion& version, std::uint64_t offset)>;

class ReadStream {
 public:
  /// `remote` and `budget` must outlive the stream. The callbacks run on the pump's thread.
  ReadStream(remote::Remote& remote, PathProvider path, VersionCheck check, MemoryBudget& budget,
             const Limits& limits);
  /// Cuts a running transfer.
  ~ReadStream();
  ReadStream(const ReadStream&) = delete;
  ReadStream& operator=(const ReadStream&) = delete;

  /// Bytes [offset, offset + size), or up to the end of the file, when all of them are in memory.
  /// @param expected_size as in read().
  std::optional<Slices> find(std::uint64_t offset, std::size_t size,
                             std::optional<std::uint64_t> expected_size);

  /// Waits for the bytes. Shorter than `size` only at the end of the file.
  /// @param expected_size the file's size as the caller knows it: beyond an earlier end of file
  /// the stream looks again (the file has grown).
  /// @errors cancelled, timed_out (this caller's wait); else the stream's own failure, which stays
  /// for a moment, as the kernel asks again page by page after a failed read-ahead.
  Result<Slices> read(std::uint64_t offset, std::size_t size,
                      std::optional<std::uint64_t> expected_size, const Wait& wait);

  class Core;

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace ftpsfs::transfer
