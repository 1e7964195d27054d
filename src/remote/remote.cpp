// SPDX-License-Identifier: MIT
#include "ftpsfs/remote/remote.hpp"

namespace ftpsfs::remote {

Result<std::vector<bool>> Remote::remove_files(std::span<const RemotePath> paths,
                                               const Wait& wait) {
  std::vector<bool> removed;
  removed.reserve(paths.size());
  for (const RemotePath& path : paths) {
    const auto gone = remove_file(path, wait);
    if (!gone && is_link_failure(gone.error().code)) {
      return gone.error();
    }
    removed.push_back(gone.has_value());
  }
  return removed;
}

}  // namespace ftpsfs::remote
