// SPDX-License-Identifier: MIT
//
// What the server says of one name, in POSIX words. Knows nothing of listings' grammars, caches or
// inodes. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/rare_text.hpp"

namespace ftpsfs::remote {

enum class FileType : std::uint8_t { regular, directory, symlink, other };

/// How much of a time is known. Listings tell minutes (recent files) or days (old ones).
enum class TimeGrain : std::uint8_t { second, minute, day };

struct FileTime {
  std::int64_t unix_seconds = 0;  ///< UTC; the start of the grain
  TimeGrain grain = TimeGrain::second;

  friend bool operator==(const FileTime&, const FileTime&) = default;
};

/// Could both be the same instant, each lying anywhere within its grain?
bool may_be_equal(const FileTime& a, const FileTime& b) noexcept;

/// RFC 3659's "unique" fact: which file this is, whatever it is called. It is only ever compared,
/// so a digest of 64 bits stands for it.
class UniqueFact {
 public:
  UniqueFact() = default;
  /// @param fact empty: not given.
  explicit UniqueFact(std::string_view fact) noexcept;

  bool empty() const noexcept { return digest_ == 0; }
  friend bool operator==(UniqueFact, UniqueFact) = default;

 private:
  std::uint64_t digest_ = 0;
};

struct Entry {
  std::string name;  ///< last component; empty for the root
  FileType type = FileType::regular;
  /// The name is that of a symbolic link which was followed: all else is what it leads to. Still a
  /// symlink: it leads nowhere.
  bool followed = false;
  /// Bytes; absent when the server cannot tell. Of a directory: what its names take on the server's
  /// disk; says no more than whether it is large.
  std::optional<std::uint64_t> size;
  std::optional<FileTime> mtime;  ///< absent when the server cannot tell
  std::optional<std::uint16_t>
      mode;                 ///< permission bits (07777); the owner's bits say what the login may do
  RareText symlink_target;  ///< only for symlinks whose target the server shows
  UniqueFact unique;
};

/// Is it a regular file whose time is coarser than a second?
bool has_coarse_time(const Entry& entry) noexcept;
/// Is it a regular file of which the server tells no size?
bool has_untold_size(const Entry& entry) noexcept;

/// Identifies the content of a file as well as FTP can.
struct FileVersion {
  std::optional<std::uint64_t> size;
  std::optional<FileTime> mtime;
  UniqueFact unique;
};

FileVersion version_of(const Entry& entry);

/// For comparing with what the server tells of one file: a listing's minutes may be in another time
/// zone, and are left out.
FileVersion comparable(FileVersion version) noexcept;

/// Does the server tell them apart, whatever their sizes and times are?
bool is_another_file(const FileVersion& a, const FileVersion& b) noexcept;

/// By its time, as far as both are known. What has grown is not older.
bool is_older(const FileVersion& version, const FileVersion& than) noexcept;

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
