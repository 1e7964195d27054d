// SPDX-License-Identifier: MIT
//
// What has arrived of an upload whose link died: asked on another session.
// Private to src/transfer.
#pragma once

#include <cstdint>
#include <deque>
#include <stop_token>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/slice.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/transfer/limits.hpp"
#include "ftpsfs/transfer/read_stream.hpp"

namespace ftpsfs::transfer {

/// What the server has, once that has stopped changing. Gives a server that is being started again,
/// or a link that comes back, the time of a stall.
/// @errors as Remote::version; timed_out: it went on changing.
Result<remote::FileVersion> settled_version(remote::Remote& remote, const PathProvider& path,
                                            const Limits& limits, const std::stop_token& stop);

/// Does the file hold `bytes` bytes from `begin` on that are the first ones of `sent`? Size alone
/// proves nothing: it may be the old file's, or that of somebody else.
/// @param begin in the file, bytes.
bool holds(remote::Remote& remote, const PathProvider& path, std::uint64_t begin,
           std::uint64_t bytes, const std::deque<Slice>& sent, const Limits& limits,
           const std::stop_token& stop);

}  // namespace ftpsfs::transfer
