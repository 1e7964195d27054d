// SPDX-License-Identifier: MIT
//
// For waits that always end by being told to. Private to src/fuse.
#pragma once

#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::fuse {

/// As good as for ever. Not Duration::max(): a deadline that far away overflows the clock.
inline constexpr Duration kNoLimit = std::chrono::hours(24 * 365);

}  // namespace ftpsfs::fuse
