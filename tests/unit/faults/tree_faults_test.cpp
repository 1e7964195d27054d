// SPDX-License-Identifier: MIT
//
// Listings that are not whole, that are of nothing, that lie, or that never end; and clocks that
// differ.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <array>
#include <ctime>
#include <fstream>

#include "faulty_mount.hpp"

namespace ftpsfs::faults {
namespace {

/// LIST is the only way to list.
void by_list(remote::FtpRemoteSettings& settings) {
  settings.session.server.profile.list_command = "LIST -a";
}

Day listing_by_list(const FaultyServerOptions& server = {}) {
  return {.server = server, .remote = by_list};
}

constexpr const char* kHostile =
    "type=file;size=1; ../x\r\n"
    "type=file;size=1; /etc/passwd\r\n"
    "type=file;size=1; a/b\r\n"
    "type=file;size=1; x\r\n"
    "type=dir; ..\r\n"
    "type=dir; .\r\n"
    "type=file;size=1; \r\n"
    "type=file;size=1; y\r\n";

class Listings : public FaultTable {};

TEST_P(Listings, AreWholeOrTheErrorIsTold) {
  run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Listings,
    ::testing::Values(
        Row{"mlsd_truncated_once",
            {{.verb = "MLSD",
              .kind = Fault::Kind::truncate,
              .reply = "226 Transfer complete",
              .bytes = 100}},
            &FaultyMount::lists},
        Row{"mlsd_truncated",
            {{.verb = "MLSD",
              .kind = Fault::Kind::truncate,
              .times = kAlways,
              .reply = "226 Transfer complete",
              .bytes = 100}},
            &FaultyMount::lists,
            EIO},
        Row{"mlsd_ends_in_the_middle_of_a_line_once",
            {{.verb = "MLSD", .kind = Fault::Kind::swallow, .bytes = 120}},
            &FaultyMount::lists,
            0,
            {.server = {.banner = "220 ready"}}},
        Row{"mlsd_ends_in_the_middle_of_a_line",
            {{.verb = "MLSD", .kind = Fault::Kind::swallow, .times = kAlways, .bytes = 120}},
            &FaultyMount::lists,
            EIO,
            {.server = {.banner = "220 ready"}}},
        Row{"mlsd_ends_in_the_middle_of_a_name",
            {{.verb = "MLSD",
              .kind = Fault::Kind::false_listing,
              .times = kAlways,
              .reply = "type=file;size=1; x\r\ntype=file;size=1; y-with-a-lon"}},
            &FaultyMount::lists,
            EIO,
            {.server = {.banner = "220 ready"}}},
        Row{"list_ends_in_the_middle_of_a_line",
            {{.verb = "LIST", .kind = Fault::Kind::swallow, .times = kAlways, .bytes = 100}},
            &FaultyMount::lists,
            EIO,
            listing_by_list()},
        Row{"mlsd_truncated_by_the_servers_limit",
            {{.verb = "MLSD",
              .kind = Fault::Kind::replace_reply,
              .times = kAlways,
              .reply = "226 Output truncated to 2000 matches"}},
            &FaultyMount::lists,
            EIO},
        Row{"list_truncated",
            {{.verb = "LIST",
              .kind = Fault::Kind::truncate,
              .times = kAlways,
              .reply = "226 Transfer complete",
              .bytes = 70}},
            &FaultyMount::lists,
            EIO,
            listing_by_list()},
        Row{"list_reset",
            {{.verb = "LIST", .kind = Fault::Kind::cut_data, .bytes = 70}},
            &FaultyMount::lists,
            0,
            listing_by_list()},
        Row{"mlsd_of_a_missing_directory_is_226",
            {},
            &FaultyMount::lists_a_directory_that_has_gone,
            ENOENT,
            {.server = {.missing_is_empty = true}}},
        Row{"list_of_a_missing_directory_is_226",
            {},
            &FaultyMount::lists_a_directory_that_has_gone,
            ENOENT,
            listing_by_list({.missing_is_empty = true})},
        Row{"list_of_an_empty_directory_is_450",
            {{.verb = "LIST", .nth = 2, .reply = "450 No files found."}},
            &FaultyMount::lists_the_empty_directory,
            0,
            listing_by_list({.banner = "220 ready"})},
        Row{"list_of_an_empty_directory_is_550",
            {{.verb = "LIST", .nth = 2, .reply = "550 No files found."}},
            &FaultyMount::lists_the_empty_directory,
            0,
            listing_by_list({.banner = "220 ready"})},
        Row{"hostile_names",
            {{.verb = "MLSD",
              .kind = Fault::Kind::false_listing,
              .times = kAlways,
              .reply = kHostile}},
            &FaultyMount::lists},
        Row{"no_listing_at_all",
            {{.verb = "MLSD",
              .kind = Fault::Kind::false_listing,
              .times = kAlways,
              .reply = "<html>\r\n<body>Moved</body>\r\n"}},
            &FaultyMount::lists,
            EIO}),
    name_of);

/// In MiB.
long most_memory_so_far() {
  std::ifstream status("/proc/self/status");
  std::string word;
  long kib = 0;
  while (status >> word) {
    if (word == "VmHWM:") {
      status >> kib;
    }
  }
  return kib / 1024;
}

TEST_F(FaultyMount, AListingWithoutEndIsAnErrorAndItsMemoryIsBounded) {
  mount();
  server_->add_fault({.verb = "MLSD", .kind = Fault::Kind::endless_listing, .times = kAlways});
  const long before = most_memory_so_far();
  EXPECT_EQ(lists(), EIO) << why_;
  constexpr long kBound = 500;  // the text, once more while it grows, and what is read along
  EXPECT_LT(most_memory_so_far() - before, kBound);
  server_->clear_faults();
  expect_healthy();
}

/// A mount that bears little: what comes beyond that is not even read.
class SmallListings : public FaultyMount {
 protected:
  static constexpr std::uint64_t kBytes = 300'000;
  static constexpr std::size_t kEntries = 500;

  /// @param list_command empty: by MLSD
  void mount_with(const std::string& list_command) {
    mount({.remote = [&list_command](remote::FtpRemoteSettings& made) {
      made.session.server.profile.list_command = list_command;
      made.session.listing = {.bytes = kBytes, .entries = kEntries};
    }});
  }
  /// What the listing of a directory with so many names comes to.
  int lists_names(const std::string& verb, const std::string& line, std::size_t count) {
    std::string listing;
    for (std::size_t i = 0; i < count; ++i) {
      listing += fmt::format("{}{:05}\r\n", line, i);
    }
    server_->add_fault(
        {.verb = verb, .kind = Fault::Kind::false_listing, .times = kAlways, .reply = listing});
    std::vector<std::string> names;
    const std::uint64_t before = remote_->counters().bytes_read;
    const int error = list_into("empty", names);  // LIST beside MLSD has no others
    read_ = remote_->counters().bytes_read - before;
    EXPECT_EQ(names.size(), error == 0 ? count : 0U);
    server_->clear_faults();
    return error;
  }

  std::uint64_t read_ = 0;
};

TEST_F(SmallListings, HaveTheirNamesAndNoMore) {
  mount_with("");
  const std::string line = "type=file;size=1;modify=20200101000000; ";
  EXPECT_EQ(lists_names("MLSD", line, kEntries), 0) << why_;
  EXPECT_EQ(lists_names("MLSD", line, kEntries + 1), EIO);
  EXPECT_THAT(why_, ::testing::HasSubstr("more than 500 entries"));
  expect_healthy();
}

TEST_F(SmallListings, EndWithTheLineThatIsTooMuch) {
  mount_with("LIST -a");
  constexpr std::size_t kMany = 40'000;
  EXPECT_EQ(lists_names("LIST", "", kMany), EIO);
  EXPECT_THAT(why_, ::testing::HasSubstr("more than 500 entries"));
  EXPECT_LT(read_, 150'000U) << "a part of what the server would have sent";
  expect_healthy();
}

TEST_F(SmallListings, EndWithTheByteThatIsTooMuch) {
  mount_with("");
  server_->add_fault({.verb = "MLSD", .kind = Fault::Kind::endless_listing, .times = kAlways});
  const std::uint64_t before = remote_->counters().bytes_read;
  EXPECT_EQ(lists(), EIO);
  EXPECT_THAT(why_, ::testing::HasSubstr("no end: more than 300000 bytes"));
  EXPECT_LE(remote_->counters().bytes_read - before, kBytes) << "and once";
  server_->clear_faults();
  expect_healthy();
}

// ---- Clocks ----

/// As `ls -l` shows it, and most servers with it.
std::string list_line(std::time_t when, bool with_year) {
  std::array<char, 32> text{};
  std::tm parts{};
  ::gmtime_r(&when, &parts);
  std::strftime(text.data(), text.size(), with_year ? "%b %e  %Y" : "%b %e %H:%M", &parts);
  return fmt::format("-rw-r--r--   1 user     group      200000 {} f\r\n", text.data());
}

class Clocks : public FaultyMount {
 protected:
  /// What a program sees of f when LIST says `line`, and MDTM nothing.
  std::int64_t listed_as(const std::string& line) {
    mount(listing_by_list());
    server_->add_fault({.verb = "MDTM", .times = kAlways, .reply = "502 No MDTM."});
    server_->add_fault(
        {.verb = "LIST", .kind = Fault::Kind::false_listing, .times = kAlways, .reply = line});
    const auto found = stat("f");
    EXPECT_TRUE(found) << found.error().text;
    server_->clear_faults();
    expect_healthy();
    return found ? found->mtime_seconds : 0;
  }

  static constexpr std::time_t kLeapDay = 1'582'934'400;  // 2020-02-29 00:00 UTC
  static constexpr std::time_t kHour = 3600;
  static constexpr std::time_t kDay = 24 * kHour;
};

TEST_F(Clocks, ThatAreAheadShowTheFuture) {
  const std::time_t tomorrow = std::time(nullptr) + kDay;
  mount();
  tree().add_file("/f", big(), tomorrow);
  const auto found = stat("f");
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->mtime_seconds, tomorrow);
  expect_healthy();
}

/// Without a year: not a year ago.
TEST_F(Clocks, ThatAreALittleAheadInAListing) {
  const std::time_t soon_then = (std::time(nullptr) + kHour) / 60 * 60;
  EXPECT_EQ(listed_as(list_line(soon_then, false)), soon_then);
}

TEST_F(Clocks, OfAnotherZoneAreCorrectedByMdtm) {
  mount(listing_by_list());
  const std::time_t there = (std::time(nullptr) - 3 * kDay) / 60 * 60;
  tree().add_file("/f", big(), there);
  server_->add_fault({.verb = "LIST",
                      .kind = Fault::Kind::false_listing,
                      .times = kAlways,
                      .reply = list_line(there + 2 * kHour, false)});
  const auto found = stat("f");
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->mtime_seconds, there);
  server_->clear_faults();
  expect_healthy();
}

TEST_F(Clocks, OfAnotherZoneAreCorrectedByTheUsersWord) {
  Day day = listing_by_list();
  day.remote = [](remote::FtpRemoteSettings& settings) {
    by_list(settings);
    settings.session.server.zone = ftp::ServerZone(2 * kHour);
  };
  mount(day);
  const std::time_t there = (std::time(nullptr) - 3 * kDay) / 60 * 60;
  server_->add_fault({.verb = "MDTM", .times = kAlways, .reply = "502 No MDTM."});
  server_->add_fault({.verb = "LIST",
                      .kind = Fault::Kind::false_listing,
                      .times = kAlways,
                      .reply = list_line(there + 2 * kHour, false)});
  const auto found = stat("f");
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->mtime_seconds, there);
}

TEST_F(Clocks, ShowLeapDays) {
  EXPECT_EQ(listed_as(list_line(kLeapDay, true)), kLeapDay);
}

TEST_F(Clocks, ShowYearsOfTwoDigits) {
  EXPECT_EQ(listed_as("02-29-20  03:04PM               200000 f\r\n"),
            kLeapDay + 15 * kHour + 4 * 60);
}

}  // namespace
}  // namespace ftpsfs::faults
