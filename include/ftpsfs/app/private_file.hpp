// SPDX-License-Identifier: MIT
//
// Files that hold passwords: nobody but who mounts and root may have read or written them.
// No state.
#pragma once

#include <string>
#include <string_view>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/small_file.hpp"

namespace ftpsfs::app {

/// Longer ones are no lists of words that somebody typed.
inline constexpr std::size_t kLargestPrivateFile = std::size_t{64} * 1024;

/// @param kind begins the error's line: "credentials file". @errors access_denied.
Result<void> check_private(const SmallFile& file, std::string_view kind, const std::string& path);

/// May nobody but its owner, who mounts or is root, write it? Enough for a file without a password.
/// @errors access_denied.
Result<void> check_trusted(const SmallFile& file, std::string_view kind, const std::string& path);

}  // namespace ftpsfs::app
