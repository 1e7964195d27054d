// SPDX-License-Identifier: MIT
//
// A small file on this machine, read whole: settings, certificates, keys, passwords. Nothing is
// waited for (a FIFO is refused), and no copy of the content is left in memory but the one that is
// handed out, for the caller to wipe where it is secret. No state.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <string>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs {

struct SmallFile {
  std::string bytes;
  uid_t owner = 0;
  mode_t mode = 0;  ///< permission bits, 07777

  /// May group or others read or change it?
  bool is_open_to_others() const noexcept { return (mode & 077U) != 0; }
};

enum class Links : unsigned char { follow, refuse };

/// @param largest in bytes; a longer file is an error.
/// @errors not_found, access_denied (a symbolic link, too), invalid_argument (a directory, a
/// device, too large). The text is the cause alone: the caller names the file.
Result<SmallFile> read_small_file(const std::string& path, std::size_t largest,
                                  Links links = Links::follow);

}  // namespace ftpsfs
