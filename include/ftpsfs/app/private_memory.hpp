// SPDX-License-Identifier: MIT
#pragma once

namespace ftpsfs::app {

/// From now on no secret gets into core dumps, nor before a debugger of the same user.
void keep_memory_private();

}  // namespace ftpsfs::app
