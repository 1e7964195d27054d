// SPDX-License-Identifier: MIT
//
// The vocabulary between the filesystem and whoever serves it to a kernel: POSIX words, no FUSE
// type. Values only.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "ftpsfs/base/slice.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/entry.hpp"

namespace ftpsfs::fs {

/// An inode number: stable while the mount lives and anybody remembers it; never used twice.
using Ino = std::uint64_t;
constexpr Ino kNoIno = 0;
constexpr Ino kRootIno = 1;

/// An open file or directory. Never 0, never used twice.
using HandleId = std::uint64_t;

/// Who asks, and how long the answer may take. The stop token fires when the program is
/// interrupted.
struct Request {
  pid_t pid = 0;  ///< thread id of the caller; 0 when the kernel itself asks
  Wait wait;
};

/// Who wants to know attributes. The kernel asks for itself before it reads, and shows nobody what
/// it hears: an answer that it does not believe is worth no waiting.
enum class Asker : std::uint8_t { program, kernel };

struct Attributes {
  Ino ino = kNoIno;
  std::uint32_t mode = 0;  ///< S_IFMT bits and permissions, masks applied
  std::uint32_t nlink = 1;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  /// Off: the server tells none, and the file has not been read for it. Then it is what was known
  /// last, which no program may be told, and `valid_for` is none: who wants it asks again.
  bool is_size_known = true;
  /// Off: the file has grown while it is open, and a larger size may be told only when the kernel
  /// has dropped a page, which takes a moment; `valid_for` is none.
  bool is_size_current = true;
  std::int64_t mtime_seconds = 0;
  std::chrono::milliseconds valid_for{0};
};

/// The answer to a lookup. `attributes.ino == kNoIno`: the name does not exist, and that may be
/// believed for `valid_for`. A positive answer counts one lookup, to be undone by forget().
struct EntryReply {
  Attributes attributes;
  std::chrono::milliseconds valid_for{0};
};

struct OpenReply {
  HandleId handle = 0;
  bool keep_cache = false;  ///< pages cached from earlier opens still hold
  bool direct_io = false;   ///< the size is unknown: reads go past the page cache
};

struct CreateReply {
  EntryReply entry;
  OpenReply open;
};

/// What setattr wants changed; absent members stay.
struct AttributeChange {
  std::optional<std::uint32_t> mode;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<std::uint64_t> size;
  struct Time {
    std::int64_t unix_seconds = 0;  ///< ignored when `now`
    bool now = false;
  };
  std::optional<Time> atime;
  std::optional<Time> mtime;
};

/// Where written bytes go: decided for each write, as O_APPEND may be changed by fcntl(2), and as
/// pages of a mapping have their place whatever the flags of the descriptor.
struct WritePlace {
  std::uint64_t offset = 0;
  /// At the end of the file: what the kernel says of the offset is then only its idea of the size.
  bool append = false;
};

using ftpsfs::Slice;
using ftpsfs::Slices;

/// One name of a directory on its way to the kernel.
struct DirectoryItem {
  const std::string& name;
  Ino ino = kNoIno;               ///< for d_ino
  std::uint32_t mode = 0;         ///< S_IFMT bits for d_type; 0: not known (DT_UNKNOWN)
  std::uint64_t next_offset = 0;  ///< where reading goes on behind this name
  /// readdirplus only: the lookup answer, already counted. Absent when attributes would cost a
  /// round trip: the kernel then asks by lookup if anybody cares.
  const EntryReply* entry = nullptr;
};

struct FilesystemSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
};

}  // namespace ftpsfs::fs
