// SPDX-License-Identifier: MIT
//
// What the server says of one name, in POSIX words. Knows nothing of listings' grammars, caches or
// inodes. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ftpsfs::remote {

enum class FileType : std::uint8_t { regular, directory, symlink, other };

/// How much of a time is known. Listings tell minutes (recent files) or days (old ones).
enum class TimeGrain : std::uint8_t { second, minute, day };

struct FileTime {
  std::int64_t unix_seconds = 0;  ///< UTC; the start of the grain
  TimeGrain grain = TimeGrain::second;

  friend bool operator==(const FileTime&, const FileTime&) = default;
};

/// Could both be the same instant? Compared at the coarser grain of the two.
bool may_be_equal(const FileTime& a, const FileTime& b) noexcept;

struct Entry {
  std::string name;  ///< last component; empty for the root
  FileType type = FileType::regular;
  std::optional<std::uint64_t> size;  ///< bytes; absent when the server cannot tell
  std::optional<FileTime> mtime;      ///< absent when the server cannot tell
  std::optional<std::uint16_t>
      mode;  ///< permission bits (07777); the owner's bits say what the login may do
  std::optional<std::string> symlink_target;  ///< only for symlinks whose target the server shows
  std::string unique;                         ///< RFC 3659 "unique" fact, empty when not given
};

/// Identifies the content of a file as well as FTP can.
struct FileVersion {
  std::optional<std::uint64_t> size;
  std::optional<FileTime> mtime;
  std::string unique;
};

FileVersion version_of(const Entry& entry);

/// Does nothing known contradict that both are the same content?
bool may_be_same(const FileVersion& a, const FileVersion& b) noexcept;

struct Listing {
  std::vector<Entry> entries;  ///< without "." and ".."; in the server's order; names are unique
  /// False when some mtime is coarser than a second although the server can tell seconds (MDTM):
  /// Remote::exact_times() will refine them.
  bool exact_times = true;
  /// False when the server told of more than could be read: a name that is not among the entries
  /// may be there all the same.
  bool shows_all = true;
};

/// What statfs shows; absent parts are unknown.
struct Space {
  std::optional<std::uint64_t> total_bytes;
  std::optional<std::uint64_t> free_bytes;
};

}  // namespace ftpsfs::remote
