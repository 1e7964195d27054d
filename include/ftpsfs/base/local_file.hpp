// SPDX-License-Identifier: MIT
//
// What is said and checked of this machine's files.
#pragma once

#include <sys/types.h>

#include <string>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs {

/// What errno says of `path`, right behind the call that failed. @return no_space or io_error.
Error local_error(const std::string& path);

/// A directory, no link to one, of `owner` alone (mode 0700 at most).
bool is_private_directory(const std::string& path, uid_t owner);

}  // namespace ftpsfs
