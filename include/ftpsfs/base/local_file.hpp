// SPDX-License-Identifier: MIT
//
// What is said and checked of this machine's files.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs {

/// What errno says of `path`, right behind the call that failed. @return no_space or io_error.
Error local_error(const std::string& path);

/// A directory, no link to one, of `owner` alone (mode 0700 at most).
bool is_private_directory(const std::string& path, uid_t owner);

/// A new file of our user's alone (0600), open for writing: nothing is overwritten, no link is
/// followed. Where the name is taken, a number stands behind it.
/// @errors already_exists: too many of them are taken; no_space, io_error.
Result<UniqueFd> create_new_file(const std::string& directory, std::string_view name);

/// The first `size` bytes of one file, from its beginning, to the position of another.
/// @return false: errno says why; EIO: there are not so many.
bool copy_bytes(int from, int to, std::uint64_t size);

}  // namespace ftpsfs
