// SPDX-License-Identifier: MIT
//
// Which process a request's thread belongs to. FUSE tells thread ids; the FLUSH policy is about
// processes.
#pragma once

#include <sys/types.h>

namespace ftpsfs::fs {

/// @return the process (thread group) of `thread`; `thread` itself when that cannot be found out.
pid_t process_of(pid_t thread);

}  // namespace ftpsfs::fs
