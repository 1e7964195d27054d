// SPDX-License-Identifier: MIT
//
// What has arrived of an upload whose link died: asked on another session.
// Private to src/transfer.
#pragma once

#include <cstdint>
#include <deque>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/slice.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/transfer/read_stream.hpp"

namespace ftpsfs::transfer {

/// What the server has, once that has stopped changing. A server that is being started again, or a
/// link that comes back, is waited for.
/// @param pause between two looks: see Limits::settle_pause.
/// @errors as Remote::version; timed_out: it went on changing.
Result<remote::FileVersion> settled_version(remote::Remote& remote, const PathProvider& path,
                                            Duration pause, const Wait& wait);

/// Does the file hold `bytes` bytes from `begin` on that are the first ones of `sent`? Size alone
/// proves nothing: it may be the old file's, or that of somebody else.
/// @param begin in the file, bytes.
/// @param wait for its beginning; each step has as much time anew.
bool holds(remote::Remote& remote, const PathProvider& path, std::uint64_t begin,
           std::uint64_t bytes, const std::deque<Slice>& sent, const Wait& wait);

}  // namespace ftpsfs::transfer
