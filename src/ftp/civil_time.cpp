// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/civil_time.hpp"

#include <chrono>

namespace ftpsfs::ftp {

std::optional<std::int64_t> to_unix_seconds(const CivilTime& time) noexcept {
  using namespace std::chrono;
  if (time.year < 1 || time.year > 9999 || time.month > 12 || time.day > 31 || time.hour > 23 ||
      time.minute > 59 || time.second > 60) {
    return std::nullopt;
  }
  const year_month_day date = year(time.year) / month(time.month) / day(time.day);
  if (!date.ok()) {
    return std::nullopt;
  }
  const std::int64_t days = sys_days(date).time_since_epoch().count();
  return days * 86'400 + time.hour * 3'600LL + time.minute * 60LL + time.second;
}

CivilTime from_unix_seconds(std::int64_t unix_seconds) noexcept {
  using namespace std::chrono;
  const sys_seconds instant{seconds(unix_seconds)};
  const sys_days midnight = floor<days>(instant);
  const year_month_day date(midnight);
  const auto second_of_day = static_cast<unsigned>((instant - midnight).count());
  return CivilTime{static_cast<int>(date.year()),     static_cast<unsigned>(date.month()),
                   static_cast<unsigned>(date.day()), second_of_day / 3'600,
                   second_of_day / 60 % 60,           second_of_day % 60};
}

}  // namespace ftpsfs::ftp
