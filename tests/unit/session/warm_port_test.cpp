// SPDX-License-Identifier: MIT
//
// Ports that are asked for ahead of need: who asks, who takes the reply, and how many there are.
#include <gtest/gtest.h>
#include <poll.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/session/upload.hpp"
#include "session_fixture.hpp"

namespace ftpsfs::session {
namespace {

using test::ScriptedPeer;

class WarmPort : public SessionFixture {
 protected:
  bool has_free_slot() { return static_cast<bool>(few_.warm_slots().try_take()); }

  /// A session that shares one slot with all others.
  void log_in_with_one_slot() {
    auto opened = Session::open(settings_, transport_, few_, counters_, soon());
    ASSERT_TRUE(opened) << opened.error().text;
    session_ = *std::move(opened);
    transport_.records.clear();
  }

  /// As the keeper does it: rest() whenever the descriptor is readable.
  Readiness rest_until_answered() {
    for (;;) {
      const Readiness now = session_->rest();
      if (now == Readiness::ready || now == Readiness::lost) {
        return now;
      }
      pollfd input{session_->descriptor(), POLLIN, 0};
      if (::poll(&input, 1, soon().poll_timeout_ms()) != 1) {
        ADD_FAILURE() << "no answer";
        return Readiness::lost;
      }
    }
  }

  ServerKnowledge few_{1};
};

constexpr const char* kVsftpdGreeting = "220 (vsFTPd 3.0.3)";
constexpr const char* kUnknown = "220 ready";

TEST_F(WarmPort, RestAsksOnceAndSettleTakesTheReply) {
  script_login(kVsftpdGreeting);
  control_.expect("EPSV").reply("229 (|||1001|)").expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in();
  EXPECT_TRUE(session_->is_quiet());
  EXPECT_EQ(session_->rest(), Readiness::expecting);
  EXPECT_FALSE(session_->is_quiet());
  EXPECT_TRUE(session_->is_lendable());
  EXPECT_EQ(rest_until_answered(), Readiness::ready);
  EXPECT_TRUE(session_->is_quiet());
  EXPECT_EQ(transport_.dialled, std::vector<int>{1001});
  // It has what it wants.
  EXPECT_EQ(session_->rest(), Readiness::ready);
  EXPECT_TRUE(session_->is_quiet());
  EXPECT_EQ(transport_.records, std::vector<std::string>{"EPSV\r\n"});
  finish();
}

TEST_F(WarmPort, RestAsksAnewWhenTheServerEndedItsPort) {
  script_login(kVsftpdGreeting);
  control_.expect("EPSV").reply("229 (|||1001|)").expect("EPSV").reply("229 (|||1002|)");
  control_.expect_end();
  ScriptedPeer second;
  data_.close();
  second.expect_end();
  transport_.add_data(&data_);
  transport_.add_data(&second);
  log_in();
  session_->rest();
  ASSERT_TRUE(session_->settle(soon()));
  EXPECT_EQ(data_.finish(), "");
  session_->rest();
  ASSERT_TRUE(session_->settle(soon()));
  EXPECT_EQ(transport_.dialled, (std::vector<int>{1001, 1002}));
  finish();
}

/// Else a server that has no ports would be asked without end.
TEST_F(WarmPort, ARefusedPortIsNotAskedForAgainAtOnce) {
  script_login(kVsftpdGreeting);
  control_.expect("EPSV").reply("425 no port is free").expect_end();
  log_in();
  EXPECT_EQ(session_->rest(), Readiness::expecting);
  EXPECT_EQ(rest_until_answered(), Readiness::ready);
  EXPECT_EQ(transport_.records, std::vector<std::string>{"EPSV\r\n"});
  finish();
}

TEST_F(WarmPort, RestBringsACutTransferBackIntoStep) {
  settings_.protection = Protection::clear_data;
  script_login(kUnknown);
  control_.expect("EPSV").reply("229 (|||1001|)").expect("STOR /f").reply("150 send");
  Gate gate;
  control_.expect("EPSV")
      .run(gate.waiter())
      .reply("426 cut")
      .reply("226 or done")
      .reply("229 (|||1002|)")
      .expect_end();
  ScriptedPeer second;
  data_.expect_end();
  second.expect_end();
  transport_.add_data(&data_);
  transport_.add_data(&second);
  log_in();
  auto upload = Upload::open(*session_, "/f", false, soon());
  ASSERT_TRUE(upload) << upload.error().text;
  upload->reset();
  EXPECT_FALSE(session_->is_lendable());
  EXPECT_EQ(session_->rest(), Readiness::owing);
  EXPECT_FALSE(session_->is_lendable());
  gate.open();
  EXPECT_EQ(rest_until_answered(), Readiness::ready);
  EXPECT_TRUE(session_->is_lendable());
  EXPECT_EQ(transport_.dialled, (std::vector<int>{1001, 1002}));
  finish();
}

TEST_F(WarmPort, ASessionThatEndsWhileItRestsIsLost) {
  script_login(kVsftpdGreeting);
  control_.expect("EPSV").reply("421 Timeout.").close();
  log_in();
  EXPECT_EQ(session_->rest(), Readiness::expecting);
  EXPECT_EQ(rest_until_answered(), Readiness::lost);
  EXPECT_FALSE(session_->is_lendable());
  finish();
}

TEST_F(WarmPort, ASignOfLifeIsTakenInWithoutWaiting) {
  settings_.warm_data = false;
  script_login(kVsftpdGreeting);
  control_.expect("NOOP").reply("200 ok").expect_end();
  log_in();
  session_->ask_for_a_sign();
  EXPECT_EQ(rest_until_answered(), Readiness::ready);
  finish();
}

TEST_F(WarmPort, RestAsksForNothingWhenToldNotTo) {
  settings_.warm_data = false;
  script_login(kVsftpdGreeting);
  control_.expect_end();
  log_in();
  session_->rest();
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

/// The pool reads them first.
TEST_F(WarmPort, RestAsksForNothingWhileRepliesAreOwed) {
  std::stop_source stop;
  script_login(kVsftpdGreeting);
  control_.expect("NOOP").run([&stop] { stop.request_stop(); });
  Gate noticed;
  control_.run(noticed.waiter()).reply("200 late").expect_end();
  log_in();
  auto cancelled = session_->command("NOOP", {}, Wait{soon().deadline, stop.get_token()});
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, Errc::cancelled);
  session_->rest();
  noticed.open();
  EXPECT_TRUE(session_->settle(soon()));
  EXPECT_EQ(transport_.records, std::vector<std::string>{"NOOP\r\n"});
  finish();
}

// ---- The reply ----

TEST_F(WarmPort, AFollowingExchangeCollectsTheReply) {
  script_login(kVsftpdGreeting);
  control_.expect_bytes("EPSV\r\nSIZE /a\r\nNOOP\r\n");
  control_.send("229 (|||1001|)\r\n213 5\r\n200 ok\r\n").expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in();
  session_->rest();
  const std::vector<ftp::Command> flight{*ftp::Command::make("SIZE", "/a"),
                                         *ftp::Command::make("NOOP")};
  auto replies = session_->exchange(flight, soon());
  ASSERT_TRUE(replies) << replies.error().text;
  ASSERT_EQ(replies->size(), 2U);
  EXPECT_EQ((*replies)[0].code, 213);
  EXPECT_EQ((*replies)[1].code, 200);
  EXPECT_EQ(transport_.dialled, std::vector<int>{1001});
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_F(WarmPort, AnUnknownServerAnswersThePortBeforeItIsAskedAnythingElse) {
  script_login(kUnknown);
  control_.expect("EPSV").reply("229 (|||1001|)").expect("NOOP").reply("200 ok").expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in();
  session_->rest();
  EXPECT_TRUE(session_->probe(soon()));
  EXPECT_EQ(transport_.dialled, std::vector<int>{1001});
  finish();
}

TEST_F(WarmPort, ARefusedPortAnswersNoOtherCommand) {
  for (const char* refusal : {"425 no port is free", "500 EPSV?", "229 nonsense"}) {
    ScriptedPeer control;
    ScriptedTransport transport(control);
    // Another greeting each time: who is known is asked less.
    control.reply(std::string(kVsftpdGreeting) + refusal).expect("AUTH TLS").reply("234 go");
    control.expect("USER joe").reply("230 in");
    control.expect_bytes(
        "PBSZ 0\r\nPROT P\r\nTYPE I\r\nOPTS UTF8 ON\r\n"
        "OPTS MLST type;size;modify;perm;unique;unix.mode;\r\nFEAT\r\nSYST\r\nPWD\r\n");
    control.send("200 a\r\n200 b\r\n200 c\r\n500 d\r\n500 m\r\n500 e\r\n500 f\r\n257 \"/\"\r\n");
    control.expect_bytes("EPSV\r\nNOOP\r\n").reply(refusal).reply("200 ok").expect_end();
    auto session = Session::open(settings_, transport, few_, counters_, soon());
    ASSERT_TRUE(session) << session.error().text;
    (*session)->rest();
    EXPECT_FALSE(has_free_slot());
    auto probed = (*session)->probe(soon());
    EXPECT_TRUE(probed) << probed.error().text;
    EXPECT_TRUE((*session)->is_quiet());
    EXPECT_TRUE(transport.dialled.empty());
    EXPECT_TRUE(has_free_slot());
    session->reset();
    EXPECT_EQ(control.finish(), "");
  }
}

/// A late 226 in front of the 229: every reply would be taken for the one before it.
TEST_F(WarmPort, ASuccessOfAnotherKindBreaksTheSession) {
  script_login(kVsftpdGreeting);
  control_.expect_bytes("EPSV\r\nNOOP\r\n").send("226 late\r\n229 (|||1001|)\r\n200 ok\r\n");
  control_.expect_end();
  log_in();
  session_->rest();
  auto probed = session_->command("NOOP", {}, soon());
  ASSERT_FALSE(probed);
  EXPECT_EQ(probed.error().code, Errc::protocol_error);
  EXPECT_EQ(probed.error().fate, SessionFate::broken);
  EXPECT_TRUE(transport_.dialled.empty());
  finish();
}

TEST_F(WarmPort, AnInterruptedExchangeLeavesBothRepliesInOrder) {
  std::stop_source stop;
  Gate noticed;
  script_login(kVsftpdGreeting);
  control_.expect_bytes("EPSV\r\nSIZE /a\r\n").run([&stop] { stop.request_stop(); });
  control_.run(noticed.waiter()).expect("SIZE /b");
  control_.send("229 (|||1001|)\r\n213 1\r\n213 2\r\n").expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in();
  session_->rest();
  EXPECT_FALSE(session_->command("SIZE", "/a", Wait{soon().deadline, stop.get_token()}));
  noticed.open();
  auto size = session_->command("SIZE", "/b", soon());
  ASSERT_TRUE(size) << size.error().text;
  EXPECT_EQ(size->text(), "213 2");
  EXPECT_EQ(transport_.dialled, std::vector<int>{1001});
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_F(WarmPort, TheLoginsPortBecomesTheWarmConnection) {
  settings_.password = Secret(std::string_view("s3cret"));
  script_login(kVsftpdGreeting, "229 (|||1001|)");
  control_.expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in();
  EXPECT_EQ(transport_.dialled, std::vector<int>{1001});
  EXPECT_TRUE(session_->is_quiet());
  session_->rest();
  EXPECT_TRUE(transport_.records.empty());
  finish();
}

TEST_F(WarmPort, ALoginWhosePortIsRefusedIsALogin) {
  settings_.password = Secret(std::string_view("s3cret"));
  script_login(kVsftpdGreeting, "500 EPSV?");
  control_.expect("NOOP").reply("200 ok").expect_end();
  log_in_with_one_slot();
  EXPECT_TRUE(has_free_slot());
  EXPECT_TRUE(session_->probe(soon()));
  finish();
}

// ---- Slots ----

TEST(WarmSlots, AreBoundedAndGivenBack) {
  WarmSlots slots(2);
  auto first = slots.try_take();
  {
    const auto second = slots.try_take();
    EXPECT_TRUE(first);
    EXPECT_TRUE(second);
    EXPECT_FALSE(slots.try_take());
  }
  auto third = slots.try_take();
  EXPECT_TRUE(third);
  // Moving takes none and loses none.
  WarmSlots::Slot moved = std::move(third);
  EXPECT_FALSE(slots.try_take());
  first = std::move(moved);
  EXPECT_TRUE(slots.try_take());
  first = WarmSlots::Slot();
  EXPECT_TRUE(slots.try_take());
}

TEST_F(WarmPort, WithoutASlotNothingIsAskedAhead) {
  script_login(kVsftpdGreeting);
  control_.expect_bytes("SIZE /f\r\nMDTM /f\r\nEPSV\r\n");
  control_.send("213 5\r\n213 20200913122640\r\n229 (|||1001|)\r\n");
  Gate gate;
  control_.expect("RETR /f").reply("150 here").run(gate.opener()).reply("226 done").expect_end();
  data_.run(gate.waiter()).send("hello").close();
  transport_.add_data(&data_);
  log_in_with_one_slot();
  const auto slot = few_.warm_slots().try_take();
  ASSERT_TRUE(slot);
  session_->rest();
  EXPECT_EQ(fetch("/f"), "hello");
  EXPECT_EQ(transport_.records.back(), "RETR /f\r\n");
  EXPECT_TRUE(session_->is_quiet());
  finish();
}

TEST_F(WarmPort, TheSlotEndsWithItsUse) {
  settings_.protection = Protection::clear_data;
  script_login(kUnknown);
  control_.expect("EPSV").reply("229 (|||1001|)").expect("STOR /f").reply("150 send");
  control_.expect_end();
  data_.expect_end();
  transport_.add_data(&data_);
  log_in_with_one_slot();
  session_->rest();
  EXPECT_FALSE(has_free_slot());  // asked for
  ASSERT_TRUE(session_->settle(soon()));
  EXPECT_FALSE(has_free_slot());  // held
  auto upload = Upload::open(*session_, "/f", false, soon());
  ASSERT_TRUE(upload) << upload.error().text;
  EXPECT_EQ(counters_.warm_starts, 1U);
  EXPECT_TRUE(has_free_slot());
  upload->reset();
  finish();
}

TEST_F(WarmPort, TheSlotEndsWithTheSessionAndWithAFailedDial) {
  for (const bool reachable : {true, false}) {
    ScriptedPeer control;
    ScriptedPeer data;
    ScriptedTransport transport(control);
    control.reply(std::string(kVsftpdGreeting) + (reachable ? " 1" : " 2")).expect("AUTH TLS");
    control.reply("234 go").expect("USER joe").reply("230 in");
    control.expect_bytes(
        "PBSZ 0\r\nPROT P\r\nTYPE I\r\nOPTS UTF8 ON\r\n"
        "OPTS MLST type;size;modify;perm;unique;unix.mode;\r\nFEAT\r\nSYST\r\nPWD\r\n");
    control.send("200 a\r\n200 b\r\n200 c\r\n500 d\r\n500 m\r\n500 e\r\n500 f\r\n257 \"/\"\r\n");
    control.expect("EPSV").reply("229 (|||1001|)").expect_end();
    data.expect_end();
    transport.add_data(reachable ? &data : nullptr);
    auto session = Session::open(settings_, transport, few_, counters_, soon());
    ASSERT_TRUE(session) << session.error().text;
    (*session)->rest();
    ASSERT_TRUE((*session)->settle(soon()));
    EXPECT_EQ(has_free_slot(), !reachable);
    session->reset();
    EXPECT_TRUE(has_free_slot());
    EXPECT_EQ(control.finish(), "");
  }
}

TEST_F(WarmPort, ASessionThatEndsWithItsPortAskedForGivesTheSlotBack) {
  script_login(kVsftpdGreeting);
  control_.expect("EPSV").expect_end();
  log_in_with_one_slot();
  session_->rest();
  EXPECT_FALSE(has_free_slot());
  finish();
  EXPECT_TRUE(has_free_slot());
}

// ---- What is known of the server ----

TEST(Knowledge, ThreeWarmFailuresInARowPauseWarmConnections) {
  ServerKnowledge knowledge;
  for (const bool worked : {false, false, true, false, false}) {
    knowledge.note(ServerKnowledge::Way::warm_start, worked);
    EXPECT_TRUE(knowledge.allows(ServerKnowledge::Way::warm_start));
  }
  knowledge.note(ServerKnowledge::Way::warm_start, false);
  EXPECT_FALSE(knowledge.allows(ServerKnowledge::Way::warm_start));
}

TEST(Knowledge, HowTheLoginGoesIsRemembered) {
  ServerKnowledge knowledge;
  EXPECT_EQ(knowledge.login(), ServerKnowledge::Login::unproved);
  knowledge.note_login(ServerKnowledge::Login::long_only);
  EXPECT_EQ(knowledge.login(), ServerKnowledge::Login::long_only);
}

TEST_F(WarmPort, WhilePausedAWarmConnectionIsLeftAlone) {
  settings_.protection = Protection::clear_data;
  script_login(kUnknown);
  control_.expect("EPSV").reply("229 (|||1001|)").expect("EPSV").reply("229 (|||1002|)");
  control_.expect("STOR /f").reply("150 send");
  control_.expect("EPSV").expect_end();  // the mark behind the cut
  ScriptedPeer second;
  data_.expect_end();
  second.expect_end();
  transport_.add_data(&data_);
  transport_.add_data(&second);
  log_in_with_one_slot();
  session_->rest();
  ASSERT_TRUE(session_->settle(soon()));
  for (int i = 0; i < 3; ++i) {
    few_.note(ServerKnowledge::Way::warm_start, false);
  }
  auto upload = Upload::open(*session_, "/f", false, soon());
  ASSERT_TRUE(upload) << upload.error().text;
  EXPECT_EQ(counters_.warm_starts, 0U);
  EXPECT_EQ(transport_.dialled, (std::vector<int>{1001, 1002}));
  EXPECT_TRUE(has_free_slot());
  upload->reset();
  EXPECT_EQ(session_->rest(), Readiness::owing);
  finish();
}

}  // namespace
}  // namespace ftpsfs::session
