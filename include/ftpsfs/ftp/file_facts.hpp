// SPDX-License-Identifier: MIT
//
// What one line of a listing says of one name, whatever its grammar. Nothing is guessed: what the
// line does not tell is absent. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ftpsfs::ftp {

enum class FactKind : std::uint8_t {
  file,
  dir,
  cdir,  ///< the listed directory itself
  pdir,  ///< its parent
  symlink,
  other,  ///< device, fifo, socket, or a type that is not known here
};

/// How much of a time the line tells.
enum class FactGrain : std::uint8_t { second, minute, day };

struct FactTime {
  std::int64_t unix_seconds = 0;  ///< UTC as the server shows it; the start of the grain
  FactGrain grain = FactGrain::second;
  /// As a clock in the server's zone shows it, of which ListContext::zone says what is known; no
  /// part of the value.
  bool in_server_zone = false;

  friend bool operator==(const FactTime& a, const FactTime& b) noexcept {
    return a.unix_seconds == b.unix_seconds && a.grain == b.grain;
  }
};

struct FileFacts {
  std::string name;  ///< as sent; in an MLST reply it may be a path
  FactKind kind = FactKind::file;
  std::optional<std::uint64_t> size;  ///< bytes; of a symlink the length of its target (ls)
  std::optional<FactTime> modify;
  std::optional<std::string> perm;  ///< RFC 3659 §7.5.5, lower case; empty = nothing is allowed
  std::optional<std::uint16_t> unix_mode;  ///< 07777
  std::string unique;
  std::string owner;
  std::string group;
  std::optional<std::string> symlink_target;
};

}  // namespace ftpsfs::ftp
