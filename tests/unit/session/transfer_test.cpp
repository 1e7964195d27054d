// SPDX-License-Identifier: MIT
//
// Downloads, listings and uploads of one session that has no data connection yet, against scripted
// peers. See warm_data_test.cpp for those that have.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "ftpsfs/session/upload.hpp"
#include "session_fixture.hpp"

namespace ftpsfs::session {
namespace {

using test::ScriptedPeer;

/// Clear data connections, and a server of no known kind. Without a password the login asks for no
/// port, so that the first transfer does.
class Transfer : public SessionFixture {
 protected:
  Transfer() {
    settings_.protection = Protection::clear_data;
    script_login("220 ready");
  }
};

constexpr const char* kAsk = "SIZE /f\r\nMDTM /f\r\nEPSV\r\n";

/// Servers that insist on resumption refuse the data connections of an expired TLS session.
TEST(Retirement, ComesBeforeTheTlsSessionExpires) {
  const SteadyTime now = SteadyClock::now();
  EXPECT_EQ(retirement(now + std::chrono::seconds(100), now), now + std::chrono::seconds(90));
  EXPECT_EQ(retirement(std::nullopt, now), std::nullopt);
}

TEST(Retirement, BearsAnyLifetimeThatAServerNames) {
  const SteadyTime now = SteadyClock::now();
  EXPECT_GT(retirement(now + std::chrono::seconds(2147483647), now), now + std::chrono::hours(24));
  EXPECT_EQ(retirement(now, now), std::nullopt);
  EXPECT_EQ(retirement(now - std::chrono::hours(1), now), std::nullopt);
}

TEST_F(Transfer, ASessionIsNotSpentBeforeItsTime) {
  control_.expect_end();
  transport_.expiry = SteadyClock::now() + std::chrono::hours(1);
  log_in();
  EXPECT_FALSE(session_->is_spent());
  finish();
}

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

/// The scripts have no TLS: their data connections end by a bare FIN.
TEST_F(SessionFixture, ABareEndIsGoodEnoughWithSizeAndVerdictUnlessStrictnessIsAskedFor) {
  for (const bool strict : {false, true}) {
    test::ScriptedPeer control;
    test::ScriptedPeer data;
    SessionSettings settings = settings_;
    settings.strict_end = strict;
    control.reply("220 ready")
        .expect("AUTH TLS")
        .reply("234 go")
        .expect("USER joe")
        .reply("230 in");
    control
        .expect_bytes(
            "PBSZ 0\r\nPROT P\r\nTYPE I\r\nOPTS UTF8 ON\r\n"
            "OPTS MLST type;size;modify;perm;unique;unix.mode;\r\nFEAT\r\nSYST\r\nPWD\r\n")
        .send("200 a\r\n200 b\r\n200 c\r\n500 d\r\n500 m\r\n500 e\r\n500 f\r\n257 \"/\"\r\n");
    control.expect_bytes(kAsk).send("213 5\r\n550 no\r\n229 (|||4711|)\r\n");
    control.expect("RETR /f").reply("150 coming");
    data.send("hello").close();
    control.reply("226 done").expect_end();
    ScriptedTransport transport(control);
    transport.add_data(&data);
    ServerKnowledge knowledge;
    auto session = Session::open(settings, transport, knowledge, counters_, soon());
    ASSERT_TRUE(session) << session.error().text;
    {
      auto download = Download::open(**session, "/f", 0, soon());
      ASSERT_TRUE(download) << download.error().text;
      const std::string text = read_to_end(**download);
      if (strict) {
        EXPECT_NE(text.find("eof=strict"), std::string::npos) << text;
      } else {
        EXPECT_EQ(text, "hello");
      }
    }
    session->reset();
    EXPECT_EQ(control.finish(), "");
  }
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

/// 554 is what RFC 3659 wants; others say 550 or 551.
TEST_F(Transfer, ARefusedOffsetAtTheEndIsTheEnd) {
  control_.expect_bytes(kAsk).send("213 11\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect_bytes("REST 11\r\nRETR /f\r\n").send("350 from there\r\n554 behind the end\r\n");
  control_.expect_bytes("SIZE /f\r\nMDTM /f\r\n").send("213 11\r\n213 20200913122640\r\n");
  control_.expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in();
  EXPECT_EQ(fetch("/f", 11), "");
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_F(Transfer, ARefusedOffsetBeforeTheEndIsAnError) {
  control_.expect_bytes(kAsk).send("213 11\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect_bytes("REST 6\r\nRETR /f\r\n").send("350 from there\r\n550 denied\r\n");
  control_.expect_bytes("SIZE /f\r\nMDTM /f\r\n").send("213 11\r\n213 20200913122640\r\n");
  control_.expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in();
  EXPECT_NE(fetch("/f", 6).find("denied"), std::string::npos);
  finish();
}

/// Others send nothing, and say that all went well.
TEST_F(Transfer, AnEmptyTransferBehindTheEndIsTheEnd) {
  control_.expect_bytes(kAsk).send("213 11\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect_bytes("REST 60\r\nRETR /f\r\n").send("350 from there\r\n150 here\r\n");
  data_.close();
  control_.reply("226 done").expect_end();
  transport_.add_data(&data_);
  log_in();
  EXPECT_EQ(fetch("/f", 60), "");
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

/// draft-bryan-ftp-range: the last byte is named, not the one behind it.
TEST_F(Transfer, ARangeEndsByItself) {
  control_.expect_bytes(kAsk).send("213 11\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect_bytes("RANG 2 5\r\nRETR /f\r\n").send("350 from there\r\n150 coming\r\n");
  data_.send("llo ").close();
  control_.reply("226 done").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 2, soon(), 6);
  ASSERT_TRUE(download) << download.error().text;
  EXPECT_EQ(read_to_end(**download), "llo ");
  EXPECT_TRUE(session_->is_quiet());
  download->reset();
  finish();
}

TEST_F(Transfer, ARefusedRangeIsUnsupportedAndRestIsNot) {
  control_.expect_bytes(kAsk).send("213 11\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect_bytes("RANG 2 5\r\nRETR /f\r\n").send("500 what?\r\n150 from the start\r\n");
  control_.expect("EPSV").send("426 cut\r\n229 (|||1|)\r\n").expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 2, soon(), 6);
  ASSERT_FALSE(download);
  EXPECT_EQ(download.error().code, Errc::unsupported);
  EXPECT_FALSE(knowledge_.profile().rang);
  EXPECT_TRUE(knowledge_.profile().rest);
  EXPECT_TRUE(session_->settle(soon()));
  finish();
}

TEST_F(Transfer, ARangeRefusedByAnyCodeIsAskedNoMore) {
  control_.expect_bytes(kAsk).send("213 11\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect_bytes("RANG 2 5\r\nRETR /f\r\n").send("501 not so\r\n150 from the start\r\n");
  control_.expect("EPSV").send("426 cut\r\n229 (|||1|)\r\n").expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in();
  ftp::ServerProfile known = knowledge_.profile();
  known.rang = true;
  knowledge_.learn(known, "220 ready");
  EXPECT_FALSE(Download::open(*session_, "/f", 2, soon(), 6));
  EXPECT_FALSE(knowledge_.profile().rang);
  EXPECT_TRUE(session_->settle(soon()));
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
  EXPECT_EQ(fetch("/f"), "hello");
  EXPECT_EQ(transport_.dialled, std::vector<int>{4711});
  EXPECT_FALSE(knowledge_.profile().epsv);
  session_->rest();
  EXPECT_TRUE(session_->settle(soon()));
  EXPECT_EQ(transport_.dialled, (std::vector<int>{4711, 4712}));
  finish();
}

TEST_F(Transfer, APortThatCannotBeReachedIsTriedByPasv) {
  control_.expect("EPSV").reply("229 (|||4711|)").expect("PASV").reply("227 (10,0,0,1,18,104)");
  control_.expect("STOR /f").reply("550 no").expect_end();
  transport_.add_data(nullptr);
  transport_.add_data(&data_);
  data_.expect_end();
  log_in();
  EXPECT_FALSE(Upload::open(*session_, "/f", false, soon()));
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

TEST_F(Transfer, AListingIsShownAsItComesAndItsLimitMayGrow) {
  control_.expect_bytes("CWD /d\r\nEPSV\r\n").send("250 there\r\n229 (|||4711|)\r\n");
  control_.expect("MLSD").reply("150 coming");
  data_.send("type=file; a\r\n").send("type=file; b\r\n").close();
  control_.reply("226 done").expect_end();
  transport_.add_data(&data_);
  log_in();
  std::string last;
  const Wait longer = Wait::for_at_most(std::chrono::minutes(5));
  const auto tap = [&](std::string_view so_far) {
    EXPECT_TRUE(so_far.starts_with(last));
    last = so_far;
    return std::optional(longer);
  };
  auto body = fetch_listing(*session_, "/d", "MLSD", soon(), tap);
  ASSERT_TRUE(body) << body.error().text;
  EXPECT_EQ(body->text, "type=file; a\r\ntype=file; b\r\n");
  EXPECT_EQ(last, body->text);
  EXPECT_EQ(body->limit.deadline, longer.deadline);
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
  Gate gate;
  control_.expect_bytes(kAsk).send("213 5\r\n213 20200913122640\r\n229 (|||4711|)\r\n");
  control_.expect("RETR /f").reply("150 coming");
  data_.run(gate.waiter()).send("hello").close();
  control_.reply("226 done").expect_end();
  transport_.add_data(&data_);
  log_in();
  auto download = Download::open(*session_, "/f", 0, soon());
  ASSERT_TRUE(download);
  std::array<std::byte, 100> buffer;
  auto got = (*download)->read(buffer, Wait::for_at_most(std::chrono::milliseconds(20)));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::timed_out);
  gate.open();
  EXPECT_EQ(read_to_end(**download), "hello");
  download->reset();
  finish();
}

TEST_F(Transfer, WithoutPipeliningEachCommandWaits) {
  ScriptedPeer control;
  ScriptedTransport transport(control);
  settings_.pipelining = false;
  control.reply("220 ready").expect("AUTH TLS").reply("234 go").expect("USER joe").reply("230 in");
  control.expect("PBSZ 0").reply("200 a").expect("PROT C").reply("200 b").expect("TYPE I");
  control.reply("200 c")
      .expect("OPTS UTF8 ON")
      .reply("500 d")
      .expect("OPTS MLST type;size;modify;perm;unique;unix.mode;")
      .reply("500 m")
      .expect("FEAT")
      .reply("500 e");
  control.expect("SYST").reply("500 f").expect("PWD").reply("257 \"/\"");
  control.expect("SIZE /f").reply("213 11").expect("MDTM /f").reply("213 20200913122640");
  control.expect("EPSV").reply("229 (|||4711|)").expect("REST 6").reply("350 from there");
  control.expect("RETR /f").reply("150 here");
  data_.send("world").close();
  control.reply("226 done").expect_end();
  transport.add_data(&data_);
  auto session = Session::open(settings_, transport, knowledge_, counters_, soon());
  ASSERT_TRUE(session) << session.error().text;
  session_ = *std::move(session);
  EXPECT_EQ(fetch("/f", 6), "world");
  session_.reset();
  EXPECT_EQ(control.finish(), "");
}

class EncryptedTransfer : public SessionFixture {};

/// It may be carried out yet: sent again elsewhere, the late one would empty the file.
TEST_F(EncryptedTransfer, AnUploadsVerbThatWasNotAnsweredEndsTheSession) {
  script_login("220 ready");
  control_.expect("EPSV").reply("229 (|||4711|)").expect("STOR /f").expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  transport_.handshake_errors = {make_error(Errc::timed_out, "no handshake in time")};
  log_in();
  auto upload = Upload::open(*session_, "/f", false, soon());
  ASSERT_FALSE(upload);
  EXPECT_EQ(upload.error().code, Errc::timed_out);
  EXPECT_EQ(upload.error().fate, SessionFate::broken);
  finish();
}

TEST_F(EncryptedTransfer, AFailedHandshakeIsExplainedByTheServersWords) {
  script_login("220 ready");
  control_.expect("EPSV").reply("229 (|||4711|)").expect("STOR /f").reply("150 send");
  control_.reply("522 SSL connection failed: session reuse required").close();
  data_.expect_end();
  transport_.add_data(&data_);
  transport_.handshake_errors = {make_error(Errc::tls_failed, "handshake failed")};
  log_in();
  auto upload = Upload::open(*session_, "/f", false, soon());
  ASSERT_FALSE(upload);
  EXPECT_EQ(upload.error().code, Errc::tls_failed);
  EXPECT_NE(upload.error().text.find("session reuse required"), std::string::npos);
  finish();
}

}  // namespace
}  // namespace ftpsfs::session
