// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/list_unix.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "ftpsfs/ftp/civil_time.hpp"

namespace ftpsfs::ftp {
namespace {

WallTime at(const CivilTime& time) {
  return WallTime(std::chrono::seconds(to_unix_seconds(time).value_or(0)));
}
std::int64_t seconds(int year, unsigned month, unsigned day, unsigned hour = 0, unsigned minute = 0,
                     unsigned second = 0) {
  return to_unix_seconds({year, month, day, hour, minute, second}).value_or(-1);
}

const WallTime kNow = at({2026, 11, 21, 12, 0, 0});

FileFacts parse(std::string_view line, WallTime now = kNow) {
  const auto facts = parse_unix_line(line, ListContext{.now = now});
  EXPECT_TRUE(facts) << line;
  return facts.value_or(FileFacts{});
}

TEST(ListUnix, RecentFile) {
  const FileFacts facts =
      parse("-rw-r--r--    1 tester   staff      5368709120 Nov 21 02:04 two words [x].txt");
  EXPECT_EQ(facts.name, "two words [x].txt");
  EXPECT_EQ(facts.kind, FactKind::file);
  EXPECT_EQ(facts.size, 5'368'709'120U);
  EXPECT_EQ(facts.unix_mode, 0644);
  EXPECT_EQ(facts.owner, "tester");
  EXPECT_EQ(facts.group, "staff");
  EXPECT_EQ(facts.modify, (FactTime{seconds(2026, 11, 21, 2, 4), FactGrain::minute}));
  EXPECT_FALSE(facts.symlink_target);
  EXPECT_FALSE(facts.perm);
}

TEST(ListUnix, OldFile) {
  const FileFacts facts =
      parse("-rw-r--r--    1 65534    65534           6 Sep 13  2020 hello.txt");
  EXPECT_EQ(facts.name, "hello.txt");
  EXPECT_EQ(facts.owner, "65534");
  EXPECT_EQ(facts.modify, (FactTime{seconds(2020, 9, 13), FactGrain::day}));
}

TEST(ListUnix, YearOfARecentFile) {
  struct Case {
    CivilTime now;
    std::string_view date;
    int year;
  };
  const Case cases[] = {
      {{2026, 11, 21, 12, 0, 0}, "Nov 20 10:00", 2026},
      {{2026, 11, 21, 12, 0, 0}, "Nov 22 11:59", 2026},  // clock or zone ahead: within a day
      {{2026, 11, 21, 12, 0, 0}, "Nov 22 12:01", 2025},
      {{2026, 11, 21, 12, 0, 0}, "Dec 24 10:00", 2025},
      {{2027, 1, 1, 0, 30, 0}, "Dec 31 23:59", 2026},
      {{2026, 12, 31, 23, 30, 0}, "Jan  1 10:00", 2027},
      {{2028, 3, 5, 0, 0, 0}, "Feb 29 10:00", 2028},
      {{2026, 3, 5, 0, 0, 0}, "Feb 29 10:00", 2024},  // only leap years have one
      {{2028, 2, 28, 12, 0, 0}, "Feb 29 10:00", 2028},
      {{1903, 3, 5, 0, 0, 0}, "Feb 29 10:00", 1896},  // 1900 had none
  };
  for (const Case& c : cases) {
    const FileFacts facts = parse("-rw-r--r-- 1 0 0 1 " + std::string(c.date) + " x", at(c.now));
    ASSERT_TRUE(facts.modify);
    EXPECT_EQ(from_unix_seconds(facts.modify->unix_seconds).year, c.year)
        << c.date << " seen in " << c.now.year << '-' << c.now.month;
  }
}

TEST(ListUnix, OtherDates) {
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 2020-09-13 12:26 x").modify,
            (FactTime{seconds(2020, 9, 13, 12, 26), FactGrain::minute}));
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 2020-09-13 12:26:40 x").modify,
            (FactTime{1'600'000'000, FactGrain::second}));
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 2020-09-13 14:26:40.123456789 +0200 x").modify,
            (FactTime{1'600'000'000, FactGrain::second}));
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 2020-09-13 08:56:40.000000000 -0330 x").modify,
            (FactTime{1'600'000'000, FactGrain::second}));
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 2020-09-13 14:26:40.1 +0200 x").name, "x");
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 2020-09-13 12:26 +0200 x").name, "+0200 x");
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 Sep 13 12:26:40 2020 x").modify,
            (FactTime{1'600'000'000, FactGrain::second}));  // BSD ls -lT
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 13 Sep  2020 x").modify->unix_seconds, seconds(2020, 9, 13));
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 13. sep 12:26 x").modify->unix_seconds,
            seconds(2026, 9, 13, 12, 26));
}

TEST(ListUnix, NamesKeepTheirBlanks) {
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 Nov 21 02:04  lead").name, " lead");
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 Nov 21 02:04 trail ").name, "trail ");
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 Nov 21 02:04   ").name, "  ");
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 Sep 13  2020  a  b ").name, " a  b ");
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 Nov 21 02:04 ").name, "");
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 Nov 21 02:04 -> x").name, "-> x");
}

TEST(ListUnix, NamesThatLookLikeColumns) {
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 Nov 21 02:04 7 Jan  1  2001 y").name, "7 Jan  1  2001 y");
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 Nov 21 02:04 7 Jan  1  2001 y").size, 5U);
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 2020-09-13 12:26 2021-01-01 00:00").name, "2021-01-01 00:00");
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 Nov 21 02:04 2020").name, "2020");
}

TEST(ListUnix, ColumnsThatAreMissingOrGrown) {
  const FileFacts no_group = parse("-rw-r--r--   1 owner      5 Nov 21 02:04 x");
  EXPECT_EQ(no_group.owner, "owner");
  EXPECT_EQ(no_group.group, "");
  const FileFacts no_links = parse("-rw-r--r-- owner group 5 Nov 21 02:04 x");
  EXPECT_EQ(no_links.owner, "owner");
  EXPECT_EQ(no_links.group, "group");
  EXPECT_EQ(parse("-rw-r--r-- 5 Nov 21 02:04 x").size, 5U);
  const FileFacts windows = parse("drwxr-xr-x 1 DOM\\bob Domain Users 0 Nov 21 02:04 x");
  EXPECT_EQ(windows.owner, "DOM\\bob");
  EXPECT_EQ(windows.group, "Domain Users");
  EXPECT_EQ(parse("drwxr-xr-x12345 u g 4096 Nov 21 02:04 wide").name, "wide");
}

TEST(ListUnix, ModesAndMarks) {
  struct Case {
    std::string_view letters;
    unsigned mode;
    FactKind kind;
  };
  const Case cases[] = {
      {"-rwxrwxrwx", 0777, FactKind::file},    {"----------", 0, FactKind::file},
      {"-rwsr-xr-x", 04755, FactKind::file},   {"-rwSr--r--", 04644, FactKind::file},
      {"-rwxr-sr-x", 02755, FactKind::file},   {"-rw-r-Sr--", 02644, FactKind::file},
      {"-rw-r-lr--", 02644, FactKind::file},   {"drwxrwxrwt", 01777, FactKind::dir},
      {"drwxrwx--T", 01770, FactKind::dir},    {"drwxr-xr-x+", 0755, FactKind::dir},
      {"-rw-r--r--.", 0644, FactKind::file},   {"-rw-r--r--@", 0644, FactKind::file},
      {"----rwxr-x", 0075, FactKind::file},    {"d---rwxr-x", 0075, FactKind::dir},  // IBM i
      {"prw-r--r--", 0644, FactKind::other},   {"srw-r--r--", 0644, FactKind::other},
      {"lrwxrwxrwx", 0777, FactKind::symlink},
  };
  for (const Case& c : cases) {
    const FileFacts facts = parse(std::string(c.letters) + " 1 u g 5 Nov 21 02:04 x");
    EXPECT_EQ(facts.unix_mode, c.mode) << c.letters;
    EXPECT_EQ(facts.kind, c.kind) << c.letters;
    EXPECT_EQ(facts.name, "x") << c.letters;
  }
}

TEST(ListUnix, DevicesHaveNoSize) {
  for (const char* line : {"brw-rw----   1 root disk       8,   0 Nov 21 02:04 sda",
                           "crw-rw-rw-   1 root disk 8,0 Nov 21 02:04 sda"}) {
    const FileFacts facts = parse(line);
    EXPECT_EQ(facts.kind, FactKind::other);
    EXPECT_EQ(facts.name, "sda");
    EXPECT_FALSE(facts.size);
    EXPECT_EQ(facts.group, "disk");
  }
}

TEST(ListUnix, SymbolicLinks) {
  const FileFacts link = parse("lrwxrwxrwx 1 u g 10 Nov 21 02:04 abslink -> /hello.txt");
  EXPECT_EQ(link.kind, FactKind::symlink);
  EXPECT_EQ(link.name, "abslink");
  EXPECT_EQ(link.symlink_target, "/hello.txt");
  const FileFacts bare = parse("lrwxrwxrwx 1 u g 10 Nov 21 02:04 bare");
  EXPECT_EQ(bare.name, "bare");
  EXPECT_FALSE(bare.symlink_target);
  EXPECT_EQ(parse("-rw-r--r-- 1 u g 5 Nov 21 02:04 a -> b").name, "a -> b");
}

TEST(ListUnix, ArrowsInsideTheNamesOfLinks) {
  const FileFacts in_name = parse("lrwxrwxrwx 1 u g 1 Nov 21 02:04 a -> b -> c");
  EXPECT_EQ(in_name.name, "a -> b");
  EXPECT_EQ(in_name.symlink_target, "c");
  const FileFacts in_target = parse("lrwxrwxrwx 1 u g 6 Nov 21 02:04 a -> b -> c");
  EXPECT_EQ(in_target.name, "a");
  EXPECT_EQ(in_target.symlink_target, "b -> c");
  const FileFacts no_match = parse("lrwxrwxrwx 1 u g 99 Nov 21 02:04 a -> b -> c");
  EXPECT_EQ(no_match.name, "a");
}

TEST(ListUnix, RefusesOtherLines) {
  for (const char* line : {"",
                           " ",
                           "total 12",
                           "-rw-r--r--",
                           "-rw-r--r-- ",
                           "-rw-r--r-- 1 u g 5 Nov 21 02:04",
                           "-rw-r--r-- 1 u g 5 Nov 31 02:04 x",
                           "-rw-r--r-- 1 u g 5 Nov 21 25:04 x",
                           "-rw-r--r-- 1 u g 5 Nov 21 02:60 x",
                           "-rw-r--r-- 1 u g 5 Now 21 02:04 x",
                           "-rw-r--r-- 1 u g x Nov 21 02:04 x",
                           "-rw-r--r-- Nov 21 02:04 x",
                           "?rw-r--r-- 1 u g 5 Nov 21 02:04 x",
                           "-rw-r--r-? 1 u g 5 Nov 21 02:04 x",
                           "-rwzr--r-- 1 u g 5 Nov 21 02:04 x",
                           "-rw-r--r--x 1 u g 5 Nov 21 02:04 x",
                           "-rw-r--r-- 1 u g -5 Nov 21 02:04 x",
                           "ls: cannot open directory .: Permission denied",
                           "11-21-26  02:04AM       <DIR>          dir",
                           "type=file;size=1; x",
                           "-rw-r--r-- 1 u g 5 2020-13-13 12:26 x",
                           "-rw-r--r-- 1 u g 5 Nov 021 02:04 x",
                           "-rw-r--r-- 1 u g 5 Nov 21 20260 x",
                           "-rw-r--r-- 1 u g 99999999999999999999 Nov 21 02:04 x",
                           "-rw-r--r-- 1 u g 5 Nov 21  0000 x",
                           "-rw-r--r-- 1 u g 5 2020-09-13 1226 x",
                           "-rw-r--r-- 1 u g 5 2020-09-13 12:26:xx x",
                           "-rw-r--r-- 1 u g 5 2020-0x-13 12:26 x",
                           "-rw-r--r-- 1 u g 5 Nov 21 123:04 x",
                           "-rw-r--r-- 1 u g 5 Nov 21 12: x"}) {
    EXPECT_FALSE(parse_unix_line(line, ListContext{.now = kNow})) << line;
  }
}

TEST(ListUnix, KnowsItsHeading) {
  EXPECT_TRUE(is_unix_heading("total 12"));
  EXPECT_TRUE(is_unix_heading("Total 0"));
  EXPECT_FALSE(is_unix_heading("total"));
  EXPECT_FALSE(is_unix_heading("total recall"));
  EXPECT_FALSE(is_unix_heading("totals 12"));
}

}  // namespace
}  // namespace ftpsfs::ftp
