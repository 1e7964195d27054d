// SPDX-License-Identifier: MIT
//
// Which ftpsfs mounts there are, and which one a path means, found without touching any of them: a
// mount whose server is silent must not hold up the command that shall end it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::app {

struct MountEntry {
  std::string mount_point;
  std::string source;
  uid_t owner = 0;  ///< who mounted it
};

/// The ftpsfs mounts among the lines of /proc/self/mountinfo, in the order of mounting. Pure.
std::vector<MountEntry> parse_mount_table(std::string_view mountinfo);

/// Reads /proc/self/mountinfo.
std::vector<MountEntry> read_mount_table();

/// The absolute path of a mount point, links resolved in all but the last component, which is only
/// read as a link: the root of a mount is never asked for its attributes.
std::string resolve_mount_point(const std::string& path, const std::string& working_directory);

/// The topmost mount at `mount_point`, which is absolute and resolved.
std::optional<MountEntry> find_mount(const std::vector<MountEntry>& table,
                                     const std::string& mount_point);

enum class Unmounting : unsigned char {
  when_unused,
  lazy,    ///< the mount vanishes at once and ends when nobody uses it any more
  forced,  ///< what programs wait for fails first; root's alone, others get when_unused
};

/// Unmounts, as root by umount2(2) and else by fusermount3.
/// @errors busy (names the processes that are in the way, as far as they can be seen),
/// not_permitted, not_found, io_error.
Result<void> unmount(const std::string& mount_point, Unmounting how);

/// Processes with a file, a working directory or a root under `directory`: "bash (4711)". At most
/// five; those of other users only for root. Touches nothing on the mount.
std::vector<std::string> processes_using(const std::string& directory);

}  // namespace ftpsfs::app
