// SPDX-License-Identifier: MIT
//
// Data connections, downloads, listings and uploads of one session, against scripted peers.
#include <gtest/gtest.h>

#include <array>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "ftpsfs/session/download.hpp"
#include "ftpsfs/session/session.hpp"
#include "ftpsfs/session/upload.hpp"
#include "scripted_transport.hpp"

namespace ftpsfs::session {
namespace {

using test::ScriptedPeer;

Wait soon() {
  return Wait::for_at_most(std::chrono::seconds(10));
}

/// A session without TLS on its data connections, logged in to a server of no known kind.
class Transfer : public ::testing::Test {
 protected:
  Transfer() {
    settings_.username = "joe";
    settings_.protection = Protection::clear_data;
    control_.reply("220 ready").expect("AUTH TLS").reply("234 go");
    control_.expect("USER joe").reply("230 in");
    control_.expect_bytes("PBSZ 0\r\nPROT C\r\nTYPE I\r\nOPTS UTF8 ON\r\nFEAT\r\nSYST\r\nPWD\r\n");
    control_.send("200 a\r\n200 b\r\n200 c\r\n500 d\r\n500 e\r\n500 f\r\n257 \"/\"\r\n");
  }

  /// @pre the scripts are complete.
  void log_in() {
    auto opened = Session::open(settings_, transport_, knowledge_, counters_, soon());
    ASSERT_TRUE(opened) << opened.error().text;
    session_ = *std::move(opened);
  }

  void finish() {
    session_.reset();
    EXPECT_EQ(control_.finish(), "");
  }

  static std::string read_to_end(Download& download) {
    std::string all;
    std::array<std::byte, 7> buffer;
    for (;;) {
      auto got = download.read(buffer, soon());
      if (!got) {
        return "error: " + got.error().text;
      }
      if (*got == 0) {
        return all;
      }
      all.append(reinterpret_cast<const char*>(buffer.data()), *got);
    }
  }

  static std::span<const std::byte> bytes(const std::string& text) {
    return std::as_bytes(std::span(text));
  }

  SessionSettings settings_;
  ScriptedPeer control_;
  ScriptedPeer data_;
  ScriptedTransport transport_{control_};
  ServerKnowledge knowledge_;
  TrafficCounters counters_;
  std::unique_ptr<Session> session_;
};

constexpr const char* kAsk = "SIZE /f\r\nMDTM /f\r\nEPSV\r\n";

TEST_F(Transfer, ADownloadEndsWithTheVerdict) {
  control_.expect_bytes(kAsk).send("213 11\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect("RETR /f").reply("150 coming");
  data_.send("hello world").close();
  control_.reply("226 done").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 0, soon());
  ASSERT_TRUE(download) << download.error().text;
  EXPECT_EQ((*download)->stamp().size, 11U);
  EXPECT_EQ((*download)->stamp().mtime, 1600000000);
  EXPECT_EQ(read_to_end(**download), "hello world");
  EXPECT_EQ(transport_.dialled, std::vector<int>{4711});
  EXPECT_TRUE(session_->is_quiet());
  EXPECT_EQ(counters_.bytes_read, 11U);
  download->reset();
  finish();
}

TEST_F(Transfer, ARestartGoesOutInOneWriteWithRetr) {
  control_.expect_bytes(kAsk).send("213 11\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect_bytes("REST 6\r\nRETR /f\r\n").send("350 from there\r\n125 coming\r\n");
  data_.send("world").close();
  control_.reply("250 done").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 6, soon());
  ASSERT_TRUE(download) << download.error().text;
  EXPECT_EQ(read_to_end(**download), "world");
  download->reset();
  finish();
}

TEST_F(Transfer, AnOffsetBehindTheEndNeedsNoTransfer) {
  control_.expect_bytes(kAsk).send("213 11\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect_end();
  log_in();
  auto download = Download::open(*session_, "/f", 11, soon());
  ASSERT_TRUE(download);
  EXPECT_EQ(read_to_end(**download), "");
  EXPECT_TRUE(transport_.dialled.empty());
  download->reset();
  finish();
}

TEST_F(Transfer, ARefusedRestIsUnsupportedAndTheTransferIsCut) {
  control_.expect_bytes(kAsk).send("213 11\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect_bytes("REST 6\r\nRETR /f\r\n").send("502 no REST\r\n150 from the start\r\n");
  control_.expect("EPSV").send("426 cut\r\n229 (|||1|)\r\n").expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 6, soon());
  ASSERT_FALSE(download);
  EXPECT_EQ(download.error().code, Errc::unsupported);
  EXPECT_FALSE(knowledge_.profile().rest);
  EXPECT_FALSE(session_->is_quiet());
  EXPECT_TRUE(session_->settle(soon()));
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_F(Transfer, ARefusedRetrLeavesTheSessionInStep) {
  control_.expect_bytes(kAsk).send("550 no\r\n550 no\r\n229 (|||4711|)\r\n");
  control_.expect("RETR /f").reply("550 Failed to open file.").expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 0, soon());
  ASSERT_FALSE(download);
  EXPECT_EQ(download.error().code, Errc::refused);
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_F(Transfer, DataShorterThanTheSizeIsTruncated) {
  control_.expect_bytes(kAsk).send("213 11\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect("RETR /f").reply("150 coming");
  data_.send("hello").close();
  control_.reply("226 done, believe me").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 0, soon());
  ASSERT_TRUE(download);
  std::array<std::byte, 100> buffer;
  EXPECT_TRUE((*download)->read(buffer, soon()));
  auto end = (*download)->read(buffer, soon());
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::truncated);
  EXPECT_EQ((*download)->read(buffer, soon()).error().code, Errc::truncated);  // sticky
  download->reset();
  finish();
}

TEST_F(Transfer, ANegativeVerdictIsAnErrorHoweverMuchCame) {
  control_.expect_bytes(kAsk).send("213 5\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect("RETR /f").reply("150 coming");
  data_.send("hello").close();
  control_.reply("451 read error").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 0, soon());
  ASSERT_TRUE(download);
  EXPECT_EQ(read_to_end(**download).rfind("error:", 0), 0U);
  download->reset();
  finish();
}

TEST_F(Transfer, AResetOfTheDataIsExplainedByTheServersWords) {
  control_.expect_bytes(kAsk).send("213 5000\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect("RETR /f").reply("150 coming");
  data_.send("hello").reset();
  control_.reply("426 the disk caught fire").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 0, soon());
  ASSERT_TRUE(download);
  const std::string end = read_to_end(**download);
  EXPECT_NE(end.find("the disk caught fire"), std::string::npos) << end;
  EXPECT_TRUE(session_->is_quiet());
  download->reset();
  finish();
}

TEST_F(Transfer, DestroyingADownloadCutsItAndSettles) {
  control_.expect_bytes(kAsk).send("213 5000\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect("RETR /f").reply("150 coming");
  data_.send("hello").expect_end();
  control_.expect("EPSV").send("426 cut\r\n229 (|||4712|)\r\n").expect("NOOP").reply("200 ok");
  control_.expect_end();
  transport_.add_data(&data_);
  log_in();
  {
    auto download = Download::open(*session_, "/f", 0, soon());
    ASSERT_TRUE(download);
    std::array<std::byte, 100> buffer;
    EXPECT_TRUE((*download)->read(buffer, soon()));
  }
  // Any next command settles first.
  EXPECT_TRUE(session_->probe(soon()));
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_F(Transfer, ARefusedEpsvIsPasvFromThenOn) {
  control_.expect_bytes(kAsk).send("213 5\r\n213 20200913122640\r\n500 EPSV?\r\n");
  control_.expect("PASV").reply("227 Entering (192,0,2,1,18,103)");
  control_.expect("RETR /f").reply("150 coming");
  data_.send("hello").close();
  control_.reply("226 done").expect("PASV").reply("227 (192,0,2,1,18,104)").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 0, soon());
  ASSERT_TRUE(download) << download.error().text;
  EXPECT_EQ(read_to_end(**download), "hello");
  EXPECT_EQ(transport_.dialled, std::vector<int>{4711});
  EXPECT_EQ(session_->request_port({}, soon())->port, 4712);
  download->reset();
  finish();
}

TEST_F(Transfer, APortThatCannotBeReachedIsTriedByPasv) {
  control_.expect("EPSV").reply("229 (|||4711|)").expect("PASV").reply("227 (10,0,0,1,18,104)");
  control_.expect_end();
  transport_.add_data(nullptr);
  transport_.add_data(&data_);
  data_.expect_end();
  log_in();
  auto port = session_->request_port({}, soon());
  ASSERT_TRUE(port);
  EXPECT_TRUE(session_->dial_data(*port, soon()));
  EXPECT_EQ(transport_.dialled, (std::vector<int>{4711, 4712}));
  EXPECT_FALSE(knowledge_.profile().epsv);
  finish();
}

TEST_F(Transfer, AListingIsReadWhole) {
  control_.expect_bytes("CWD /d\r\nEPSV\r\n").send("250 there\r\n229 (|||4711|)\r\n");
  control_.expect("LIST -a").reply("150 coming");
  data_.send(std::string(200'000, 'x')).close();
  control_.reply("226 done").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto body = fetch_listing(*session_, "/d", "LIST -a", soon());
  ASSERT_TRUE(body) << body.error().text;
  EXPECT_EQ(body->text.size(), 200'000U);
  EXPECT_EQ(body->verdict.code, 226);
  finish();
}

TEST_F(Transfer, ARefusedCwdIsNeverAListing) {
  control_.expect_bytes("CWD /d\r\nEPSV\r\n").send("550 Failed.\r\n229 (|||4711|)\r\n");
  control_.expect_end();
  log_in();
  auto body = fetch_listing(*session_, "/d", "LIST", soon());
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, Errc::refused);
  EXPECT_TRUE(transport_.dialled.empty());
  finish();
}

TEST_F(Transfer, ACutListingIsAnError) {
  control_.expect_bytes("CWD /d\r\nEPSV\r\n").send("250 there\r\n229 (|||4711|)\r\n");
  control_.expect("MLSD").reply("150 coming");
  data_.send("type=file; a\r\n").reset();
  control_.reply("426 cut").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto body = fetch_listing(*session_, "/d", "MLSD", soon());
  ASSERT_FALSE(body);
  EXPECT_TRUE(is_link_failure(body.error().code)) << to_string(body.error().code);
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_F(Transfer, AnUploadAwaitsTheServersEndAndTheVerdict) {
  control_.expect("EPSV").reply("229 (|||4711|)").expect("STOR /f").reply("150 send");
  data_.expect_bytes("hello world").expect_end().close();
  control_.reply("226 thanks").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto upload = Upload::open(*session_, "/f", false, soon());
  ASSERT_TRUE(upload) << upload.error().text;
  EXPECT_TRUE((*upload)->write(bytes("hello "), soon()));
  EXPECT_TRUE((*upload)->write(bytes("world"), soon()));
  EXPECT_TRUE((*upload)->finish(soon()));
  EXPECT_TRUE(session_->is_quiet());
  upload->reset();
  finish();
}

TEST_F(Transfer, AnUploadThatTheServerRejectsAtTheEnd) {
  control_.expect("EPSV").reply("229 (|||4711|)").expect("APPE /f").reply("150 send");
  data_.expect_bytes("hello").expect_end().close();
  control_.reply("552 Quota exceeded").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto upload = Upload::open(*session_, "/f", true, soon());
  ASSERT_TRUE(upload);
  EXPECT_TRUE((*upload)->write(bytes("hello"), soon()));
  auto finished = (*upload)->finish(soon());
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, Errc::quota_exceeded);
  EXPECT_FALSE((*upload)->write(bytes("more"), soon()));  // sticky
  upload->reset();
  finish();
}

TEST_F(Transfer, AFullDiskIsToldWhileWriting) {
  control_.expect("EPSV").reply("229 (|||4711|)").expect("STOR /f").reply("150 send");
  data_.expect_bytes(std::string(1000, 'x')).reset();
  control_.reply("452 No space left on device").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto upload = Upload::open(*session_, "/f", false, soon());
  ASSERT_TRUE(upload);
  Result<void> written;
  const std::string piece(1000, 'x');
  while (written) {
    written = (*upload)->write(bytes(piece), soon());
  }
  EXPECT_EQ(written.error().code, Errc::no_space);
  EXPECT_TRUE(session_->is_quiet());
  upload->reset();
  finish();
}

TEST_F(Transfer, ALostVerdictBreaksTheSession) {
  control_.expect("EPSV").reply("229 (|||4711|)").expect("STOR /f").reply("150 send");
  data_.expect_bytes("hello").expect_end().close();
  control_.close();
  transport_.add_data(&data_);
  log_in();
  auto upload = Upload::open(*session_, "/f", false, soon());
  ASSERT_TRUE(upload);
  EXPECT_TRUE((*upload)->write(bytes("hello"), soon()));
  auto finished = (*upload)->finish(soon());
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, Errc::closed);
  EXPECT_EQ(finished.error().fate, SessionFate::broken);
  upload->reset();
  finish();
}

TEST_F(Transfer, AStalledReadTimesOutAndMayBeCalledAgain) {
  std::promise<void> gate;
  control_.expect_bytes(kAsk).send("213 5\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect("RETR /f").reply("150 coming");
  data_.run([&gate] { gate.get_future().wait(); }).send("hello").close();
  control_.reply("226 done").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 0, soon());
  ASSERT_TRUE(download);
  std::array<std::byte, 100> buffer;
  auto got = (*download)->read(buffer, Wait::for_at_most(std::chrono::milliseconds(20)));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::timed_out);
  gate.set_value();
  EXPECT_EQ(read_to_end(**download), "hello");
  download->reset();
  finish();
}

TEST_F(Transfer, AFailedHandshakeIsExplainedByTheServersWords) {
  settings_.protection = Protection::private_data;
  ScriptedPeer control;
  ScriptedTransport transport(control);
  control.reply("220 ready").expect("AUTH TLS").reply("234 go").expect("USER joe").reply("230 in");
  control.expect_bytes("PBSZ 0\r\nPROT P\r\nTYPE I\r\nOPTS UTF8 ON\r\nFEAT\r\nSYST\r\nPWD\r\n");
  control.send("200 a\r\n200 b\r\n200 c\r\n500 d\r\n500 e\r\n500 f\r\n257 \"/\"\r\n");
  control.expect("EPSV").reply("229 (|||4711|)").expect("STOR /f").reply("150 send");
  control.reply("522 SSL connection failed: session reuse required").close();
  data_.expect_end();
  transport.add_data(&data_);
  transport.handshake_errors = {make_error(Errc::tls_failed, "handshake failed")};
  auto session = Session::open(settings_, transport, knowledge_, counters_, soon());
  ASSERT_TRUE(session);
  auto upload = Upload::open(**session, "/f", false, soon());
  ASSERT_FALSE(upload);
  EXPECT_EQ(upload.error().code, Errc::tls_failed);
  EXPECT_NE(upload.error().text.find("session reuse required"), std::string::npos);
  EXPECT_EQ(control.finish(), "");
}

}  // namespace
}  // namespace ftpsfs::session
