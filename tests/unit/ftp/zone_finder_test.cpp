// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/zone_finder.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "ftpsfs/ftp/civil_time.hpp"

namespace ftpsfs::ftp {
namespace {

constexpr std::int64_t kAnHour = 3'600;
constexpr std::int64_t kADay = 24 * kAnHour;

std::int64_t noon(int year, unsigned month, unsigned day) {
  return to_unix_seconds({year, month, day, 12, 0, 0}).value();
}

/// A clock in Berlin.
std::int64_t berlin_east(std::int64_t unix_seconds) {
  const bool summer =
      unix_seconds >= noon(2026, 3, 29) - 11 * kAnHour && unix_seconds < noon(2026, 10, 25);
  return summer ? 2 * kAnHour : kAnHour;
}

TEST(ZoneFinder, OnePairIsEnough) {
  ZoneFinder finder;
  const std::int64_t exact = noon(2026, 5, 4) + 17;
  EXPECT_FALSE(finder.found());
  EXPECT_EQ(finder.zone().to_utc(exact), exact);
  EXPECT_EQ(finder.describe(), "UTC");
  EXPECT_TRUE(finder.note(noon(2026, 5, 4) - 9 * kAnHour - 1'800, exact));
  EXPECT_TRUE(finder.found());
  EXPECT_EQ(finder.describe(), "UTC-09:30");
  EXPECT_EQ(finder.zone().to_utc(exact), exact + 9 * kAnHour + 1'800);
}

TEST(ZoneFinder, ShownTimesMayHaveSeconds) {
  ZoneFinder finder;
  const std::int64_t exact = noon(2026, 5, 4) + 59;
  EXPECT_TRUE(finder.note(exact + 5 * kAnHour + 2'700, exact));
  EXPECT_EQ(finder.describe(), "UTC+05:45");
}

TEST(ZoneFinder, WhatNoZoneHasIsNoPair) {
  ZoneFinder finder;
  const std::int64_t exact = noon(2026, 5, 4);
  EXPECT_FALSE(finder.note(exact + kAnHour + 60, exact)) << "written in between";
  EXPECT_FALSE(finder.note(exact + 15 * kAnHour, exact));
  EXPECT_FALSE(finder.note(exact - 15 * kAnHour, exact));
  EXPECT_FALSE(finder.found());
  EXPECT_TRUE(finder.note(exact + 14 * kAnHour, exact));
}

TEST(ZoneFinder, AContradictionMustBeConfirmed) {
  ZoneFinder finder;
  const std::int64_t exact = noon(2026, 5, 4);
  EXPECT_TRUE(finder.note(exact + kAnHour, exact));
  EXPECT_FALSE(finder.note(exact + 2 * kAnHour, exact));
  EXPECT_FALSE(finder.note(exact + kAnHour, exact)) << "it was an accident";
  EXPECT_FALSE(finder.note(exact + 2 * kAnHour, exact));
  EXPECT_FALSE(finder.note(exact + 3 * kAnHour, exact)) << "that is yet another";
  EXPECT_EQ(finder.describe(), "UTC+01:00");
  EXPECT_TRUE(finder.note(exact + 3 * kAnHour, exact + 7));
  EXPECT_EQ(finder.describe(), "UTC+03:00");
}

TEST(ZoneFinder, TheNearestInTheYearHolds) {
  ZoneFinder finder;
  for (const auto exact : {noon(2026, 1, 15), noon(2026, 7, 15)}) {
    EXPECT_TRUE(finder.note(exact + berlin_east(exact), exact));
  }
  EXPECT_EQ(finder.describe(), "UTC+01:00 and UTC+02:00");
  for (const int year : {1985, 2024, 2026, 2050}) {
    for (const auto shown : {noon(year, 12, 24), noon(year, 2, 1)}) {
      EXPECT_EQ(finder.zone().to_utc(shown), shown - kAnHour) << year;
    }
    for (const auto shown : {noon(year, 6, 1), noon(year, 9, 1)}) {
      EXPECT_EQ(finder.zone().to_utc(shown), shown - 2 * kAnHour) << year;
    }
  }
}

TEST(ZoneFinder, AsksForOneFileAWeek) {
  ZoneFinder finder;
  const std::int64_t first = noon(2026, 5, 4);
  std::vector<std::int64_t> shown;
  for (int day = 0; day < 20; ++day) {
    shown.push_back(first + day * kADay);
  }
  EXPECT_EQ(finder.choose(shown, 60), (std::vector<std::size_t>{0, 8, 16}));
  EXPECT_EQ(finder.choose(shown, 2), (std::vector<std::size_t>{0, 8}));
  EXPECT_TRUE(finder.choose({}, 60).empty());
  finder.note(shown[10], shown[10]);
  EXPECT_EQ(finder.choose(shown, 60), (std::vector<std::size_t>{0, 18}));
  const std::vector<std::int64_t> years_ago{noon(1999, 5, 14)};
  EXPECT_TRUE(finder.choose(years_ago, 60).empty());
}

/// A file a day through half a year with the end of the summer in it.
TEST(ZoneFinder, TwoFlightsFindTheNightInWhichClocksAreChanged) {
  ZoneFinder finder;
  std::vector<std::int64_t> exact;
  std::vector<std::int64_t> shown;
  for (int day = 0; day < 180; ++day) {
    exact.push_back(noon(2026, 7, 1) + day * kADay);
    shown.push_back(exact.back() + berlin_east(exact.back()));
  }
  std::size_t questions = 0;
  for (int flight = 0; flight < 2; ++flight) {
    for (const std::size_t index : finder.choose(shown, 60)) {
      finder.note(shown[index], exact[index]);
      ++questions;
    }
  }
  EXPECT_LE(questions, 35U);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    wrong += finder.zone().to_utc(shown[i]) == exact[i] ? 0 : 1;
  }
  EXPECT_LE(wrong, 1U) << "of the days next to that night";
}

TEST(ZoneFinder, PausesWhereNoAnswersCome) {
  ZoneFinder finder;
  const SteadyTime now{};
  finder.note_unanswered(7, now);
  EXPECT_EQ(finder.most_questions(now), 60U);
  finder.note_unanswered(1, now);
  EXPECT_EQ(finder.most_questions(now), 0U);
  EXPECT_EQ(finder.most_questions(now + std::chrono::minutes(9)), 0U);
  const SteadyTime later = now + std::chrono::minutes(10);
  EXPECT_EQ(finder.most_questions(later), 8U) << "some, to see whether it is better now";
  finder.note_unanswered(1, later);
  EXPECT_EQ(finder.most_questions(later), 0U) << "it is not";
  EXPECT_EQ(finder.most_questions(later + std::chrono::minutes(10)), 8U);
}

TEST(ZoneFinder, OnePairEndsAPause) {
  ZoneFinder finder;
  const SteadyTime now{};
  finder.note_unanswered(100, now);
  const std::int64_t exact = noon(2026, 5, 4);
  EXPECT_FALSE(finder.note(exact + 61, exact)) << "no pair";
  EXPECT_EQ(finder.most_questions(now), 0U);
  EXPECT_TRUE(finder.note(exact, exact));
  EXPECT_EQ(finder.most_questions(now), 60U);
}

/// Whatever a server makes up, it is not remembered without bound.
TEST(ZoneFinder, IsBounded) {
  ZoneFinder finder;
  int changes = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t exact = noon(2026, 1, 1) + i * 5 * kAnHour;
    changes += finder.note(exact + i % 56 * 900, exact) ? 1 : 0;
  }
  EXPECT_LE(changes, 1'000);
  const std::vector<std::int64_t> shown{noon(2026, 5, 4)};
  EXPECT_TRUE(finder.choose(shown, 60).empty());
}

}  // namespace
}  // namespace ftpsfs::ftp
