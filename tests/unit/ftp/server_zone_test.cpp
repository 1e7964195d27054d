// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/server_zone.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "ftpsfs/ftp/civil_time.hpp"

namespace ftpsfs::ftp {
namespace {

std::int64_t at(const CivilTime& time) {
  return to_unix_seconds(time).value_or(-1);
}

/// A number in so many bytes, as zone files have them.
std::string big_endian(std::int64_t value, unsigned width) {
  std::string bytes;
  for (unsigned i = width; i-- > 0;) {
    bytes += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFF);
  }
  return bytes;
}

struct Transition {
  std::int64_t at;
  int type;
};

std::string zone_part(unsigned width, std::initializer_list<Transition> transitions,
                      std::initializer_list<std::int64_t> easts) {
  std::string bytes = "TZif2" + std::string(15, '\0');
  for (const std::size_t count : {std::size_t{0}, std::size_t{0}, std::size_t{0},
                                  transitions.size(), easts.size(), std::size_t{4}}) {
    bytes += big_endian(static_cast<std::int64_t>(count), 4);
  }
  for (const Transition& each : transitions) {
    bytes += big_endian(each.at, width);
  }
  for (const Transition& each : transitions) {
    bytes += static_cast<char>(each.type);
  }
  for (const std::int64_t east : easts) {
    bytes += big_endian(east, 4) + std::string(2, '\0');
  }
  return bytes + std::string("LMT\0", 4);
}

/// Berlin in short: one hour east since 1980, and the European summer by rule.
std::string berlin(const std::string& rule = "CET-1CEST,M3.5.0,M10.5.0/3") {
  return zone_part(4, {}, {3208}) + zone_part(8, {{at({1980, 1, 1, 0, 0, 0}), 1}}, {3208, 3600}) +
         "\n" + rule + "\n";
}

TEST(ServerZone, OfAnOffset) {
  const std::pair<const char*, std::int64_t> cases[] = {
      {"UTC", 0},       {"z", 0},          {"+2", 7'200},       {"+02", 7'200},
      {"+0200", 7'200}, {"+02:00", 7'200}, {"-03:30", -12'600}, {"+1400", 50'400},
  };
  for (const auto& [text, east] : cases) {
    const auto zone = ServerZone::from_offset(text);
    ASSERT_TRUE(zone) << text;
    EXPECT_EQ(zone->to_utc(1'000'000), 1'000'000 - east) << text;
  }
  for (const char* text : {"", "+", "2", "+25", "+2:0", "+02:60", "+020000", "+2h", "CET", "-"}) {
    EXPECT_FALSE(ServerZone::from_offset(text)) << text;
  }
}

TEST(ServerZone, OfAZoneFileKnowsSummers) {
  const auto zone = ServerZone::from_tzif(berlin());
  ASSERT_TRUE(zone);
  EXPECT_EQ(zone->to_utc(at({2026, 1, 15, 12, 0, 0})), at({2026, 1, 15, 11, 0, 0}));
  EXPECT_EQ(zone->to_utc(at({2026, 7, 15, 12, 0, 0})), at({2026, 7, 15, 10, 0, 0}));
  EXPECT_EQ(zone->to_utc(at({2026, 3, 29, 1, 59, 59})), at({2026, 3, 29, 0, 59, 59}));
  EXPECT_EQ(zone->to_utc(at({2026, 3, 29, 3, 0, 0})), at({2026, 3, 29, 1, 0, 0}));
  EXPECT_EQ(zone->to_utc(at({2026, 10, 25, 3, 0, 0})), at({2026, 10, 25, 2, 0, 0}));
  EXPECT_EQ(zone->to_utc(at({1950, 7, 15, 12, 0, 0})), at({1950, 7, 15, 11, 6, 32}));
}

TEST(ServerZone, OfTheSouthAndOfDayNumbers) {
  const auto sydney = ServerZone::from_tzif(berlin("<+10>-10<+11>,M10.1.0,M4.1.0/3"));
  ASSERT_TRUE(sydney);
  EXPECT_EQ(sydney->to_utc(at({2026, 1, 15, 12, 0, 0})), at({2026, 1, 15, 1, 0, 0}));
  EXPECT_EQ(sydney->to_utc(at({2026, 7, 15, 12, 0, 0})), at({2026, 7, 15, 2, 0, 0}));
  const auto days = ServerZone::from_tzif(berlin("AAA0BBB-2,J60/0,300/0"));
  ASSERT_TRUE(days);
  const auto named = ServerZone::from_tzif(berlin("AAA0BBB-2,J60/0,299/0"));
  ASSERT_TRUE(named);
  EXPECT_EQ(named->to_utc(at({2024, 3, 1, 6, 0, 0})), at({2024, 3, 1, 4, 0, 0}));
  EXPECT_EQ(named->to_utc(at({2024, 2, 29, 6, 0, 0})), at({2024, 2, 29, 6, 0, 0}));
}

TEST(ServerZone, OfAFileWithoutRuleEndsWithItsLastChange) {
  const auto zone = ServerZone::from_tzif(berlin("CET-1"));
  ASSERT_TRUE(zone);
  EXPECT_EQ(zone->to_utc(at({2026, 7, 15, 12, 0, 0})), at({2026, 7, 15, 11, 0, 0}));
}

TEST(ServerZone, RefusesWhatIsNoZoneFile) {
  const std::string good = berlin();
  EXPECT_FALSE(ServerZone::from_tzif(""));
  EXPECT_FALSE(ServerZone::from_tzif("TZif"));
  EXPECT_FALSE(ServerZone::from_tzif("# a text\n"));
  // Cut anywhere before its footer.
  const std::size_t whole = good.rfind("\nCET");
  for (std::size_t length = 0; length < whole; ++length) {
    EXPECT_FALSE(ServerZone::from_tzif(std::string_view(good).substr(0, length))) << length;
  }
  EXPECT_TRUE(ServerZone::from_tzif(std::string_view(good).substr(0, whole)));
}

}  // namespace
}  // namespace ftpsfs::ftp
