// SPDX-License-Identifier: MIT
//
// remote::rename_over with the names, the limits and the counters of a mount. What is left behind
// when the mount dies in between, Leftovers puts back.
#pragma once

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/remote_path.hpp"
#include "services.hpp"

namespace ftpsfs::fs {

/// As Remote::rename, but a file at `to` is replaced in any case. When that fails, the old file has
/// its name again.
/// @errors those of Remote::rename; already_exists: where no hidden name can be, the old file
/// cannot make way.
Result<void> rename_over(Services& services, const remote::RemotePath& from,
                         const remote::RemotePath& to, const Wait& wait);

}  // namespace ftpsfs::fs
