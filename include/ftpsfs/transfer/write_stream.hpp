// SPDX-License-Identifier: MIT
//
// Sequential writing of one remote file: a bounded queue over one STOR or APPE. A pump thread feeds
// the server; writers wait when the queue is full. When the session is wanted elsewhere, or no
// bytes came for a while, the transfer is *parked*: the STOR is finished, and goes on with APPE
// when there are bytes again. Files that fit into the start threshold travel in one piece at
// finish().
//
// What was sent is kept in a ring until the server is known to have it, by its 226 and the file's
// size. When the link dies the server is asked how much has arrived, and the upload goes on behind
// that with APPE, from the ring. Nothing is sent again whose arrival is not known.
//
// Where the server does not append, an upload all of which is still in memory is sent again from
// its first byte; else the stream is stuck: whoever owns it has to bring the rest there otherwise.
// While it is not known whether the server appends, an upload is parked only as long as it could
// begin again.
//
// Where the remote compares content by a digest, it is computed while the bytes are sent for the
// first time, and compared at finish(): the digest of a file all of which this stream has sent.
//
// Knows nothing of inodes, temporary names or caches. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/slice.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/transfer/limits.hpp"
#include "ftpsfs/transfer/memory_budget.hpp"
#include "ftpsfs/transfer/read_stream.hpp"

namespace ftpsfs::transfer {

class WriteStream {
 public:
  /// @param mode what the first transfer does; later ones append.
  /// @param base_size bytes that the file holds before ours (append), for checking the size;
  /// absent: not told, and the size is only known to be no less than ours. `remote` and `budget`
  /// must outlive the stream.
  WriteStream(remote::Remote& remote, PathProvider path, remote::WriteMode mode,
              std::optional<std::uint64_t> base_size, MemoryBudget& budget, const Limits& limits);
  /// Resets a transfer under way: what the server keeps is unknown.
  ~WriteStream();
  WriteStream(const WriteStream&) = delete;
  WriteStream& operator=(const WriteStream&) = delete;

  /// Takes the bytes behind all earlier ones when there is room. nullopt: no room; nothing taken.
  std::optional<Result<void>> try_write(const Slice& data);

  /// Waits for room. The first error of the stream is sticky.
  Result<void> write(const Slice& data, const Wait& wait);

  /// Sends what is queued (an empty file is made, too), awaits the server's verdict and compares
  /// the size. The stream can be written again afterwards. No deadline but the stop token: the
  /// pump's own deadlines bound it, one and a half stall timeouts from when the last byte is sent;
  /// bytes that arrive renew them. A cancelled finish goes on in the background until more is
  /// written.
  /// @param tail travels with the last bytes.
  /// @return what the server tells of the file. Parts of the tail that could not travel, because
  /// the last transfer had ended before, are absent.
  Result<remote::FinishedUpload> finish(const std::stop_token& stop,
                                        const remote::UploadTail& tail = {});

  /// Bytes taken so far, from the stream's beginning.
  std::uint64_t accepted() const;

  /// While nothing has been sent to the server: gives all bytes back, and the stream is empty.
  std::optional<Slices> take_back();

  /// Has it failed because no byte can follow those that the server has of it? The server is known
  /// to have all that is not in unsent().
  bool is_stuck() const;
  /// What was accepted and not sent; it stays in the stream. @pre is_stuck().
  Slices unsent() const;

  /// Has it failed because its end had no more time? The server has been waited for long enough.
  bool ran_out() const;

  /// Ends the stream, and resets a transfer under way: when this returns, no byte and no command
  /// will follow.
  void abandon();

  /// Has any command for this file gone out?
  bool started() const;

  class Core;

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace ftpsfs::transfer
