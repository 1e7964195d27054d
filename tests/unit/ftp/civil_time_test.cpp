// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/civil_time.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::ftp {
namespace {

TEST(CivilTime, KnowsTheCalendar) {
  EXPECT_EQ(to_unix_seconds({1970, 1, 1, 0, 0, 0}), 0);
  EXPECT_EQ(to_unix_seconds({2000, 2, 29, 0, 0, 0}), 951'782'400);
  EXPECT_EQ(to_unix_seconds({2020, 9, 13, 12, 26, 40}), 1'600'000'000);
  EXPECT_EQ(to_unix_seconds({2038, 1, 19, 3, 14, 8}), 2'147'483'648);
  EXPECT_EQ(to_unix_seconds({1969, 12, 31, 23, 59, 59}), -1);
  EXPECT_EQ(to_unix_seconds({1, 1, 1, 0, 0, 0}), -62'135'596'800);
  EXPECT_EQ(to_unix_seconds({9999, 12, 31, 23, 59, 59}), 253'402'300'799);
}

TEST(CivilTime, CountsALeapSecondAsTheNextMinute) {
  EXPECT_EQ(to_unix_seconds({2016, 12, 31, 23, 59, 60}), to_unix_seconds({2017, 1, 1, 0, 0, 0}));
}

TEST(CivilTime, RefusesWhatIsNoDate) {
  const CivilTime bad[] = {{0, 1, 1, 0, 0, 0},     {10'000, 1, 1, 0, 0, 0}, {2023, 2, 29, 0, 0, 0},
                           {1900, 2, 29, 0, 0, 0}, {2024, 0, 1, 0, 0, 0},   {2024, 13, 1, 0, 0, 0},
                           {2024, 4, 31, 0, 0, 0}, {2024, 1, 0, 0, 0, 0},   {2024, 1, 1, 24, 0, 0},
                           {2024, 1, 1, 0, 60, 0}, {2024, 1, 1, 0, 0, 61},  {2024, 257, 1, 0, 0, 0},
                           {2024, 1, 257, 0, 0, 0}};
  for (const CivilTime& time : bad) {
    EXPECT_FALSE(to_unix_seconds(time)) << time.year << '-' << time.month << '-' << time.day;
  }
}

TEST(CivilTime, GoesThereAndBack) {
  for (std::int64_t t = -62'135'596'800; t <= 253'402'300'799; t += 86'400 * 97 + 12'345) {
    EXPECT_EQ(to_unix_seconds(from_unix_seconds(t)), t);
  }
}

}  // namespace
}  // namespace ftpsfs::ftp
