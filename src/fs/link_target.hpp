// SPDX-License-Identifier: MIT
//
// Targets of symbolic links, from the server's tree to the mounted one. Pure.
#pragma once

#include <string>

#include "ftpsfs/remote/remote_path.hpp"

namespace ftpsfs::fs {

/// The target as it has to be read in the mount. An absolute one would start from the root of this
/// machine: one that lies at or below `root`, the mounted directory, is made relative to
/// `directory`, which holds the link and is at or below `root`, too. Any other stays as it is.
std::string mounted_target(const remote::RemotePath& root, const remote::RemotePath& directory,
                           const std::string& target);

}  // namespace ftpsfs::fs
