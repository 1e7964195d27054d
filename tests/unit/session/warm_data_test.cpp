// SPDX-License-Identifier: MIT
//
// Transfers over a data connection that was made ahead of need, and the ways back when that fails.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "ftpsfs/session/upload.hpp"
#include "warm_data_fixture.hpp"

namespace ftpsfs::session {
namespace {

using test::ScriptedPeer;

class Habits : public WarmData, public ::testing::WithParamInterface<const char*> {};
class NextPortBehind : public Habits {};
class NothingBehind : public Habits {};

TEST_P(NextPortBehind, ADownloadIsOneRecord) {
  const std::string record = "SIZE /f\r\nMDTM /f\r\nREST 6\r\nRETR /f\r\nEPSV\r\n";
  begin(GetParam());
  control_.expect_bytes(record).send(
      "213 11\r\n213 20200913122640\r\n350 from there\r\n150 here\r\n");
  control_.run(begun_.opener()).send("226 done\r\n229 (|||1002|)\r\n").expect_end();
  serve(data_, begun_, "world");
  ScriptedPeer next;
  next.expect_end();
  transport_.add_data(&next);
  log_in();
  {
    auto download = Download::open(*session_, "/f", 6, soon());
    ASSERT_TRUE(download) << download.error().text;
    EXPECT_EQ((*download)->stamp().size, 11U);
    EXPECT_EQ((*download)->stamp().mtime, 1600000000);
    EXPECT_EQ(read_to_end(**download), "world");
  }
  EXPECT_EQ(transport_.records, std::vector<std::string>{record});
  EXPECT_EQ(counters_.warm_starts, 1U);
  EXPECT_EQ(counters_.fallbacks, 0U);
  // The next port is there for the asking.
  ASSERT_TRUE(session_->settle(soon()));
  EXPECT_EQ(transport_.dialled, (std::vector<int>{1001, 1002}));
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_P(NextPortBehind, AnUploadIsOneRecord) {
  begin(GetParam());
  const std::string record = "STOR /f\r\nSIZE /f\r\nMDTM /f\r\nEPSV\r\n";
  control_.expect_bytes(record).reply("150 send");
  data_.expect_bytes("hello").expect_end().close();
  control_.send("226 thanks\r\n213 5\r\n213 20200913122640\r\n229 (|||1002|)\r\n").expect_end();
  log_in();
  auto upload = Upload::open(*session_, "/f", false, soon(), *stamp_commands(*session_, "/f"));
  ASSERT_TRUE(upload) << upload.error().text;
  EXPECT_TRUE((*upload)->write(bytes("hello"), soon()));
  EXPECT_TRUE((*upload)->finish(soon()));
  ASSERT_TRUE((*upload)->answers());
  ASSERT_EQ((*upload)->answers()->size(), 2U);
  EXPECT_EQ((*upload)->answers()->front().text(), "213 5");
  EXPECT_EQ((*upload)->answers()->back().text(), "213 20200913122640");
  upload->reset();
  EXPECT_EQ(transport_.records, std::vector<std::string>{record});
  EXPECT_TRUE(session_->settle(soon()));
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

INSTANTIATE_TEST_SUITE_P(Servers, NextPortBehind,
                         ::testing::Values("220 (vsFTPd 3.0.3)", "220 ProFTPD Server ready.",
                                           "220 Welcome to Pure-FTPd"));

TEST_P(NothingBehind, ADownloadIsOneRecordWithoutTheNextPort) {
  const std::string record = "SIZE /f\r\nMDTM /f\r\nRETR /f\r\n";
  std::atomic<bool> greeted{false};
  begin(GetParam());
  control_.expect_bytes(record).run([&greeted] { greeted = true; });
  control_.send(kStamp).reply("150 here").run(begun_.opener()).reply("226 done").expect_end();
  serve(data_, begun_, "hello");
  transport_.on_handshake = [&greeted] { EXPECT_TRUE(greeted); };  // it waits for the 1xx
  log_in();
  EXPECT_EQ(fetch("/f"), "hello");
  EXPECT_EQ(transport_.records, std::vector<std::string>{record});
  EXPECT_EQ(counters_.warm_starts, 1U);
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

INSTANTIATE_TEST_SUITE_P(Servers, NothingBehind,
                         ::testing::Values("220 pyftpdlib 1.5.7 ready.", "220 ready"));

/// The ClientHello must be there before the 1xx: a round trip is saved.
TEST_F(WarmData, TheHandshakeDoesNotWaitForThe1xx) {
  Gate shaken;
  begin(kVsftpd);
  control_.expect_bytes(kRecord).send(kStamp).run(shaken.waiter()).reply("150 here");
  control_.run(begun_.opener()).send("226 done\r\n229 (|||1002|)\r\n").expect_end();
  serve(data_, begun_, "hello");
  transport_.on_handshake = shaken.opener();
  log_in();
  EXPECT_EQ(fetch("/f"), "hello");
  EXPECT_TRUE(session_->settle(soon()));
  finish();
}

TEST_F(WarmData, ManyTransfersFollowEachOtherWithOneRecordEach) {
  constexpr int kMany = 5;
  std::vector<std::unique_ptr<ScriptedPeer>> peers;
  std::vector<std::unique_ptr<Gate>> gates;
  begin(kVsftpd);
  for (int i = 0; i < kMany; ++i) {
    gates.push_back(std::make_unique<Gate>());
    control_.expect_bytes(kRecord).send(kStamp).reply("150 here").run(gates.back()->opener());
    control_.send("226 done\r\n229 (|||" + std::to_string(1002 + i) + "|)\r\n");
    if (i == 0) {
      serve(data_, *gates.back(), "hello");
      continue;
    }
    peers.push_back(std::make_unique<ScriptedPeer>());
    serve(*peers.back(), *gates.back(), "hello");
    transport_.add_data(peers.back().get());
  }
  control_.expect_end();
  log_in();
  for (int i = 0; i < kMany; ++i) {
    EXPECT_EQ(fetch("/f"), "hello") << i;
  }
  EXPECT_EQ(counters_.warm_starts, std::uint64_t{kMany});
  EXPECT_EQ(transport_.records, std::vector<std::string>(kMany, kRecord));
  EXPECT_TRUE(session_->settle(soon()));
  finish();
}

/// Together they are longer than 2,000 bytes.
TEST_F(WarmData, QuestionsThatDoNotFitGoOutFirst) {
  const std::string path = "/" + std::string(900, 'p');
  const std::string asked = "SIZE " + path + "\r\nMDTM " + path + "\r\n";
  begin(kVsftpd);
  control_.expect_bytes(asked).send(kStamp).expect_bytes("RETR " + path + "\r\nEPSV\r\n");
  control_.reply("150 here").run(begun_.opener()).send("226 done\r\n229 (|||1002|)\r\n");
  control_.expect_end();
  serve(data_, begun_, "hello");
  log_in();
  EXPECT_EQ(fetch(path), "hello");
  EXPECT_EQ(transport_.records, (std::vector<std::string>{asked, "RETR " + path + "\r\nEPSV\r\n"}));
  EXPECT_TRUE(session_->settle(soon()));
  finish();
}

TEST_F(WarmData, WithoutPipeliningEachCommandWaits) {
  settings_.pipelining = false;
  settings_.password = Secret();
  script_login(kVsftpd);
  control_.expect("EPSV").reply("229 (|||1001|)").expect("SIZE /f").reply("213 11");
  control_.expect("MDTM /f").reply("213 20200913122640").expect("REST 6").reply("350 there");
  control_.expect("RETR /f").reply("150 here").run(begun_.opener()).reply("226 done").expect_end();
  serve(data_, begun_, "world");
  log_in();
  session_->rest();
  EXPECT_EQ(fetch("/f", 6), "world");
  EXPECT_EQ(counters_.warm_starts, 1U);
  EXPECT_EQ(transport_.records.size(), 5U);
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

// ---- Listings ----

TEST_F(WarmData, AListingIsOneRecord) {
  begin(kVsftpd);
  control_.expect_bytes("CWD /d\r\nMLSD\r\nEPSV\r\n").send("250 there\r\n150 here\r\n");
  control_.run(begun_.opener()).send("226 done\r\n229 (|||1002|)\r\n").expect_end();
  serve(data_, begun_, "type=file; a\r\n");
  log_in();
  auto body = fetch_listing(*session_, "/d", "MLSD", soon());
  ASSERT_TRUE(body) << body.error().text;
  EXPECT_EQ(body->text, "type=file; a\r\n");
  EXPECT_EQ(body->verdict.code, 226);
  EXPECT_EQ(transport_.records, std::vector<std::string>{"CWD /d\r\nMLSD\r\nEPSV\r\n"});
  EXPECT_TRUE(session_->settle(soon()));
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

/// The server lists where it is: another directory.
TEST_F(WarmData, NothingIsListedWhenCwdIsRefused) {
  begin(kVsftpd);
  control_.expect_bytes("CWD /d\r\nMLSD\r\nEPSV\r\n").send("550 Failed.\r\n150 here\r\n");
  control_.send("426 cut\r\n229 (|||1002|)\r\n").expect("NOOP").reply("200 ok");
  control_.expect_end();
  data_.expect_end();
  log_in();
  auto body = fetch_listing(*session_, "/d", "MLSD", soon());
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, Errc::refused);
  EXPECT_EQ(body.error().reply_code, 550);
  EXPECT_TRUE(session_->probe(soon()));
  EXPECT_EQ(counters_.fallbacks, 0U);
  finish();
}

TEST_F(WarmData, ARefusedVerbLeavesTheSessionInStep) {
  begin(kVsftpd);
  control_.expect_bytes(kRecord).send("550 no\r\n550 no\r\n550 Failed to open file.\r\n");
  control_.reply("229 (|||1002|)").expect("NOOP").reply("200 ok").expect_end();
  data_.expect_end();
  log_in();
  auto download = Download::open(*session_, "/f", 0, soon());
  ASSERT_FALSE(download);
  EXPECT_EQ(download.error().code, Errc::refused);
  EXPECT_EQ(counters_.fallbacks, 0U);
  EXPECT_TRUE(session_->probe(soon()));
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_F(WarmData, ARefusedRestIsUnsupportedAndTheTransferIsCut) {
  begin(kVsftpd);
  control_.expect_bytes("SIZE /f\r\nMDTM /f\r\nREST 6\r\nRETR /f\r\nEPSV\r\n").send(kStamp);
  control_.send("502 no REST\r\n150 from the start\r\n426 cut\r\n229 (|||1002|)\r\n").expect_end();
  data_.expect_end();
  log_in();
  auto download = Download::open(*session_, "/f", 6, soon());
  ASSERT_FALSE(download);
  EXPECT_EQ(download.error().code, Errc::unsupported);
  EXPECT_FALSE(knowledge_.profile().rest);
  EXPECT_TRUE(session_->settle(soon()));
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

// ---- Cutting ----

TEST_F(WarmData, ACutTransferIsSettledByTheEpsvUnderWay) {
  Gate cut;
  begin(kVsftpd);
  control_.expect_bytes(kRecord).send("213 5000\r\n213 20200913122640\r\n150 here\r\n");
  control_.run(begun_.opener()).run(cut.waiter()).send("426 cut\r\n226 so be it\r\n");
  control_.send("229 (|||1002|)\r\n").expect("NOOP").reply("200 ok").expect_end();
  data_.run(begun_.waiter()).send("hello").expect_end().run(cut.opener());
  ScriptedPeer next;
  next.expect_end();
  transport_.add_data(&next);
  log_in();
  {
    auto download = Download::open(*session_, "/f", 0, soon());
    ASSERT_TRUE(download) << download.error().text;
    std::array<std::byte, 100> buffer;
    EXPECT_TRUE((*download)->read(buffer, soon()));
  }
  EXPECT_FALSE(session_->is_quiet());
  EXPECT_TRUE(session_->probe(soon()));
  EXPECT_TRUE(session_->is_quiet());
  // No second EPSV went out, and its port is the next one.
  EXPECT_EQ(transport_.records, (std::vector<std::string>{kRecord, "NOOP\r\n"}));
  EXPECT_EQ(transport_.dialled, (std::vector<int>{1001, 1002}));
  finish();
}

TEST_F(WarmData, ACutTransferIsSettledByAnEpsvOfItsOwnWhereNoneIsUnderWay) {
  Gate cut;
  begin("220 ready");
  control_.expect_bytes("SIZE /f\r\nMDTM /f\r\nRETR /f\r\n")
      .send("213 5000\r\n500 no\r\n150 x\r\n");
  control_.run(begun_.opener()).run(cut.waiter()).reply("426 cut").expect("EPSV");
  control_.reply("229 (|||1002|)").expect("NOOP").reply("200 ok").expect_end();
  data_.run(begun_.waiter()).send("hello").expect_end().run(cut.opener());
  log_in();
  {
    auto download = Download::open(*session_, "/f", 0, soon());
    ASSERT_TRUE(download) << download.error().text;
    std::array<std::byte, 100> buffer;
    EXPECT_TRUE((*download)->read(buffer, soon()));
  }
  EXPECT_TRUE(session_->probe(soon()));
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

// ---- Falling back ----

TEST_F(WarmData, AnEndedConnectionIsNotUsed) {
  begin(kVsftpd);
  control_.expect_bytes("SIZE /f\r\nMDTM /f\r\nEPSV\r\n").send(kStamp).reply("229 (|||1002|)");
  control_.expect_bytes("RETR /f\r\nEPSV\r\n").reply("150 here").run(begun_.opener());
  control_.send("226 done\r\n229 (|||1003|)\r\n").expect_end();
  data_.close();
  ScriptedPeer second;
  serve(second, begun_, "hello");
  transport_.add_data(&second);
  log_in();
  EXPECT_EQ(data_.finish(), "");
  EXPECT_EQ(fetch("/f"), "hello");
  EXPECT_EQ(counters_.warm_starts, 0U);
  EXPECT_TRUE(session_->settle(soon()));
  finish();
}

constexpr const char* kStranger = "220 ready";

/// ftp-srv sends its 150 when the handshake is done. That is found out, and not waited for again.
TEST_F(WarmData, A1xxThatAwaitsTheHandshakeIsAwaitedInVainOnlySomeTimes) {
  constexpr int kMany = 4;
  std::vector<std::unique_ptr<ScriptedPeer>> peers;
  std::vector<std::unique_ptr<Gate>> gates;
  std::vector<std::unique_ptr<Gate>> shakes;
  settings_.hello_patience = std::chrono::milliseconds(5);
  begin(kStranger);
  for (int i = 0; i < kMany; ++i) {
    gates.push_back(std::make_unique<Gate>());
    shakes.push_back(std::make_unique<Gate>());
    if (i == 0) {
      control_.expect_bytes("SIZE /f\r\nMDTM /f\r\nRETR /f\r\n").send(kStamp);
    } else {
      control_.expect_bytes("SIZE /f\r\nMDTM /f\r\nEPSV\r\n").send(kStamp);
      control_.reply("229 (|||1002|)").expect("RETR /f");
    }
    control_.run(shakes.back()->waiter()).reply("150 here");
    control_.run(gates.back()->opener()).reply("226 done");
    if (i == 0) {
      serve(data_, *gates.back(), "hello");
      continue;
    }
    peers.push_back(std::make_unique<ScriptedPeer>());
    serve(*peers.back(), *gates.back(), "hello");
    transport_.add_data(peers.back().get());
  }
  control_.expect_end();
  int handshakes = 0;
  transport_.on_handshake = [&] { shakes.at(static_cast<std::size_t>(handshakes++))->open(); };
  log_in();
  for (int i = 0; i < kMany; ++i) {
    EXPECT_EQ(knowledge_.allows(ServerKnowledge::Way::polite_hello), i < 3) << i;
    EXPECT_EQ(fetch("/f"), "hello") << i;
  }
  EXPECT_EQ(handshakes, kMany);
  finish();
}

/// Some forget a port after a while, and refuse the verb for it.
TEST_F(WarmData, AnOldPortOfAServerThatNobodyHasTriedIsNotUsed) {
  ScriptedPeer second;
  settings_.untried_port_age = Duration{0};
  begin(kStranger);
  control_.expect_bytes("SIZE /f\r\nMDTM /f\r\nEPSV\r\n").send(kStamp).reply("229 (|||1002|)");
  control_.expect("RETR /f").reply("150 here").run(begun_.opener()).reply("226 done").expect_end();
  data_.expect_end();
  serve(second, begun_, "hello");
  transport_.add_data(&second);
  log_in();
  EXPECT_EQ(fetch("/f"), "hello");
  EXPECT_EQ(counters_.warm_starts, 0U);
  finish();
}

Error reset_by_peer() {
  return make_error(Errc::closed, "connection reset by the server");
}

/// As pyftpdlib does with all that speaks before its 1xx.
TEST_F(WarmData, AResetIsTriedAgainWithTheHandshakeAfterThe1xx) {
  std::atomic<int> greetings{0};
  int handshakes = 0;
  begin(kVsftpd);
  control_.expect_bytes(kRecord).send(kStamp);
  control_.send("150 here\r\n426 reset\r\n229 (|||1002|)\r\n");
  control_.expect_bytes(kRecord).send(kStamp).run([&greetings] { greetings = 1; });
  control_.reply("150 here").run(begun_.opener());
  control_.send("226 done\r\n229 (|||1003|)\r\n").expect_end();
  data_.expect_end();
  ScriptedPeer second;
  serve(second, begun_, "hello");
  transport_.add_data(&second);
  transport_.handshake_errors = {reset_by_peer()};
  transport_.on_handshake = [&] { EXPECT_EQ(greetings, handshakes++); };
  log_in();
  EXPECT_TRUE(knowledge_.profile().early_data_handshake);
  EXPECT_EQ(fetch("/f"), "hello");
  EXPECT_EQ(handshakes, 2);
  EXPECT_FALSE(knowledge_.profile().early_data_handshake);
  EXPECT_EQ(counters_.fallbacks, 1U);
  EXPECT_EQ(counters_.warm_starts, 0U);
  EXPECT_TRUE(session_->settle(soon()));
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_F(WarmData, TwoResetsAreAFreshEpsv) {
  begin(kVsftpd);
  for (const char* port : {"229 (|||1002|)\r\n", "229 (|||1003|)\r\n"}) {
    control_.expect_bytes(kRecord).send(kStamp);
    control_.send("150 here\r\n426 reset\r\n" + std::string(port));
  }
  control_.expect_bytes("SIZE /f\r\nMDTM /f\r\nEPSV\r\n").send(kStamp).reply("229 (|||1004|)");
  control_.expect_bytes("RETR /f\r\nEPSV\r\n").reply("150 here").run(begun_.opener());
  control_.send("226 done\r\n229 (|||1005|)\r\n").expect_end();
  std::array<ScriptedPeer, 3> more;
  data_.expect_end();
  more[0].expect_end();
  more[1].expect_end();
  serve(more[2], begun_, "hello");
  for (ScriptedPeer& peer : more) {
    transport_.add_data(&peer);
  }
  transport_.handshake_errors = {reset_by_peer(), reset_by_peer()};
  log_in();
  EXPECT_EQ(fetch("/f"), "hello");
  // The haste was not the cause.
  EXPECT_TRUE(knowledge_.profile().early_data_handshake);
  EXPECT_EQ(counters_.fallbacks, 2U);
  EXPECT_TRUE(session_->settle(soon()));
  EXPECT_EQ(transport_.dialled, (std::vector<int>{1001, 1002, 1003, 1004, 1005}));
  finish();
}

/// Behind a listing no port is under way: a fresh one, and the handshake after the 1xx too.
TEST_F(WarmData, AListingThatIsResetIsTriedAgainWithTheHandshakeAfterThe1xx) {
  begin(kVsftpd);
  control_.expect_bytes("CWD /d\r\nMLSD\r\nEPSV\r\n").send("250 there\r\n150 here\r\n");
  control_.send("426 reset\r\n229 (|||1002|)\r\n");
  control_.expect_bytes("CWD /d\r\nMLSD\r\nEPSV\r\n").send("250 there\r\n150 here\r\n");
  control_.run(begun_.opener()).send("226 done\r\n229 (|||1003|)\r\n").expect_end();
  data_.expect_end();
  ScriptedPeer second;
  serve(second, begun_, "type=file; a\r\n");
  transport_.add_data(&second);
  transport_.handshake_errors = {reset_by_peer()};
  log_in();
  auto body = fetch_listing(*session_, "/d", "MLSD", soon());
  ASSERT_TRUE(body) << body.error().text;
  EXPECT_EQ(body->text, "type=file; a\r\n");
  EXPECT_FALSE(knowledge_.profile().early_data_handshake);
  EXPECT_EQ(counters_.fallbacks, 1U);
  EXPECT_TRUE(session_->settle(soon()));
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_F(WarmData, ASessionThatDiesWithTheDataConnectionIsAWarmFailure) {
  knowledge_.note(ServerKnowledge::Way::warm_start, false);
  knowledge_.note(ServerKnowledge::Way::warm_start, false);
  begin(kVsftpd);
  control_.expect_bytes(kRecord).close();
  data_.expect_end();
  transport_.handshake_errors = {reset_by_peer()};
  log_in();
  auto download = Download::open(*session_, "/f", 0, soon());
  ASSERT_FALSE(download);
  EXPECT_EQ(download.error().fate, SessionFate::broken);
  EXPECT_FALSE(knowledge_.allows(ServerKnowledge::Way::warm_start));  // the third in a row
  finish();
}

/// What the server refuses for reasons of its own is no failure of the connection.
TEST_F(WarmData, ARefusalBehindAResetIsTheServersAnswer) {
  begin(kVsftpd);
  control_.expect_bytes(kRecord).send("550 no\r\n550 no\r\n550 No such file\r\n229 (|||1002|)\r\n");
  control_.expect_end();
  data_.expect_end();
  transport_.handshake_errors = {reset_by_peer()};
  log_in();
  auto download = Download::open(*session_, "/f", 0, soon());
  ASSERT_FALSE(download);
  EXPECT_EQ(download.error().reply_code, 550);
  EXPECT_EQ(counters_.fallbacks, 0U);
  EXPECT_TRUE(session_->settle(soon()));
  finish();
}

}  // namespace
}  // namespace ftpsfs::session
