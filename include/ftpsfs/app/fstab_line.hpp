// SPDX-License-Identifier: MIT
//
// From a command line to the line of fstab that says the same. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/app/option_parser.hpp"

namespace ftpsfs::app {

/// A field: blanks, tabs, line ends, backslashes and '#' as \ooo.
std::string fstab_field(std::string_view text);

/// What a command line gave, as items of an -o list: commas and backslashes in values have a
/// backslash in front. Without what has no place in a table (passwords, -f, -v, -d), and with a
/// proxy's password taken out.
std::vector<std::string> fstab_options(const std::vector<GivenOption>& given);

/// @param options may be empty. `_netdev` and `nofail` are added.
std::string fstab_line(std::string_view source, std::string_view mount_point,
                       const std::vector<std::string>& options);

}  // namespace ftpsfs::app
