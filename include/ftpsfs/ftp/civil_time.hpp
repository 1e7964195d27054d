// SPDX-License-Identifier: MIT
//
// Calendar dates in UTC to Unix seconds and back, without time zone, locale or C library state.
// Pure.
#pragma once

#include <cstdint>
#include <optional>

namespace ftpsfs::ftp {

struct CivilTime {
  int year = 1970;
  unsigned month = 1;  ///< 1 to 12
  unsigned day = 1;    ///< 1 to 31
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;  ///< 60, a leap second, counts as the next minute's 0

  friend bool operator==(const CivilTime&, const CivilTime&) = default;
};

/// @return absent when there is no such date or time (30 February, 25:00, year 0 or above 9999).
std::optional<std::int64_t> to_unix_seconds(const CivilTime& time) noexcept;

/// @pre the year is within 1 to 9999.
CivilTime from_unix_seconds(std::int64_t unix_seconds) noexcept;

}  // namespace ftpsfs::ftp
