// SPDX-License-Identifier: MIT
//
// Directories of our own on this machine: where control sockets and local copies lie. Nobody else
// can look into them, and nobody can have put them there for us (/tmp is everybody's).
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "ftpsfs/app/run_as.hpp"
#include "ftpsfs/base/local_file.hpp"
#include "ftpsfs/base/result.hpp"

namespace ftpsfs::app {

/// Makes the directory (0700) and missing parents, or finds that it is ours alone already.
/// @errors access_denied: a symbolic link, not ours, or open to others; io_error: cannot be made.
Result<void> ensure_private_directory(const std::string& path);

/// The same by root for another user, in a directory (there already) where only root makes things.
/// @errors as ensure_private_directory().
Result<void> give_private_directory(const std::string& path, const RunAs& user);

/// Where the mounts of a user may keep their control sockets, most wanted first.
std::vector<std::string> control_directories(uid_t owner);

/// The first of our own control directories that can be had.
Result<std::string> make_control_directory();

/// For a mount that root makes for another user: the most wanted one, /run/ftpsfs-UID.
Result<void> make_control_directory_for(const RunAs& user);

/// Where local copies lie: `asked`, which must exist and be writable, or when that is empty
/// $XDG_CACHE_HOME/ftpsfs, ~/.cache/ftpsfs (root: /var/cache/ftpsfs), else a private directory in
/// $TMPDIR or /tmp. Never inside `mount_point`: a mount that waits for itself would hang.
Result<std::string> make_staging_directory(const std::string& asked,
                                           const std::string& mount_point);

/// The same for a mount that root makes for another user: /var/cache/ftpsfs-UID, which is given to
/// that user; one that is `asked` for must be usable by him.
Result<std::string> make_staging_directory_for(const RunAs& user, const std::string& asked,
                                               const std::string& mount_point);

/// Where journals lie, in the same way: $XDG_STATE_HOME/ftpsfs, ~/.local/state/ftpsfs (root:
/// /var/lib/ftpsfs). No temporary directory will do: what was accepted must outlive a reboot.
Result<std::string> make_journal_directory(const std::string& asked,
                                           const std::string& mount_point);
/// Where it would be made when none is asked for, best first. Makes nothing.
/// @param user whom root mounts for; null: nobody.
std::vector<std::string> usual_journal_directories(const RunAs* user);
/// /var/lib/ftpsfs-UID.
Result<std::string> make_journal_directory_for(const RunAs& user, const std::string& asked,
                                               const std::string& mount_point);

}  // namespace ftpsfs::app
