// SPDX-License-Identifier: MIT
//
// The login failing at each of its steps, and the words that the user sees. Here it goes step by
// step; see login_flight_test.cpp for the one that is in a hurry.
#include "ftpsfs/session/login.hpp"

#include <gtest/gtest.h>

#include <future>
#include <string>

#include "scripted_transport.hpp"
#include "soon.hpp"

namespace ftpsfs::session {
namespace {

using test::ScriptedPeer;

constexpr const char* kBatch =
    "PBSZ 0\r\nPROT P\r\nTYPE I\r\nOPTS UTF8 ON\r\n"
    "OPTS MLST type;size;modify;perm;unique;unix.mode;\r\nFEAT\r\nSYST\r\nPWD\r\n";
constexpr const char* kAnswers =
    "200 PBSZ=0\r\n200 private\r\n200 binary\r\n200 utf8\r\n200 facts\r\n"
    "211-Features:\r\n MLST type*;size*;modify*;\r\n EPSV\r\n211 End\r\n"
    "215 UNIX Type: L8\r\n257 \"/home/joe\" is here\r\n";

SessionSettings settings() {
  SessionSettings made;
  made.host = "ftp.example.com";
  made.username = "joe";
  made.password = Secret(std::string_view("s3cret"));
  return made;
}

/// The script up to the end of TLS's set-up.
ScriptedPeer& begin(ScriptedPeer& peer) {
  return peer.reply("220 ProFTPD Server").expect("AUTH TLS").reply("234 go");
}

Result<LoggedIn> log_in_to(ScriptedPeer& peer, const SessionSettings& with = settings(),
                           bool speaks_tls = false) {
  ScriptedTransport transport(peer);
  transport.speaks_tls = speaks_tls;
  ServerKnowledge knowledge;
  knowledge.note_login(ServerKnowledge::Login::long_only);
  return log_in(with, transport, knowledge, soon());
}

void expect_failure(ScriptedPeer& peer, Errc code, const std::string& words,
                    const SessionSettings& with = settings()) {
  auto result = log_in_to(peer, with);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().text;
  EXPECT_NE(result.error().text.find(words), std::string::npos) << result.error().text;
  EXPECT_EQ(result.error().text.find("s3cret"), std::string::npos);
  EXPECT_EQ(peer.finish(), "");
}

TEST(Login, SucceedsStepByStep) {
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("331 password?").expect("PASS s3cret").reply("230 welcome");
  peer.expect_bytes(kBatch).send(kAnswers).expect_end();
  {
    auto result = log_in_to(peer);
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->start_directory, "/home/joe");
    EXPECT_EQ(result->profile.kind, ftp::ServerKind::proftpd);
    EXPECT_TRUE(result->profile.has_mlst);
    EXPECT_TRUE(result->control->is_quiet());
    EXPECT_FALSE(result->port);
  }
  EXPECT_EQ(peer.finish(), "");
}

TEST(Login, NeedsNoPasswordWhenTheCertificateWasEnough) {
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("232 authorised by your certificate");
  peer.expect_bytes(kBatch).send(kAnswers).expect_end();
  EXPECT_TRUE(log_in_to(peer));
  EXPECT_EQ(peer.finish(), "");
}

TEST(Login, ImplicitTlsComesBeforeTheGreeting) {
  SessionSettings with = settings();
  with.mode = TlsMode::implicit_tls;
  ScriptedPeer peer;
  peer.reply("220 ready").expect("USER joe").reply("230 in");
  peer.expect_bytes(kBatch).send(kAnswers).expect_end();
  EXPECT_TRUE(log_in_to(peer, with));
  EXPECT_EQ(peer.finish(), "");
}

TEST(Login, AsksForClearDataWhenToldTo) {
  SessionSettings with = settings();
  with.protection = Protection::clear_data;
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("230 in");
  peer.expect_bytes(
          "PBSZ 0\r\nPROT C\r\nTYPE I\r\nOPTS UTF8 ON\r\n"
          "OPTS MLST type;size;modify;perm;unique;unix.mode;\r\nFEAT\r\nSYST\r\nPWD\r\n")
      .send(kAnswers)
      .expect_end();
  EXPECT_TRUE(log_in_to(peer, with));
  EXPECT_EQ(peer.finish(), "");
}

TEST(Login, AFullHouseIsNotAWrongPassword) {
  ScriptedPeer peer;
  peer.reply("421 Too many connections").close();
  expect_failure(peer, Errc::closed, "Too many connections");
}

TEST(Login, AGreetingThatIsARefusal) {
  ScriptedPeer peer;
  peer.reply("530 go away").expect_end();
  expect_failure(peer, Errc::protocol_error, "go away");
}

TEST(Login, AServerThatClosesAtOnce) {
  ScriptedPeer peer;
  peer.close();
  expect_failure(peer, Errc::closed, "closed");
}

TEST(Login, NeverGoesOnWithoutTls) {
  for (const char* refusal : {"200 sure", "334 go on", "431 not now", "530 too many"}) {
    ScriptedPeer peer;
    peer.reply("220 ready").expect("AUTH TLS").reply(refusal).expect_end();
    expect_failure(peer, Errc::tls_failed, std::string(refusal).substr(4));
  }
  for (const char* refusal : {"534 policy", "536 never"}) {
    ScriptedPeer peer;
    peer.reply("220 ready").expect("AUTH TLS").reply(refusal).expect_end();
    expect_failure(peer, Errc::untrusted, std::string(refusal).substr(4));
  }
  for (const char* refusal : {"500 AUTH?", "502 no", "504 no TLS"}) {
    ScriptedPeer peer;
    peer.reply("220 ready")
        .expect("AUTH TLS")
        .reply(refusal)
        .expect("AUTH SSL")
        .reply("504 no SSL");
    peer.expect_end();
    expect_failure(peer, Errc::untrusted, std::string(refusal).substr(4));
  }
}

TEST(Login, ARefusalOfTlsIsToldAlsoWhenTheServerHangsUpAtSsl) {
  ScriptedPeer peer;
  peer.reply("220 ready").expect("AUTH TLS").reply("502 no TLS here").expect("AUTH SSL").close();
  expect_failure(peer, Errc::untrusted, "no TLS here");
}

TEST(Login, AsksForSslWhereTlsIsUnknownAndInsistsOnProtection) {
  for (const char* agreed : {"234 go", "334 go"}) {
    ScriptedPeer peer;
    peer.reply("220 old").expect("AUTH TLS").reply("504 TLS?").expect("AUTH SSL").reply(agreed);
    peer.expect("USER joe").reply("331 ?").expect("PASS s3cret").reply("230 in");
    peer.expect_bytes(kBatch).send(kAnswers).expect_end();
    {
      const auto result = log_in_to(peer);
      ASSERT_TRUE(result) << result.error().text;
    }
    EXPECT_EQ(peer.finish(), "");
  }
  ScriptedPeer peer;
  peer.reply("220 old").expect("AUTH TLS").reply("500 ?").expect("AUTH SSL").reply("234 go");
  peer.expect("USER joe").reply("331 ?").expect("PASS s3cret").reply("230 in");
  peer.expect_bytes(kBatch).send(
      "200 a\r\n536 clear alone\r\n200 c\r\n200 d\r\n200 m\r\n211 x\r\n215 U\r\n257 \"/\"\r\n");
  peer.expect_end();
  expect_failure(peer, Errc::unsupported, "PROT P");
}

TEST(Login, StopsAtBytesInjectedBehindTheAnswerToAuthSsl) {
  ScriptedPeer peer;
  peer.reply("220 old").expect("AUTH TLS").reply("500 ?").expect("AUTH SSL");
  peer.send("234 go\r\n331 evil\r\n").expect_end();
  expect_failure(peer, Errc::untrusted, "injected");
}

TEST(Login, StopsAtBytesInjectedBehindThe234) {
  ScriptedPeer peer;
  peer.reply("220 ready").expect("AUTH TLS").send("234 go\r\n331 evil\r\n").expect_end();
  expect_failure(peer, Errc::untrusted, "injected");
}

/// Such a server says nothing, for it waits for our ClientHello.
TEST(Login, NamesTheOtherSchemeWhenTheServerSpeaksImplicitTls) {
  SessionSettings with = settings();
  with.greeting_patience = std::chrono::milliseconds(1);
  ScriptedPeer peer;
  peer.stall();
  auto result = log_in_to(peer, with, true);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::tls_failed);
  EXPECT_NE(result.error().text.find("ftps://"), std::string::npos) << result.error().text;
}

TEST(Login, WaitsOnForASlowGreeting) {
  SessionSettings with = settings();
  with.greeting_patience = std::chrono::milliseconds(1);
  ScriptedPeer peer;
  ScriptedTransport transport(peer);
  // The greeting comes only after the look.
  std::promise<void> looked;
  transport.on_look = [&looked] { looked.set_value(); };
  peer.run([&looked] { looked.get_future().wait(); });
  begin(peer).expect("USER joe").reply("530 no").expect_end();
  ServerKnowledge knowledge;
  knowledge.note_login(ServerKnowledge::Login::long_only);
  auto result = log_in(with, transport, knowledge, soon());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::login_refused);
}

TEST(Login, ARefusedUser) {
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("530 Permission denied.").expect_end();
  expect_failure(peer, Errc::login_refused, "Permission denied.");
}

TEST(Login, AWrongPasswordIsToldInTheServersWords) {
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("331 password?").expect("PASS s3cret");
  peer.reply("530 Login incorrect.").expect_end();
  expect_failure(peer, Errc::login_refused, "Login incorrect.");
}

/// The server's trouble of the moment, not the password's: the pool shall try again later.
TEST(Login, ATemporaryRefusalIsNoRefusedPassword) {
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("331 password?").expect("PASS s3cret");
  peer.reply("450 The user database is busy.").expect_end();
  expect_failure(peer, Errc::closed, "The user database is busy.");
}

TEST(Login, OneOfThe4xxIsAWrongPassword) {
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("331 password?").expect("PASS s3cret");
  peer.reply("430 Invalid username or password.").expect_end();
  expect_failure(peer, Errc::login_refused, "Invalid username or password.");
}

TEST(Login, AnAccountThatIsNotGivenIsNamed) {
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("331 password?").expect("PASS s3cret");
  peer.reply("332 account?").expect_end();
  expect_failure(peer, Errc::login_refused, "account=NAME");
}

TEST(Login, GivesTheAccountToWhoAsks) {
  SessionSettings with = settings();
  with.account = Secret(std::string_view("books"));
  for (const bool behind_password : {true, false}) {
    ScriptedPeer peer;
    begin(peer).expect("USER joe");
    if (behind_password) {
      peer.reply("331 password?").expect("PASS s3cret");
    }
    peer.reply("332 account?").expect("ACCT books").reply("230 in");
    peer.expect_bytes(kBatch).send(kAnswers).expect_end();
    EXPECT_TRUE(log_in_to(peer, with));
    EXPECT_EQ(peer.finish(), "");
  }
}

TEST(Login, AnAccountThatNobodyAsksForIsNotSent) {
  SessionSettings with = settings();
  with.account = Secret(std::string_view("books"));
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("331 password?").expect("PASS s3cret").reply("230 in");
  peer.expect_bytes(kBatch).send(kAnswers).expect_end();
  EXPECT_TRUE(log_in_to(peer, with));
  EXPECT_EQ(peer.finish(), "");
}

TEST(Login, ARefusedAccountIsToldInTheServersWords) {
  SessionSettings with = settings();
  with.account = Secret(std::string_view("books"));
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("332 account?").expect("ACCT books").reply("532 Not yours.");
  peer.expect_end();
  expect_failure(peer, Errc::login_refused, "Not yours.", with);
}

TEST(Login, APasswordThatIsNotGivenIsNamed) {
  SessionSettings with = settings();
  with.password.reset();
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("331 password?").expect_end();
  expect_failure(peer, Errc::login_refused, "a password beside the certificate", with);
}

TEST(Login, AnEndDuringTheLoginIsClosed) {
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("331 password?").expect("PASS s3cret").close();
  expect_failure(peer, Errc::closed, "closed");
}

TEST(Login, ARefusedProtectionSaysSo) {
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("230 in").expect_bytes(kBatch);
  peer.send(
      "200 a\r\n534 no protection here\r\n200 c\r\n200 d\r\n200 m\r\n211 none\r\n215 UNIX\r\n257 "
      "\"/\"\r\n");
  peer.expect_end();
  expect_failure(peer, Errc::unsupported, "PROT P");
}

TEST(Login, ARefusedClearDataConnectionSaysSo) {
  SessionSettings with = settings();
  with.protection = Protection::clear_data;
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("230 in");
  peer.expect_bytes(
      "PBSZ 0\r\nPROT C\r\nTYPE I\r\nOPTS UTF8 ON\r\n"
      "OPTS MLST type;size;modify;perm;unique;unix.mode;\r\nFEAT\r\nSYST\r\nPWD\r\n");
  peer.send(
      "200 a\r\n534 must be private\r\n200 c\r\n200 d\r\n200 m\r\n211 x\r\n215 U\r\n257 \"/\"\r\n");
  peer.expect_end();
  expect_failure(peer, Errc::unsupported, "prot=private", with);
}

TEST(Login, ARefusedPbszSaysSo) {
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("230 in").expect_bytes(kBatch);
  peer.send(
      "503 AUTH first\r\n200 b\r\n200 c\r\n200 d\r\n200 m\r\n211 x\r\n215 U\r\n257 \"/\"\r\n");
  peer.expect_end();
  expect_failure(peer, Errc::unsupported, "PBSZ");
}

TEST(Login, LivesWithAServerThatTellsNothing) {
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("230 in").expect_bytes(kBatch);
  peer.send("200 a\r\n200 b\r\n200 c\r\n500 d\r\n500 m\r\n500 e\r\n500 f\r\n550 g\r\n")
      .expect_end();
  {
    auto result = log_in_to(peer);
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->start_directory, "");
    EXPECT_FALSE(result->profile.has_mlst);
  }
  EXPECT_EQ(peer.finish(), "");
}

TEST(Login, APasswordWithALineEndIsRefusedBeforeItIsSent) {
  SessionSettings with = settings();
  with.password = Secret(std::string_view("s3cret\r\nDELE /x"));
  ScriptedPeer peer;
  begin(peer).expect("USER joe").reply("331 password?").expect_end();
  expect_failure(peer, Errc::invalid_argument, "", with);
}

}  // namespace
}  // namespace ftpsfs::session
