// SPDX-License-Identifier: MIT
//
// Reads come in 128 KiB pieces, whatever max_read says, until the read-ahead of the mount's backing
// device is raised; that number is found in /proc/self/mountinfo, because a stat() of one's own
// mount before it is served would wait for oneself.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::fuse {

/// Pure. @param mountinfo the text of /proc/self/mountinfo.
/// @return "major:minor" of the fuse mount that is on top at `mount_point`.
std::optional<std::string> parse_device_number(std::string_view mountinfo,
                                               std::string_view mount_point);

/// Raises the read-ahead of the mount to at least `bytes`; never lowers it. Call it after the
/// kernel has taken the reply to INIT, which would lower it again.
/// @errors access_denied (needs root), not_found, io_error.
Result<void> raise_read_ahead(const std::string& mount_point, std::size_t bytes);

}  // namespace ftpsfs::fuse
