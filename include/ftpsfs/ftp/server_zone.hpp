// SPDX-License-Identifier: MIT
//
// The time zone of a server's clock, in which LIST shows times. The C library knows one zone for
// the whole process, and that is the user's; hence this. Value, cheap to copy; pure: whoever has
// the file of the zone hands in its bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::ftp {

class ServerZone {
 public:
  ServerZone() = default;  ///< UTC
  explicit ServerZone(std::int64_t east_seconds) : east_(east_seconds) {}

  struct Change {
    std::int64_t at;    ///< Unix seconds
    std::int64_t east;  ///< from then on
  };
  /// @param east_seconds before the first change. @param changes in order.
  ServerZone(std::int64_t east_seconds, std::vector<Change> changes);

  /// A compiled zone file.  @errors invalid_argument: it is none.  @source RFC 8536
  static Result<ServerZone> from_tzif(std::string_view file);
  /// "UTC", "Z", "+2", "+0200", "-03:30".  @errors invalid_argument
  static Result<ServerZone> from_offset(std::string_view text);

  /// What a clock of the zone shows, as seconds since 1970 shown there, to Unix seconds. An hour
  /// that it shows twice is the first or the second; one that it leaves out is near.
  std::int64_t to_utc(std::int64_t shown) const noexcept;

 private:
  std::int64_t east_at(std::int64_t unix_seconds) const noexcept;

  std::int64_t east_ = 0;  ///< before the first change
  std::shared_ptr<const std::vector<Change>> changes_;
};

}  // namespace ftpsfs::ftp
