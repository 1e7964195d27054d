// SPDX-License-Identifier: MIT
//
// What the options of a mount decide about its FUSE side. Values only; no libfuse type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::fuse {

/// What mount(2), or fusermount3 on behalf of a user, is told.
struct MountOptions {
  std::string mount_point;         ///< absolute, links resolved; an existing directory
  std::string fsname = "ftpsfs";   ///< first column of mount(8), e.g. "host:/path"
  std::string subtype = "ftpsfs";  ///< the type is shown as fuse.<subtype>
  bool default_permissions = true;
  bool allow_other = false;
  bool read_only = false;
  std::uint32_t max_read = 1U << 20;  ///< also the read-ahead that is asked of the kernel
  bool debug = false;                 ///< libfuse logs each request
  /// Passed to libfuse as they are: "noatime", "context=…", "auto_unmount", ….
  std::vector<std::string> others;
};

struct ServeSettings {
  /// The deadline of a request, from its arrival.
  Duration operation_timeout{60'000};
  /// The same for flush, fsync and release, which may have a whole upload to finish.
  Duration settle_timeout{15 * 60'000};
  /// How long unfinished uploads may hold up the end.
  Duration finish_timeout{5 * 60'000};
  /// Threads that may wait for the server at once; flush, fsync and release have half as many of
  /// their own, so that what ends work never queues behind what begins it.
  std::size_t max_threads = 128;
};

}  // namespace ftpsfs::fuse
