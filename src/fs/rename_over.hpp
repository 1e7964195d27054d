// SPDX-License-Identifier: MIT
//
// Renaming over an existing file, also where the server will not: the old file is moved aside under
// a hidden name, the new one gets the name, and only then the old one is deleted. For the length of
// a round trip nothing has the name; whoever dies in between leaves a hidden name that tells what
// it was, and Leftovers puts it back.
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
