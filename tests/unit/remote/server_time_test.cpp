// SPDX-License-Identifier: MIT
//
// Times that LIST shows by the server's clock: its zone is found by comparing them with exact ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "remote_fixture.hpp"

namespace ftpsfs::remote {
namespace {

using test::Fault;
using test::FaultyServerOptions;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kEast = 2 * 3'600;

class ServerTime : public RemoteFixture {
 protected:
  void start_as(const std::string& banner, bool mlst = false) {
    FaultyServerOptions options;
    options.banner = banner;
    options.mlst = mlst;
    options.list_east = kEast;
    start(options);
    tree().add_directory("/d");
    tree().set_mtime("/d", recent_ - 7'200);
    tree().add_file("/a", "1", recent_);
    tree().add_file("/d/b", "2", recent_ - 3'600);
    tree().add_file("/old", "3");
  }
  void start_plain() { start_as("220 ready"); }
  void start_vsftpd() { start_as("220 (vsFTPd 3.0.3)"); }

  std::map<std::string, FileTime> times_in(const std::string& directory,
                                           std::string_view timed = {}) {
    ListingHints hints;
    hints.timed = timed;
    const auto listing = remote_->list(at(directory), soon(), hints);
    EXPECT_TRUE(listing) << listing.error().text;
    std::map<std::string, FileTime> times;
    for (const Entry& entry : listing ? listing->entries : std::vector<Entry>()) {
      times[entry.name] = entry.mtime.value_or(FileTime{});
    }
    return times;
  }
  static FileTime minute_of(std::time_t time) { return {time - time % 60, TimeGrain::minute}; }

  /// A day ago, so that listings show the minute.
  const std::time_t recent_ = std::time(nullptr) - 24 * 3'600;
};

TEST_F(ServerTime, IsFoundBehindTheFirstListing) {
  start_plain();
  connect();
  EXPECT_THAT(remote_->description(), Not(HasSubstr("server time")));
  auto times = times_in("/");
  EXPECT_EQ(times["a"], (FileTime{recent_, TimeGrain::second})) << "it was asked for";
  EXPECT_EQ(times["d"], minute_of(recent_ - 7'200)) << "directories have no MDTM";
  EXPECT_EQ(times["old"], (FileTime{1'599'955'200 - kEast, TimeGrain::day}));
  EXPECT_THAT(remote_->description(), HasSubstr("server time UTC+02:00, found by MDTM"));
  EXPECT_EQ(times_in("/d")["b"], minute_of(recent_ - 3'600));
  EXPECT_EQ(times_in("/")["a"], minute_of(recent_));
  EXPECT_EQ(server_->count("MDTM"), 1);
}

TEST_F(ServerTime, CoarseTimesStayCoarse) {
  start_plain();
  settings_.session.coarse_times = true;
  connect();
  EXPECT_EQ(times_in("/")["a"], minute_of(recent_)) << "as the next listing will show it";
  EXPECT_EQ(times_in("/")["a"], minute_of(recent_));
  EXPECT_EQ(server_->count("MDTM"), 1);
}

TEST_F(ServerTime, IsNotAskedForWhereTheUserTellsIt) {
  start_plain();
  settings_.session.server.zone = ftp::ServerZone(3'600);
  connect();
  EXPECT_EQ(times_in("/")["a"], minute_of(recent_ + kEast - 3'600)) << "the user's word counts";
  EXPECT_EQ(server_->count("MDTM"), 0);
  EXPECT_THAT(remote_->description(), Not(HasSubstr("server time")));
}

TEST_F(ServerTime, IsUtcWithoutMdtm) {
  start_plain();
  server_->add_fault({.verb = "MDTM", .times = -1, .reply = "500 Unknown command."});
  connect();
  EXPECT_EQ(times_in("/")["a"], minute_of(recent_ + kEast));
  EXPECT_EQ(times_in("/")["a"], minute_of(recent_ + kEast));
  EXPECT_EQ(server_->count("MDTM"), 1);
  EXPECT_THAT(remote_->description(), Not(HasSubstr("server time")));
}

TEST_F(ServerTime, AQuestionThatBreaksConnectionsIsNotAskedForEver) {
  start_plain();
  server_->add_fault({.verb = "MDTM", .kind = Fault::Kind::reset, .times = -1});
  connect();
  EXPECT_EQ(times_in("/")["a"], minute_of(recent_ + kEast));
  EXPECT_EQ(times_in("/d")["b"], minute_of(recent_ - 3'600 + kEast));
  EXPECT_EQ(server_->count("MDTM"), 2);
}

TEST_F(ServerTime, NothingIsAskedWhereNoMinuteIsShown) {
  start_plain();
  tree().remove_file("/a");
  connect();
  EXPECT_EQ(times_in("/")["old"], (FileTime{1'599'955'200, TimeGrain::day}));
  EXPECT_EQ(server_->count("MDTM"), 0);
}

TEST_F(ServerTime, IsFoundByTheTimeThatTravelsWithAListing) {
  start_vsftpd();
  connect();
  auto times = times_in("/", "a");
  EXPECT_EQ(times["a"], (FileTime{recent_, TimeGrain::second}));
  EXPECT_EQ(times["d"], minute_of(recent_ - 7'200));
  EXPECT_EQ(server_->count("MDTM"), 1) << "no question of its own";
  const auto entry = remote_->stat(at("/d"), soon());
  ASSERT_TRUE(entry) << entry.error().text;
  EXPECT_EQ(entry->mtime, minute_of(recent_ - 7'200));
}

TEST_F(ServerTime, ListingsAheadShareOneQuestion) {
  start_vsftpd();
  tree().add_directory("/e");
  tree().add_file("/e/c", "3", recent_ - 60);
  connect();
  std::map<std::string, FileTime> times;
  remote_->list_ahead(
      [] {
        return std::vector{at("/d"), at("/e")};
      },
      false,
      [&times](std::size_t, const Result<Listing>& listing) {
        ASSERT_TRUE(listing) << listing.error().text;
        times[listing->entries.at(0).name] = *listing->entries[0].mtime;
      },
      soon());
  EXPECT_TRUE(may_be_equal(times["b"], {recent_ - 3'600, TimeGrain::second}));
  EXPECT_TRUE(may_be_equal(times["c"], {recent_ - 60, TimeGrain::second}));
  EXPECT_EQ(server_->count("MDTM"), 1);
}

TEST_F(ServerTime, IsFoundByMlsdBesideList) {
  start_as("220 ProFTPD Server", true);
  tree().add_link("/link", "a");
  tree().set_mtime("/link", recent_ - 600);
  connect();
  auto times = times_in("/");
  EXPECT_EQ(times["a"], (FileTime{recent_, TimeGrain::second}));
  EXPECT_EQ(times["link"], minute_of(recent_ - 600)) << "LIST alone shows what it is";
  EXPECT_EQ(server_->count("MDTM"), 0);
  EXPECT_THAT(remote_->description(), HasSubstr("server time UTC+02:00, found by MLSD"));
}

}  // namespace
}  // namespace ftpsfs::remote
