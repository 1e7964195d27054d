// SPDX-License-Identifier: MIT
//
// Where content goes that a program has written and the server would not take, when its last handle
// is closed: `recovery-UID` inside the staging directory, for its user alone. Each file lies there
// as NAME.data, beside NAME.json:
//
//   {"v":1, "source":"ftpes://host/dir", "path":"/dir/file", "size":123, "time":1700000000,
//    "reason":"552 quota exceeded", "complete":true}
//
// `path` is absolute on the server; bytes in it that are not UTF-8 are replaced. `complete` is
// false when parts that the program had not touched could not be fetched: they are zeros. The .json
// is written last: where it is, the content is whole. Nothing there is ever removed by a mount.
#pragma once

#include <cstdint>
#include <string>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/fs/settings.hpp"
#include "ftpsfs/transfer/staged_file.hpp"

namespace ftpsfs::fs {

struct Rescue {
  std::string path;
  std::string reason;
  std::int64_t unix_seconds = 0;
};

/// Where our user's lies.
std::string recovery_directory(const std::string& staging_directory);

/// @return the name of the file that holds the content now.
/// @errors access_denied: the place is not ours alone; no_space, io_error.
Result<std::string> keep_for_recovery(const Settings& settings, transfer::StagedFile& content,
                                      const Rescue& rescue);

}  // namespace ftpsfs::fs
