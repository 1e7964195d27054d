// SPDX-License-Identifier: MIT
//
// Renaming over an existing file, also where the server will not: the old file is moved aside under
// a hidden name, the new one gets the name, and only then the old one is deleted. For the length of
// a round trip nothing has the name; whoever dies in between leaves a hidden name that tells what
// it was, so that it can be put back. No state; any thread.
#pragma once

#include <functional>
#include <string>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/remote/remote_path.hpp"

namespace ftpsfs::remote {

struct RenamedOver {
  /// @errors those of Remote::rename. The old file has its name again, unless it is left_behind.
  Result<void> outcome;
  /// The old file lies under its hidden name, or may do so.
  bool left_behind = false;
};

/// As Remote::rename, but a file at `to` is replaced in any case.
/// @param aside_name called at most once: the hidden name for the old file.
/// @param own_limit for each step that must not be left half done, whatever `wait` says.
RenamedOver rename_over(Remote& remote, const RemotePath& from, const RemotePath& to,
                        const std::function<std::string()>& aside_name, const Wait& wait,
                        Duration own_limit);

}  // namespace ftpsfs::remote
