// SPDX-License-Identifier: MIT
//
// How a transfer begins that goes on behind bytes in memory: some way before their end, so that
// they can be compared with what the server sends in their place now.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>

#include "ftpsfs/transfer/read_stream.hpp"

namespace ftpsfs::transfer {

/// Of what is in memory, so much is asked for again.
inline constexpr std::uint64_t kOverlap = 4096;

struct Resumption {
  std::uint64_t offset = 0;  ///< where it is to go on
  Slices known;              ///< the last bytes before it
  Duration patience{};       ///< for each step
  std::stop_token cut;

  Wait wait() const { return Wait::for_at_most(patience, cut); }
};

using OpenAt = std::function<Result<std::unique_ptr<remote::RemoteReader>>(
    const remote::RemotePath& path, std::uint64_t offset)>;

/// @return a transfer of the content that was seen before, about to send the byte at `offset`.
/// @param look_back asked where a check in doubt has nothing to compare; may be empty.
Result<std::unique_ptr<remote::RemoteReader>> begin_transfer(const Origin& origin,
                                                             const Resumption& place,
                                                             const OpenAt& open,
                                                             const LookBack& look_back);

}  // namespace ftpsfs::transfer
