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

/// A file a week, as far back as listings show minutes.
class ServerTimeOfManyWeeks : public ServerTime {
 protected:
  static constexpr int kWeeks = 20;

  void start_with_weeks() {
    start_plain();
    for (int week = 1; week <= kWeeks; ++week) {
      tree().add_file("/week" + std::to_string(week), "x", recent_ - week * 8 * 24 * 3'600);
    }
  }
};

TEST_F(ServerTimeOfManyWeeks, AreAllAskedForBeforeTimesAreShown) {
  start_with_weeks();
  connect();
  times_in("/");
  EXPECT_EQ(server_->count("MDTM"), kWeeks + 1) << "a record at a time";
  times_in("/");
  EXPECT_EQ(server_->count("MDTM"), kWeeks + 1) << "nothing is shown otherwise any more";
}

TEST_F(ServerTimeOfManyWeeks, AreAskedForInPartWhereCommandsTravelSingly) {
  start_with_weeks();
  settings_.session.pipelining = false;
  connect();
  times_in("/");
  EXPECT_EQ(server_->count("MDTM"), 12) << "three rounds of four";
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

/// Where no verb tells exact times.
class ServerTimeByUpload : public ServerTime {
 protected:
  void SetUp() override { start_plain(); }
  void start_plain() {
    ServerTime::start_plain();
    server_->add_fault({.verb = "MDTM", .times = -1, .reply = "500 Unknown command."});
  }

  /// The tree's clock stands still in another year.
  void write_now(const std::string& path, const std::string& content, std::time_t late_by = 0) {
    const auto written = write(path, content);
    ASSERT_TRUE(written) << written.error().text;
    tree().set_mtime(path, std::time(nullptr) + late_by);
  }

  /// As a listing shows the file of yesterday.
  FileTime shown_time() { return times_in("/")["a"]; }
  FileTime true_time() const { return minute_of(recent_); }
  FileTime by_the_servers_clock() const { return minute_of(recent_ + kEast); }
};

TEST_F(ServerTimeByUpload, IsFoundByTheNextListing) {
  connect();
  EXPECT_EQ(shown_time(), by_the_servers_clock());
  write_now("/new", "fresh");
  const std::size_t before = server_->commands().size();
  EXPECT_EQ(shown_time(), true_time());
  EXPECT_THAT(remote_->description(), HasSubstr("server time UTC+02:00, found by an upload"));
  const auto commands = server_->commands();
  EXPECT_THAT(std::vector(commands.begin() + static_cast<std::ptrdiff_t>(before), commands.end()),
              ::testing::Not(::testing::Contains(::testing::AnyOf(::testing::StartsWith("MDTM"),
                                                                  ::testing::StartsWith("SIZE"),
                                                                  ::testing::StartsWith("MLST")))))
      << "nothing is asked for it";
}

TEST_F(ServerTimeByUpload, IsFoundUnderTheNameThatTheUploadIsGiven) {
  connect();
  write_now("/d/.part", "fresh");
  ASSERT_TRUE(remote_->rename(at("/d/.part"), at("/d/new"), soon()));
  tree().set_mtime("/d/new", std::time(nullptr));
  times_in("/d");
  EXPECT_EQ(shown_time(), true_time());
}

TEST_F(ServerTimeByUpload, IsFoundByListingsAhead) {
  server_ = nullptr;
  start_vsftpd();
  server_->add_fault({.verb = "MDTM", .times = -1, .reply = "500 Unknown command."});
  connect();
  write_now("/d/new", "fresh");
  remote_->list_ahead([] { return std::vector{at("/d")}; }, false,
                      [](std::size_t, const Result<Listing>& listing) { EXPECT_TRUE(listing); },
                      soon());
  EXPECT_THAT(remote_->description(), HasSubstr("found by an upload"));
}

TEST_F(ServerTimeByUpload, AnotherSizeIsAnotherFile) {
  connect();
  write_now("/new", "fresh");
  tree().add_file("/new", "of somebody else", std::time(nullptr));
  EXPECT_EQ(shown_time(), by_the_servers_clock());
}

TEST_F(ServerTimeByUpload, ATimeThatNoZoneExplainsIsAnotherFile) {
  connect();
  write_now("/new", "fresh", 7 * 60);
  EXPECT_EQ(shown_time(), by_the_servers_clock());
}

TEST_F(ServerTimeByUpload, ATimeThatWasSetTellsNothing) {
  connect();
  const auto set = upload("/along", "fresh", {recent_, std::nullopt});
  ASSERT_TRUE(set && set->mtime_set && *set->mtime_set);
  tree().set_mtime("/along", std::time(nullptr));
  EXPECT_EQ(shown_time(), by_the_servers_clock());
  write_now("/behind", "fresh");
  ASSERT_TRUE(remote_->set_mtime(at("/behind"), recent_, soon()));
  tree().set_mtime("/behind", std::time(nullptr));
  EXPECT_EQ(shown_time(), by_the_servers_clock());
}

TEST_F(ServerTimeByUpload, ATimeThatTheServerDoesNotSetIsThatOfTheUpload) {
  for (const char* verb : {"MFMT", "SITE"}) {
    server_->add_fault({.verb = verb, .times = -1, .reply = "500 Unknown command."});
  }
  connect();
  const auto set = upload("/new", "fresh", {recent_, std::nullopt});
  ASSERT_TRUE(set && set->mtime_set);
  expect_error(*set->mtime_set, Errc::unsupported);
  tree().set_mtime("/new", std::time(nullptr));
  EXPECT_EQ(shown_time(), true_time());
}

TEST_F(ServerTimeByUpload, TheBytesOfAnAppendAreNotTheFile) {
  connect();
  write_now("/new", "fresh");
  ASSERT_TRUE(write("/new", "er", WriteMode::append));
  tree().set_mtime("/new", std::time(nullptr));
  EXPECT_EQ(shown_time(), by_the_servers_clock());
}

TEST_F(ServerTimeByUpload, TheUsersWordCounts) {
  settings_.session.server.zone = ftp::ServerZone(3'600);
  connect();
  write_now("/new", "fresh");
  EXPECT_EQ(shown_time(), minute_of(recent_ + kEast - 3'600));
}

TEST_F(ServerTime, AnUploadTellsNothingWhereMdtmDoes) {
  start_plain();
  connect();
  ASSERT_TRUE(write("/d/new", "fresh"));
  tree().set_mtime("/d/new", std::time(nullptr));
  times_in("/d");
  EXPECT_THAT(remote_->description(), HasSubstr("found by MDTM"));
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
