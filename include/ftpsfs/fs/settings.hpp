// SPDX-License-Identifier: MIT
//
// What the options of a mount decide about the filesystem.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/remote/remote_path.hpp"

namespace ftpsfs::fs {

/// Where the bytes of a file go that is written whole.
enum class UploadMode : std::uint8_t {
  automatic,  ///< under a hidden name when it replaces a file; a new one straight to its name
  atomic,     ///< under a hidden name always
  direct,     ///< straight to the name, for directories that allow nothing else
};

/// What a symbolic link on the server is here.
enum class SymlinkView : std::uint8_t {
  show,       ///< a link, its target as the server tells it
  follow,     ///< what it leads to, as the server sees it; a link that leads nowhere is a link
  transform,  ///< a link; an absolute target inside the mounted tree made relative
};

struct Settings {
  remote::RemotePath root;  ///< the directory on the server that the mount shows

  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  /// Permission bits taken away from files and directories; absent: shown as the server has them.
  std::optional<std::uint16_t> file_mask;
  std::optional<std::uint16_t> directory_mask;
  bool read_only = false;

  std::chrono::milliseconds dir_cache_timeout{30'000};
  std::chrono::milliseconds attr_timeout{30'000};
  std::chrono::milliseconds entry_timeout{30'000};
  std::chrono::milliseconds negative_timeout{5'000};
  /// No answer and no byte for this long: an operation or a transfer has failed.
  std::chrono::milliseconds timeout{30'000};
  /// Transfers, and steps that must not be abandoned, have no limit: the remote finds out when the
  /// link is away, and waits for it. Nobody may wait so any more when the mount ends.
  bool waits_for_link = false;
  /// How often a transfer that makes no progress is taken up again.
  int retries = 2;
  /// Off: times are what listings tell, to the minute or the day; MDTM is not asked for them.
  bool exact_times = true;
  /// open() asks the server for size and time again when they are older than a moment.
  bool close_to_open = true;
  std::uint64_t cache_bytes = 64ULL << 20;
  /// A file that has grown while it is open: its size is told so long after the kernel has dropped
  /// the page with the old end.
  std::chrono::milliseconds growth_rest{200};
  /// How many connections there may be.
  unsigned connections = 10;
  /// Content on its way, of all files together.
  std::uint64_t buffer_bytes = 96ULL << 20;
  /// Of one file that is read in sequence; 0: as the link needs.
  std::uint64_t readahead_bytes = 0;
  /// Directories that a walk is about to come to are listed ahead of it, and small files in a row
  /// are read.
  bool prefetch = false;

  UploadMode upload_mode = UploadMode::automatic;
  SymlinkView symlinks = SymlinkView::show;
  /// Unlike that of any other mount, for the names of hidden files; 0: by chance.
  std::uint64_t mount_id = 0;
  /// Mounts that are known to be dead: what they left on the server is cleared away.
  std::vector<std::uint64_t> dead_mounts{};

  /// The mount's URL without user and password, for people.
  std::string source{};
  /// Where local copies for random writes lie (unlinked files). Must exist and be writable.
  std::string staging_directory{};
  /// The most that they hold, all together; 0: what the disk has.
  std::uint64_t staging_bytes = 0;
};

}  // namespace ftpsfs::fs
