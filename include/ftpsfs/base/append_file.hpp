// SPDX-License-Identifier: MIT
//
// A file of our own that lines are added to: a log, or a trace. It will hold names of files and of
// users, so it is for its owner alone, and nobody else may have laid it out for us.
#pragma once

#include <string>
#include <string_view>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs {

/// Opens `path` for appending; a new file gets mode 0600, and so does an old one of the same owner.
/// The descriptor is above those of stdin, stdout and stderr, over which /dev/null may be laid.
/// @param what "trace": the beginning of error lines.
/// @errors access_denied, io_error: it cannot be opened, or is a symbolic link, another's, linked
/// from elsewhere, or no regular file: one line for people.
Result<UniqueFd> open_for_appending(const std::string& path, std::string_view what);

}  // namespace ftpsfs
