// SPDX-License-Identifier: MIT
//
// What follows an upload's 226: size, time and mode in one flight, the other ways where the server
// lacks the first one, and links that die meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "remote_fixture.hpp"

namespace ftpsfs::remote {
namespace {

using test::Fault;
using ::testing::ElementsAre;

constexpr std::int64_t kThen = 1'000'000'007;  // 2001-09-09 01:46:47 UTC
const UploadTail kTail{kThen, 0640};

class Tail : public RemoteFixture {
 protected:
  /// @param flights takes how many the end of the upload cost.
  Result<FinishedUpload> upload_counting(const std::string& path, const UploadTail& tail,
                                         std::uint64_t& flights, const UploadTail& likely = {}) {
    FTPSFS_TRY_ASSIGN(const auto writer,
                      remote_->open_writer(at(path), WriteMode::replace, {}, soon(), likely));
    FTPSFS_TRY(writer->write(std::as_bytes(std::span("content", 7)), soon()));
    const std::uint64_t before = remote_->counters().flights;
    auto end = writer->finish(tail, soon());
    flights = remote_->counters().flights - before;
    return end;
  }

  /// What came behind the last STOR, but for ports asked ahead. Size and time are asked along with
  /// it.
  std::vector<std::string> tail_commands() const {
    std::vector<std::string> commands = server_->commands();
    const auto is_stor = [](const std::string& line) { return line.starts_with("STOR"); };
    commands.erase(commands.begin(),
                   std::find_if(commands.rbegin(), commands.rend(), is_stor).base());
    std::erase(commands, "EPSV");
    return commands;
  }

  void expect_set(const std::string& path, const Result<FinishedUpload>& end) {
    ASSERT_TRUE(end) << end.error().text;
    ASSERT_TRUE(end->mtime_set && end->mode_set);
    EXPECT_TRUE(*end->mtime_set) << end->mtime_set->error().text;
    EXPECT_TRUE(*end->mode_set) << end->mode_set->error().text;
    EXPECT_EQ(end->version.size, 7U);
    EXPECT_EQ(end->version.mtime, (FileTime{kThen, TimeGrain::second}));
    expect_there(path);
  }

  void expect_there(const std::string& path) {
    const auto file = tree().find(path);
    ASSERT_TRUE(file);
    EXPECT_EQ(file->node.mtime, kThen);
    EXPECT_EQ(file->node.mode, 0640U);
    EXPECT_EQ(tree().content(path), "content");
  }
};

TEST_F(Tail, TravelsInOneFlight) {
  begin();
  std::uint64_t flights = 0;
  expect_set("/two words", upload_counting("/two words", kTail, flights));
  EXPECT_EQ(flights, 1U);
  EXPECT_THAT(tail_commands(),
              ElementsAre("SIZE /two words", "MDTM /two words", "MFMT 20010909014647 /two words",
                          "SIZE /two words", "MDTM /two words", "SITE CHMOD 640 /two words"));
}

TEST_F(Tail, TravelsInFrontOfTheBytesWhereItIsForeseen) {
  begin();
  std::uint64_t flights = 0;
  expect_set("/two words", upload_counting("/two words", kTail, flights, kTail));
  EXPECT_EQ(flights, 0U);
  EXPECT_THAT(tail_commands(), ElementsAre("MFMT 20010909014647 /two words", "SIZE /two words",
                                           "MDTM /two words", "SITE CHMOD 640 /two words"));
}

TEST_F(Tail, WhatIsWantedInTheEndCounts) {
  begin();
  std::uint64_t flights = 0;
  expect_set("/f", upload_counting("/f", kTail, flights, {kThen + 5, 0600}));
  EXPECT_EQ(flights, 1U);
  const auto none = upload_counting("/g", {}, flights, kTail);
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->mtime_set);
  EXPECT_FALSE(none->mode_set);
}

/// In front of the bytes a refusal may be due to the place.
TEST_F(Tail, WhatIsRefusedInFrontIsSentAgainBehind) {
  begin();
  for (const char* verb : {"MFMT", "SIZE", "SITE"}) {
    server_->add_fault({.verb = verb, .kind = Fault::Kind::refuse, .reply = "500 ?"});
    std::uint64_t flights = 0;
    expect_set("/f", upload_counting("/f", kTail, flights, kTail));
    EXPECT_EQ(flights, 1U) << verb;
  }
  std::uint64_t flights = 0;
  expect_set("/f", upload_counting("/f", kTail, flights, kTail));
  EXPECT_EQ(flights, 0U) << "all of them are known";
}

TEST_F(Tail, AnUploadWithoutOneIsOverWithItsVerdict) {
  begin();
  std::uint64_t flights = 0;
  const auto end = upload_counting("/f", {}, flights);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->mtime_set);
  EXPECT_FALSE(end->mode_set);
  EXPECT_EQ(end->version.size, 7U);
  EXPECT_EQ(end->version.mtime->unix_seconds, tree().find("/f")->node.mtime);
  EXPECT_EQ(flights, 0U);
  EXPECT_THAT(tail_commands(), ElementsAre("SIZE /f", "MDTM /f"));
}

TEST_F(Tail, WhereNothingMayStandBehindATransferSizeAndTimeAreAskedThen) {
  begin({.banner = "220 ready"});
  std::uint64_t flights = 0;
  const auto end = upload_counting("/f", {}, flights);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->version.size, 7U);
  EXPECT_EQ(flights, 1U);
  EXPECT_THAT(tail_commands(), ElementsAre("SIZE /f", "MDTM /f"));
}

/// Whatever a server says to a question that came too early: it knows the command.
TEST_F(Tail, AQuestionRefusedBehindTheTransferIsAskedAgain) {
  begin();
  for (const char* refusal : {"450 A transfer is running.", "500 ?", "550 No."}) {
    server_->add_fault({.verb = "SIZE", .kind = Fault::Kind::refuse, .reply = refusal});
    std::uint64_t flights = 0;
    const auto end = upload_counting("/f", {}, flights);
    ASSERT_TRUE(end) << end.error().text;
    EXPECT_EQ(end->version.size, 7U) << refusal;
    EXPECT_EQ(flights, 1U) << refusal;
  }
  std::uint64_t flights = 0;
  EXPECT_TRUE(upload_counting("/f", {}, flights));
  EXPECT_EQ(flights, 0U);
}

/// The answers to what was asked along with a refused STOR are nobody's.
TEST_F(Tail, ARefusedUploadLeavesTheDialogueInStep) {
  begin();
  tree().add_file("/there", "1234");
  for (const char* refusal : {"550 No.", "553 No.", "452 No."}) {
    server_->add_fault({.verb = "STOR", .kind = Fault::Kind::refuse, .reply = refusal});
    EXPECT_FALSE(upload("/f", "content", {}));
    const auto there = remote_->stat(at("/there"), soon());
    ASSERT_TRUE(there) << there.error().text;
    EXPECT_EQ(there->size, 4U);
  }
  EXPECT_EQ(server_->count("USER"), 1);
}

/// Neither are those to what was asked along with one that was cut.
TEST_F(Tail, ACutUploadLeavesTheDialogueInStep) {
  begin();
  settings_.max_conns = 1;
  connect();
  tree().add_file("/there", "1234");
  {
    const auto writer = remote_->open_writer(at("/f"), WriteMode::replace, {}, soon());
    ASSERT_TRUE(writer) << writer.error().text;
    ASSERT_TRUE((*writer)->write(std::as_bytes(std::span("content", 7)), soon()));
  }
  for (int i = 0; i < 3; ++i) {
    const auto there = remote_->stat(at("/there"), soon());
    ASSERT_TRUE(there) << there.error().text;
    EXPECT_EQ(there->size, 4U);
  }
  const auto end = upload("/f", "content", {});
  ASSERT_TRUE(end) << end.error().text;
  EXPECT_EQ(end->version.size, 7U);
}

TEST_F(Tail, TheNextWayIsTriedAndRemembered) {
  begin({.banner = "220 Welcome to Pure-FTPd"});
  server_->add_fault({.verb = "MFMT", .kind = Fault::Kind::refuse, .times = -1, .reply = "500 ?"});
  std::uint64_t flights = 0;
  expect_set("/a", upload_counting("/a", kTail, flights));
  EXPECT_EQ(flights, 2U);
  EXPECT_THAT(tail_commands(), ElementsAre("SIZE /a", "MDTM /a", "MFMT 20010909014647 /a",
                                           "SIZE /a", "MDTM /a", "SITE CHMOD 640 /a",
                                           "SITE UTIME 20010909014647 /a", "SIZE /a", "MDTM /a"));
  expect_set("/b", upload_counting("/b", kTail, flights));
  EXPECT_EQ(flights, 1U);
  EXPECT_EQ(server_->count("MFMT"), 1);
}

TEST_F(Tail, WhatTheServerCannotSetIsToldApart) {
  begin({.mfmt = false});
  std::uint64_t flights = 0;
  const auto end = upload_counting("/f", kTail, flights);
  ASSERT_TRUE(end) << end.error().text;
  expect_error(*end->mtime_set, Errc::unsupported);
  EXPECT_TRUE(*end->mode_set);
  EXPECT_EQ(end->version.size, 7U);
  EXPECT_EQ(end->version.mtime->unix_seconds, tree().find("/f")->node.mtime);
  EXPECT_EQ(flights, 1U);
}

TEST_F(Tail, ARefusalIsNoFailureOfTheUpload) {
  begin();
  server_->add_fault({.verb = "SITE", .kind = Fault::Kind::refuse, .reply = "550 No."});
  auto end = upload("/f", "content", kTail);
  ASSERT_TRUE(end) << end.error().text;
  EXPECT_TRUE(*end->mtime_set);
  expect_error(*end->mode_set, Errc::not_permitted);
  server_->add_fault({.verb = "MFMT", .kind = Fault::Kind::refuse, .reply = "550 No."});
  end = upload("/g", "content", kTail);
  ASSERT_TRUE(end) << end.error().text;
  expect_error(*end->mtime_set, Errc::not_permitted);
  EXPECT_TRUE(*end->mode_set);
}

TEST_F(Tail, WhatIsKnownIsToldWhenTheLinkDiesForGood) {
  begin({.banner = "220 Welcome to Pure-FTPd"});
  server_->add_fault({.verb = "MFMT", .kind = Fault::Kind::refuse, .reply = "500 ?"});
  server_->add_fault({.verb = "SITE", .kind = Fault::Kind::reset, .times = -1});
  UploadTail tail;
  tail.mtime = kThen;
  const auto end = upload("/f", "content", tail);
  ASSERT_TRUE(end) << end.error().text;
  EXPECT_EQ(end->version.size, 7U);
  ASSERT_FALSE(*end->mtime_set);
  EXPECT_TRUE(is_link_failure(end->mtime_set->error().code));
  EXPECT_EQ(server_->count("STOR"), 1);
}

/// The link dies between the 226 and the end of the tail.
class DyingTail : public Tail,
                  public ::testing::WithParamInterface<std::tuple<const char*, Fault::Kind>> {};

TEST_P(DyingTail, IsSetOnAnotherSession) {
  begin();
  const auto [verb, kind] = GetParam();
  server_->add_fault({.verb = verb, .kind = kind});
  expect_set("/f", upload("/f", "content", kTail));
  EXPECT_EQ(server_->count("STOR"), 1);
  EXPECT_EQ(server_->count(verb), 2);
}

INSTANTIATE_TEST_SUITE_P(Verbs, DyingTail,
                         ::testing::Combine(::testing::Values("MFMT", "SIZE", "MDTM", "SITE"),
                                            ::testing::Values(Fault::Kind::reset,
                                                              Fault::Kind::drop_reply)),
                         [](const auto& tested) {
                           const bool reset = std::get<1>(tested.param) == Fault::Kind::reset;
                           return std::string(std::get<0>(tested.param)) +
                                  (reset ? "Reset" : "DroppedReply");
                         });

/// ProFTPD as it comes has AllowStoreRestart off.
TEST_F(Tail, WhetherTheServerAppendsIsSeen) {
  begin();
  tree().add_file("/log", "old");
  EXPECT_TRUE(remote_->traits().appends);
  EXPECT_FALSE(remote_->traits().appends_surely);
  server_->add_fault({.verb = "APPE",
                      .kind = Fault::Kind::refuse,
                      .reply = "451 /log: Append/Restart not permitted, try again"});
  EXPECT_FALSE(remote_->open_writer(at("/log"), WriteMode::append, {}, soon()));
  EXPECT_FALSE(remote_->traits().appends);

  begin();
  tree().add_file("/log", "old");
  ASSERT_TRUE(remote_->open_writer(at("/log"), WriteMode::append, {}, soon()));
  EXPECT_TRUE(remote_->traits().appends_surely);

  // What is permitted in one directory need not be so in another.
  server_->add_fault({.verb = "APPE",
                      .kind = Fault::Kind::refuse,
                      .reply = "451 /log: Append/Restart not permitted, try again"});
  EXPECT_FALSE(remote_->open_writer(at("/log"), WriteMode::append, {}, soon()));
  EXPECT_FALSE(remote_->traits().appends);
}

}  // namespace
}  // namespace ftpsfs::remote
