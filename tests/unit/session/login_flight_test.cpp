// SPDX-License-Identifier: MIT
//
// The short login: AUTH ahead of the greeting, all the rest in one flight, and what happens where
// a server does not bear that.
#include <gtest/gtest.h>

#include <string>

#include "ftpsfs/session/login.hpp"
#include "scripted_transport.hpp"
#include "soon.hpp"

namespace ftpsfs::session {
namespace {

using test::ScriptedPeer;
using Known = ServerKnowledge::Login;

const std::string kIntroduction =
    "PBSZ 0\r\nPROT P\r\nTYPE I\r\nOPTS UTF8 ON\r\n"
    "OPTS MLST type;size;modify;perm;unique;unix.mode;\r\nFEAT\r\nSYST\r\nPWD\r\n";
const std::string kFlight = "USER joe\r\nPASS s3cret\r\n" + kIntroduction + "EPSV\r\n";
const std::string kIntroduced =
    "200 PBSZ=0\r\n200 private\r\n200 binary\r\n200 utf8\r\n200 facts\r\n211-Features:\r\n "
    "SIZE\r\n211 End\r\n"
    "215 UNIX Type: L8\r\n257 \"/home/joe\" is here\r\n";
const std::string kPort = "229 (|||4711|)\r\n";
/// What follows a refusal. It must not be read as anything.
const std::string kRefused =
    "530 no\r\n530 no\r\n530 no\r\n530 no\r\n530 no\r\n530 no\r\n530 no\r\n530 no\r\n";

class LoginFlight : public ::testing::Test {
 protected:
  LoginFlight() {
    settings_.host = "ftp.example.com";
    settings_.username = "joe";
    settings_.password = Secret(std::string_view("s3cret"));
  }

  /// AUTH must come before the greeting is sent.
  static ScriptedPeer& begin(ScriptedPeer& peer) {
    return peer.expect("AUTH TLS").send("220 ready\r\n234 go\r\n");
  }
  /// A whole login, step by step.
  static void script_steps(ScriptedPeer& peer) {
    peer.reply("220 ready").expect("AUTH TLS").reply("234 go");
    peer.expect("USER joe").reply("331 password?").expect("PASS s3cret").reply("230 in");
    peer.expect_bytes(kIntroduction).send(kIntroduced).expect_end();
  }

  Result<LoggedIn> run() { return log_in(settings_, transport_, knowledge_, soon()); }

  void expect_failure(Errc code, const std::string& words) {
    const auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code) << result.error().text;
    EXPECT_NE(result.error().text.find(words), std::string::npos) << result.error().text;
    EXPECT_EQ(result.error().text.find("s3cret"), std::string::npos);
    EXPECT_EQ(result.error().fate, SessionFate::broken);
    EXPECT_EQ(peer_.finish(), "");
  }

  /// Is no slot of a knowledge with one slot taken?
  static bool has_free_slot(ServerKnowledge& knowledge) {
    return static_cast<bool>(knowledge.warm_slots().try_take());
  }

  SessionSettings settings_;
  ScriptedPeer peer_;
  ScriptedPeer second_;
  ScriptedTransport transport_{peer_};
  ServerKnowledge knowledge_{1};
};

TEST_F(LoginFlight, AuthGoesOutAheadOfTheGreetingAndTheRestInOneRecord) {
  begin(peer_).expect_bytes(kFlight);
  peer_.chop(1).send("331 password?\r\n230 in\r\n" + kIntroduced + kPort).expect_end();
  {
    auto result = run();
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(transport_.records, std::vector<std::string>{kFlight});
    EXPECT_EQ(result->start_directory, "/home/joe");
    EXPECT_EQ(result->profile.system, "UNIX Type: L8");
    ASSERT_TRUE(result->port);
    EXPECT_EQ(result->port->code, 229);
    EXPECT_TRUE(result->control->is_quiet());
    EXPECT_EQ(knowledge_.login(), Known::short_works);
    EXPECT_FALSE(has_free_slot(knowledge_));
  }
  EXPECT_TRUE(has_free_slot(knowledge_));
  EXPECT_EQ(peer_.finish(), "");
}

TEST_F(LoginFlight, GoesOutAtOnceOverImplicitTls) {
  settings_.mode = TlsMode::implicit_tls;
  peer_.reply("220 ready").expect_bytes(kFlight);
  peer_.send("331 password?\r\n230 in\r\n" + kIntroduced + kPort).expect_end();
  EXPECT_TRUE(run());
  EXPECT_EQ(transport_.records, std::vector<std::string>{kFlight});
  EXPECT_EQ(peer_.finish(), "");
}

TEST_F(LoginFlight, AsksForNoPortWhereNoneMayBeHeld) {
  const auto slot = knowledge_.warm_slots().try_take();
  begin(peer_).expect_bytes("USER joe\r\nPASS s3cret\r\n" + kIntroduction);
  peer_.send("331 password?\r\n230 in\r\n" + kIntroduced).expect_end();
  {
    auto result = run();
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_FALSE(result->port);
    EXPECT_EQ(result->start_directory, "/home/joe");
  }
  EXPECT_EQ(peer_.finish(), "");
}

TEST_F(LoginFlight, AsksForNoPortWhenWarmConnectionsAreOff) {
  settings_.warm_data = false;
  begin(peer_).expect_bytes("USER joe\r\nPASS s3cret\r\n" + kIntroduction);
  peer_.send("331 password?\r\n230 in\r\n" + kIntroduced).expect_end();
  EXPECT_TRUE(run());
  EXPECT_EQ(peer_.finish(), "");
}

TEST_F(LoginFlight, AsksForNoPortWhileWarmConnectionsArePaused) {
  for (int i = 0; i < 3; ++i) {
    knowledge_.note(ServerKnowledge::Way::warm_start, false);
  }
  begin(peer_).expect_bytes("USER joe\r\nPASS s3cret\r\n" + kIntroduction);
  peer_.send("331 password?\r\n230 in\r\n" + kIntroduced).expect_end();
  EXPECT_TRUE(run());
  EXPECT_EQ(peer_.finish(), "");
}

TEST_F(LoginFlight, AfterA230TheReplyToPassIsIrrelevant) {
  for (const char* pass : {"503 logged in already", "202 superfluous", "230 in", "530 what for?"}) {
    ScriptedPeer peer;
    ScriptedTransport transport(peer);
    begin(peer).expect_bytes(kFlight);
    peer.send("230 your certificate will do\r\n" + std::string(pass) + "\r\n" + kIntroduced +
              kPort);
    peer.expect_end();
    {
      auto result = log_in(settings_, transport, knowledge_, soon());
      ASSERT_TRUE(result) << pass << ": " << result.error().text;
      EXPECT_EQ(result->start_directory, "/home/joe");
    }
    EXPECT_EQ(peer.finish(), "");
  }
}

TEST_F(LoginFlight, ARefusedPasswordIsOneFailureInTheServersWords) {
  begin(peer_).expect_bytes(kFlight);
  peer_.send("331 password?\r\n530 Login incorrect.\r\n" + kRefused + "530 no\r\n").expect_end();
  expect_failure(Errc::login_refused, "Login incorrect.");
  EXPECT_EQ(transport_.secured, 1);
  EXPECT_TRUE(has_free_slot(knowledge_));
}

/// Nor is a temporary refusal repeated at once, as if our haste had caused it.
TEST_F(LoginFlight, ATemporaryRefusalIsOneFailure) {
  begin(peer_).expect_bytes(kFlight);
  peer_.send("331 password?\r\n450 Busy.\r\n" + kRefused + "530 no\r\n").expect_end();
  expect_failure(Errc::closed, "Busy.");
  EXPECT_EQ(transport_.secured, 1);
}

TEST_F(LoginFlight, ARefusedUserIsOneFailureInTheServersWords) {
  begin(peer_).expect_bytes(kFlight);
  peer_.send("530 Permission denied.\r\n503 USER first\r\n" + kRefused + "530 no\r\n").expect_end();
  expect_failure(Errc::login_refused, "Permission denied.");
  EXPECT_EQ(transport_.secured, 1);
}

/// Asking once more would be a second failure on the account.
TEST_F(LoginFlight, ARefusalBeforeAHangUpIsStillARefusal) {
  begin(peer_).expect_bytes(kFlight);
  peer_.send("331 password?\r\n530 Login incorrect.\r\n").close();
  expect_failure(Errc::login_refused, "Login incorrect.");
  EXPECT_EQ(transport_.secured, 1);
}

TEST_F(LoginFlight, AnAccountThatIsNotGivenIsNamed) {
  begin(peer_).expect_bytes(kFlight);
  peer_.send("331 password?\r\n332 account?\r\n" + kRefused + "530 no\r\n").expect_end();
  expect_failure(Errc::login_refused, "account=NAME");
}

TEST_F(LoginFlight, ACertificateNeedsNoPass) {
  settings_.password.reset();
  begin(peer_).expect_bytes("USER joe\r\n" + kIntroduction + "EPSV\r\n");
  peer_.send("232 authorised by your certificate\r\n" + kIntroduced + kPort).expect_end();
  {
    auto result = run();
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->start_directory, "/home/joe");
  }
  EXPECT_EQ(peer_.finish(), "");
}

TEST_F(LoginFlight, ACertificateThatIsNotEnoughIsNamed) {
  settings_.password.reset();
  begin(peer_).expect_bytes("USER joe\r\n" + kIntroduction + "EPSV\r\n");
  peer_.send("331 password?\r\n" + kRefused + "530 no\r\n").expect_end();
  expect_failure(Errc::login_refused, "a password beside the certificate");
  EXPECT_EQ(transport_.secured, 1);
}

TEST_F(LoginFlight, ARefusedProtectionSaysSo) {
  begin(peer_).expect_bytes(kFlight);
  peer_.send(
      "331 password?\r\n230 in\r\n200 a\r\n534 no protection here\r\n200 c\r\n200 d\r\n200 m\r\n");
  peer_.send("211 none\r\n215 UNIX\r\n257 \"/\"\r\n" + kPort).expect_end();
  expect_failure(Errc::unsupported, "PROT P");
  EXPECT_TRUE(has_free_slot(knowledge_));
}

TEST_F(LoginFlight, AFullHouseIsNotAskedAgain) {
  begin(peer_).expect_bytes(kFlight);
  peer_.send("331 password?\r\n421 Too many connections.\r\n").close();
  expect_failure(Errc::closed, "Too many connections.");
  EXPECT_EQ(transport_.secured, 1);
  EXPECT_EQ(knowledge_.login(), Known::unproved);
}

TEST_F(LoginFlight, AFullHouseInPlaceOfTheGreetingIsNotAskedAgain) {
  peer_.expect("AUTH TLS").reply("421 Too many connections.").close();
  transport_.add_control(second_);
  expect_failure(Errc::closed, "Too many connections.");
  EXPECT_EQ(transport_.secured, 0);
}

TEST_F(LoginFlight, WhoHangsUpIsAskedStepByStepAndRemembered) {
  begin(peer_).expect_bytes(kFlight).send("331 password?\r\n").close();
  script_steps(second_);
  transport_.add_control(second_);
  {
    auto result = run();
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(knowledge_.login(), Known::long_only);
    EXPECT_FALSE(result->port);
    EXPECT_TRUE(has_free_slot(knowledge_));
  }
  EXPECT_EQ(peer_.finish(), "");
  EXPECT_EQ(second_.finish(), "");
  // From now on at once.
  ScriptedPeer third;
  script_steps(third);
  transport_.add_control(third);
  EXPECT_TRUE(run());
  EXPECT_EQ(third.finish(), "");
  EXPECT_EQ(transport_.secured, 3);
}

TEST_F(LoginFlight, WhoHangsUpOnAuthIsAskedStepByStep) {
  peer_.expect("AUTH TLS").close();
  script_steps(second_);
  transport_.add_control(second_);
  EXPECT_TRUE(run());
  EXPECT_EQ(knowledge_.login(), Known::long_only);
  EXPECT_EQ(second_.finish(), "");
}

TEST_F(LoginFlight, WhatIsSaidToTheSecondLoginIsTold) {
  begin(peer_).expect_bytes(kFlight).close();
  second_.reply("220 ready").expect("AUTH TLS").reply("234 go");
  second_.expect("USER joe").reply("331 password?").expect("PASS s3cret").reply("530 Go away.");
  second_.expect_end();
  transport_.add_control(second_);
  expect_failure(Errc::login_refused, "Go away.");
  EXPECT_EQ(second_.finish(), "");
  EXPECT_EQ(knowledge_.login(), Known::unproved);
}

TEST_F(LoginFlight, WhereTheShortLoginWorkedAHangUpIsALimit) {
  knowledge_.note_login(Known::short_works);
  begin(peer_).expect_bytes(kFlight).close();
  transport_.add_control(second_);
  expect_failure(Errc::closed, "closed");
  EXPECT_EQ(transport_.secured, 1);
  EXPECT_EQ(knowledge_.login(), Known::short_works);
}

/// A server of implicit TLS takes our AUTH for a broken ClientHello, and hangs up; asked politely
/// it is silent.
TEST_F(LoginFlight, NamesTheOtherSchemeWhenTheServerSpeaksImplicitTls) {
  settings_.greeting_patience = std::chrono::milliseconds(1);
  transport_.speaks_tls = true;
  peer_.expect("AUTH TLS").close();
  second_.stall();
  transport_.add_control(second_);
  expect_failure(Errc::tls_failed, "ftps://");
}

TEST_F(LoginFlight, StopsAtBytesBehindThe234InTheSameSegment) {
  peer_.expect("AUTH TLS").send("220 ready\r\n234 go\r\n331 evil\r\n").expect_end();
  second_.reply("220 ready").expect("AUTH TLS").send("234 go\r\n331 evil\r\n").expect_end();
  transport_.add_control(second_);
  expect_failure(Errc::untrusted, "injected");
  EXPECT_EQ(second_.finish(), "");
  EXPECT_EQ(transport_.secured, 0);
}

TEST_F(LoginFlight, StopsAtPartOfALineBehindThe234) {
  peer_.expect("AUTH TLS").send("220 ready\r\n234 go\r\n3").expect_end();
  second_.reply("220 ready").expect("AUTH TLS").send("234 go\r\n3").expect_end();
  transport_.add_control(second_);
  expect_failure(Errc::untrusted, "injected");
  EXPECT_EQ(second_.finish(), "");
  EXPECT_EQ(transport_.secured, 0);
}

/// As ProFTPD does with implicit TLS.
TEST_F(LoginFlight, NamesTheOtherSchemeWhenTheServerSpeaksOfAFailedHandshakeInClear) {
  transport_.speaks_tls = true;
  peer_.expect("AUTH TLS").reply("421 TLS handshake failed").close();
  expect_failure(Errc::tls_failed, "ftps://");
}

TEST_F(LoginFlight, NeverGoesOnWithoutTls) {
  peer_.expect("AUTH TLS").send("220 ready\r\n534 policy\r\n").expect_end();
  expect_failure(Errc::untrusted, "policy");
  EXPECT_EQ(transport_.secured, 0);
}

TEST_F(LoginFlight, WithAnEmptyPasswordItTakesTheServersWordForIt) {
  settings_.password = Secret();
  begin(peer_)
      .expect("USER joe")
      .reply("230 in")
      .expect_bytes(kIntroduction)
      .send(kIntroduced)
      .expect_end();
  {
    auto result = run();
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_FALSE(result->port);
  }
  EXPECT_EQ(transport_.records, (std::vector<std::string>{"USER joe\r\n", kIntroduction}));
  EXPECT_EQ(peer_.finish(), "");
}

TEST_F(LoginFlight, WithoutPipeliningEachCommandWaits) {
  settings_.pipelining = false;
  peer_.reply("220 ready").expect("AUTH TLS").reply("234 go");
  peer_.expect("USER joe").reply("331 password?").expect("PASS s3cret").reply("230 in");
  peer_.expect("PBSZ 0").reply("200 a").expect("PROT P").reply("200 b");
  peer_.expect("TYPE I")
      .reply("200 c")
      .expect("OPTS UTF8 ON")
      .reply("500 d")
      .expect("OPTS MLST type;size;modify;perm;unique;unix.mode;")
      .reply("500 m");
  peer_.expect("FEAT").reply("500 e").expect("SYST").reply("500 f");
  peer_.expect("PWD").reply("257 \"/\"").expect_end();
  EXPECT_TRUE(run());
  EXPECT_EQ(transport_.records.size(), 10U);
  EXPECT_EQ(peer_.finish(), "");
}

/// One record holds at most 2,000 bytes.
TEST_F(LoginFlight, AVeryLongPasswordGoesOutOnItsOwn) {
  const std::string secret(1900, 'p');
  settings_.password = Secret(std::string_view(secret));
  begin(peer_).expect("USER joe").reply("331 ?").expect("PASS " + secret).reply("230 in");
  peer_.expect_bytes(kIntroduction).send(kIntroduced).expect_end();
  EXPECT_TRUE(run());
  EXPECT_EQ(peer_.finish(), "");
}

}  // namespace
}  // namespace ftpsfs::session
