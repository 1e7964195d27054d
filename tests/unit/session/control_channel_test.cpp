// SPDX-License-Identifier: MIT
//
// One test for each rule of the control connection, against a scripted peer.
#include "ftpsfs/session/control_channel.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <semaphore>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "recording_stream.hpp"
#include "soon.hpp"
#include "support/scripted_peer.hpp"

namespace ftpsfs::session {
namespace {

using test::ScriptedPeer;

ftp::Command command(std::string_view verb, std::string_view argument = {}) {
  return *ftp::Command::make(verb, argument);
}

std::unique_ptr<ControlChannel> channel_to(ScriptedPeer& peer) {
  return std::make_unique<ControlChannel>(std::make_unique<net::SocketStream>(peer.client()));
}

TEST(ControlChannel, AnswersOneCommand) {
  ScriptedPeer peer;
  peer.expect("NOOP").reply("200 fine").expect_end();
  auto channel = channel_to(peer);
  auto reply = channel->exchange(command("NOOP"), soon());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, 200);
  EXPECT_TRUE(channel->is_quiet());
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST(ControlChannel, SkipsThePreliminaryGreeting) {
  ScriptedPeer peer;
  peer.reply("120 in a minute").reply("220 ready").expect_end();
  auto channel = channel_to(peer);
  auto greeting = channel->read_greeting(soon());
  ASSERT_TRUE(greeting);
  EXPECT_EQ(greeting->code, 220);
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST(ControlChannel, AFlightGoesOutInOneRecordAndIsAnsweredInOrder) {
  ScriptedPeer peer;
  peer.expect_bytes("SIZE /a\r\nMDTM /a\r\nEPSV\r\n")
      .chop(1)
      .send("213 5\r\n550-no\r\n550 time\r\n229 (|||7|)\r\n")
      .expect_end();
  auto channel = channel_to(peer);
  const std::vector<ftp::Command> flight{command("SIZE", "/a"), command("MDTM", "/a"),
                                         command("EPSV")};
  auto replies = channel->exchange(flight, soon());
  ASSERT_TRUE(replies);
  ASSERT_EQ(replies->size(), 3U);
  EXPECT_EQ((*replies)[0].code, 213);
  EXPECT_EQ((*replies)[1].code, 550);
  EXPECT_EQ((*replies)[2].code, 229);
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

/// Two of these commands do not fit into one record.
TEST(ControlChannel, AnUnknownServerHasOneRecordInFlight) {
  const std::string path(1500, 'p');
  ScriptedPeer peer;
  for (int i = 0; i < 3; ++i) {
    // The second command must not be there before the first is answered.
    peer.expect_bytes("MDTM " + path + "\r\n").reply("213 20200101000000");
  }
  peer.expect_end();
  auto channel = channel_to(peer);
  const std::vector<ftp::Command> flight(3, command("MDTM", path));
  auto replies = channel->exchange(flight, soon());
  ASSERT_TRUE(replies);
  EXPECT_EQ(replies->size(), 3U);
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

class Records : public ::testing::Test {
 protected:
  void connect(ScriptedPeer& peer) {
    channel_ = std::make_unique<ControlChannel>(
        std::make_unique<RecordingStream>(peer.client(), records_));
  }

  std::vector<std::string> records_;
  std::unique_ptr<ControlChannel> channel_;
};

TEST_F(Records, HoldAtMostTwoThousandBytes) {
  const std::string line = "MDTM " + std::string(493, 'p') + "\r\n";
  ASSERT_EQ(line.size() * 4, ControlChannel::kMaxRecordBytes);
  for (const bool pipelining : {false, true}) {
    ScriptedPeer peer;
    for (int i = 0; i < 9; ++i) {
      peer.expect_bytes(line).reply("213 20200101000000");
    }
    peer.expect_end();
    records_.clear();
    connect(peer);
    channel_->allow_pipelining(pipelining);
    const std::vector<ftp::Command> flight(9, command("MDTM", std::string(493, 'p')));
    EXPECT_TRUE(channel_->exchange(flight, soon()));
    EXPECT_EQ(records_, (std::vector<std::string>{line + line + line + line,
                                                  line + line + line + line, line}));
    channel_.reset();
    EXPECT_EQ(peer.finish(), "");
  }
}

/// One reply makes room for one more command: a record for each would cost more than it brings.
TEST_F(Records, AreNotSentForSingleCommandsWhileManyAreOwed) {
  constexpr std::size_t kCommands = 2 * ControlChannel::kMaxOwed;
  ScriptedPeer peer;
  for (std::size_t i = 0; i < kCommands; ++i) {
    peer.expect("NOOP").reply("200 ok");
  }
  peer.expect_end();
  connect(peer);
  channel_->allow_pipelining(true);
  ASSERT_TRUE(channel_->exchange(std::vector<ftp::Command>(kCommands, command("NOOP")), soon()));
  constexpr std::size_t kFew = 32;
  EXPECT_LE(records_.size(), kCommands / kFew);
  channel_.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST_F(Records, HoldOneCommandEachForServersThatLoseCount) {
  ScriptedPeer peer;
  peer.expect("SIZE /a").reply("213 5").expect("MDTM /a").reply("213 6").expect("NOOP");
  peer.reply("200 ok").expect_end();
  connect(peer);
  channel_->send_singly(true);
  const std::vector<ftp::Command> flight{command("SIZE", "/a"), command("MDTM", "/a"),
                                         command("NOOP")};
  auto replies = channel_->exchange(flight, soon());
  ASSERT_TRUE(replies);
  EXPECT_EQ((*replies)[2].code, 200);
  EXPECT_EQ(records_, (std::vector<std::string>{"SIZE /a\r\n", "MDTM /a\r\n", "NOOP\r\n"}));
  channel_.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST(ControlChannel, AnEarlierReplyIsHandedOutAndAnswersNoOther) {
  for (const bool pipelining : {false, true}) {
    ScriptedPeer peer;
    peer.expect("EPSV").reply("229 (|||7|)").expect_bytes("SIZE /a\r\nNOOP\r\n");
    peer.send("213 5\r\n200 ok\r\n").expect_end();
    auto channel = channel_to(peer);
    channel->allow_pipelining(pipelining);
    const std::vector<ftp::Command> ask{command("EPSV")};
    ASSERT_TRUE(channel->send(ask, soon()));
    const std::vector<ftp::Command> flight{command("SIZE", "/a"), command("NOOP")};
    std::vector<ftp::Reply> earlier;
    auto replies = channel->exchange(flight, soon(), &earlier);
    ASSERT_TRUE(replies);
    ASSERT_EQ(earlier.size(), 1U);
    EXPECT_EQ(earlier[0].code, 229);
    ASSERT_EQ(replies->size(), 2U);
    EXPECT_EQ((*replies)[0].code, 213);
    EXPECT_EQ((*replies)[1].code, 200);
    EXPECT_TRUE(channel->is_quiet());
    channel.reset();
    EXPECT_EQ(peer.finish(), "");
  }
}

TEST(ControlChannel, ACommandMayGoOutAheadOfTheGreeting) {
  ScriptedPeer peer;
  peer.expect("AUTH TLS").send("220 ready\r\n234 go\r\n").expect_end();
  auto channel = channel_to(peer);
  ASSERT_TRUE(channel->send_ahead_of_greeting(command("AUTH", "TLS"), soon()));
  EXPECT_EQ(channel->read_greeting(soon())->code, 220);
  EXPECT_EQ(channel->owed(), 1U);
  EXPECT_EQ(channel->receive(soon())->code, 234);
  EXPECT_TRUE(channel->release_stream());
  EXPECT_EQ(peer.finish(), "");
}

/// TLS must not be laid over a connection on which the reply to AUTH is still to come.
TEST(ControlChannel, AStreamWithAReplyOwedIsNotGivenAway) {
  ScriptedPeer peer;
  peer.expect("AUTH TLS").reply("220 ready").expect_end();
  auto channel = channel_to(peer);
  ASSERT_TRUE(channel->send_ahead_of_greeting(command("AUTH", "TLS"), soon()));
  ASSERT_TRUE(channel->read_greeting(soon()));
  EXPECT_FALSE(channel->release_stream());
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST(ControlChannel, APipeliningServerHasSeveralRecordsInFlight) {
  const std::string path(1500, 'p');
  const std::string line = "MDTM " + path + "\r\n";
  ScriptedPeer peer;
  peer.expect_bytes(line + line + line);
  peer.reply("213 1").reply("213 2").reply("213 3").expect_end();
  auto channel = channel_to(peer);
  channel->allow_pipelining(true);
  const std::vector<ftp::Command> flight(3, command("MDTM", path));
  EXPECT_TRUE(channel->exchange(flight, soon()));
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

/// A server that cannot send its replies stops reading: both sides must not wait for each other.
TEST(ControlChannel, ReadsWhileItWrites) {
  constexpr int kCommands = 3000;
  const std::string path(1500, 'p');
  ScriptedPeer peer;
  for (int i = 0; i < kCommands; ++i) {
    peer.expect("MDTM " + path).send("213 " + std::string(4000, 'x') + "\r\n");
  }
  peer.expect_end();
  auto channel = channel_to(peer);
  channel->allow_pipelining(true);
  const std::vector<ftp::Command> flight(kCommands, command("MDTM", path));
  auto replies = channel->exchange(flight, soon());
  ASSERT_TRUE(replies);
  EXPECT_EQ(replies->size(), std::size_t{kCommands});
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST(ControlChannel, BytesBehindTheReplyToAuthAreAnAttack) {
  ScriptedPeer peer;
  peer.expect("AUTH TLS").send("234 go\r\n331 injected\r\n").expect_end();
  auto channel = channel_to(peer);
  auto reply = channel->exchange(command("AUTH", "TLS"), soon());
  ASSERT_TRUE(reply);
  auto released = channel->release_stream();
  ASSERT_FALSE(released);
  EXPECT_EQ(released.error().code, Errc::protocol_error);
  EXPECT_TRUE(channel->broken());
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST(ControlChannel, A421IsTheEndOfTheSession) {
  ScriptedPeer peer;
  peer.expect("NOOP").reply("421 Timeout.").close();
  auto channel = channel_to(peer);
  auto reply = channel->exchange(command("NOOP"), soon());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::closed);
  EXPECT_EQ(reply.error().reply_code, 421);
  EXPECT_EQ(reply.error().fate, SessionFate::broken);
  EXPECT_NE(reply.error().text.find("Timeout."), std::string::npos);
  EXPECT_EQ(peer.finish(), "");
}

TEST(ControlChannel, AnUnasked421ReachesTheNextCommandWithItsWords) {
  ScriptedPeer peer;
  peer.reply("421 Idle too long.").close();
  auto channel = channel_to(peer);
  EXPECT_EQ(peer.finish(), "");
  EXPECT_FALSE(channel->is_quiet());
  auto reply = channel->exchange(command("DELE", "/x"), soon());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::closed);
  EXPECT_NE(reply.error().text.find("Idle too long."), std::string::npos);
}

TEST(ControlChannel, AReplyTooManyBreaksTheChannelBeforeTheNextCommand) {
  ScriptedPeer peer;
  peer.expect("NOOP").send("200 one\r\n200 two\r\n").expect_end();
  auto channel = channel_to(peer);
  EXPECT_TRUE(channel->exchange(command("NOOP"), soon()));
  EXPECT_FALSE(channel->is_quiet());
  auto next = channel->exchange(command("DELE", "/x"), soon());
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, Errc::protocol_error);
  EXPECT_EQ(next.error().fate, SessionFate::broken);
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST(ControlChannel, AReplyTooManyWithinAFlightDoesNotAnswerTheNextCommand) {
  ScriptedPeer peer;
  // The first is the end of a transfer, said twice; taken as it comes, the refusal would be b's.
  peer.expect_bytes("DELE /a\r\nDELE /b\r\n")
      .send("226 Done.\r\n550 a stays\r\n250 b is gone\r\n")
      .expect_end();
  auto channel = channel_to(peer);
  const std::vector flight{command("DELE", "/a"), command("DELE", "/b")};
  auto replies = channel->exchange(flight, soon());
  ASSERT_FALSE(replies);
  EXPECT_EQ(replies.error().code, Errc::protocol_error);
  EXPECT_NE(replies.error().text.find("DELE by 226 Done."), std::string::npos)
      << replies.error().text;
  EXPECT_TRUE(channel->broken());
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST(ControlChannel, APreliminaryReplyWhereNoTransferBeginsIsOneTooMany) {
  ScriptedPeer peer;
  peer.expect("SIZE /a").reply("150 Here it comes").expect_end();
  auto channel = channel_to(peer);
  auto reply = channel->exchange(command("SIZE", "/a"), soon());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::protocol_error);
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST(ControlChannel, TheEndOfTheConnectionIsClosed) {
  ScriptedPeer peer;
  peer.expect("NOOP").close();
  auto channel = channel_to(peer);
  auto reply = channel->exchange(command("NOOP"), soon());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::closed);
  EXPECT_EQ(reply.error().fate, SessionFate::broken);
  // Sticky.
  EXPECT_EQ(channel->exchange(command("NOOP"), soon()).error().code, Errc::closed);
}

TEST(ControlChannel, NoiseInPlaceOfAReplyIsAProtocolError) {
  ScriptedPeer peer;
  peer.expect("NOOP").send("HTTP/1.1 400 Bad Request\r\n").expect_end();
  auto channel = channel_to(peer);
  auto reply = channel->exchange(command("NOOP"), soon());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::protocol_error);
  EXPECT_TRUE(channel->broken());
}

TEST(ControlChannel, ATimeoutBreaksTheChannel) {
  ScriptedPeer peer;
  peer.expect("NOOP").stall();
  auto channel = channel_to(peer);
  auto reply = channel->exchange(command("NOOP"), Wait::for_at_most(std::chrono::milliseconds(30)));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::timed_out);
  EXPECT_EQ(reply.error().fate, SessionFate::broken);
}

/// The kernel would deliver it when the link is back, behind what was sent elsewhere meanwhile.
TEST(ControlChannel, WhatNobodyWaitsForAnyMoreIsNotDeliveredLater) {
  for (const bool answered : {false, true}) {
    ScriptedPeer peer;
    peer.expect("NOOP");
    if (answered) {
      peer.reply("200 fine");
    }
    peer.expect_end();
    std::vector<std::string> records;
    bool was_reset = false;
    auto channel = std::make_unique<ControlChannel>(
        std::make_unique<RecordingStream>(peer.client(), records, &was_reset));
    const Wait wait = answered ? soon() : Wait::for_at_most(std::chrono::milliseconds(20));
    EXPECT_EQ(channel->exchange(command("NOOP"), wait).has_value(), answered);
    channel.reset();
    EXPECT_EQ(was_reset, !answered);
    EXPECT_EQ(peer.finish(), "");
  }
}

/// Cancels while the reply is awaited; the peer answers when it is told to.
class Cancelled : public ::testing::Test {
 protected:
  void cancel_a_size(ScriptedPeer& peer) {
    channel_ = channel_to(peer);
    auto reply =
        channel_->exchange(command("SIZE", "/a"), Wait{soon().deadline, stop_.get_token()});
    noticed_.release();
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Errc::cancelled);
    EXPECT_EQ(reply.error().fate, SessionFate::usable);
    EXPECT_EQ(channel_->owed(), 1U);
    EXPECT_FALSE(channel_->is_quiet());
  }

  /// On the peer's thread. The reply must not overtake the stop: the caller may take either first.
  void stop_and_wait() {
    stop_.request_stop();
    noticed_.acquire();
  }

  std::stop_source stop_;
  std::binary_semaphore noticed_{0};
  std::unique_ptr<ControlChannel> channel_;
};

TEST_F(Cancelled, TheStaleReplyNeverAnswersTheNextCommand) {
  ScriptedPeer peer;
  peer.expect("SIZE /a").run([this] { stop_and_wait(); });
  peer.reply("213 111").expect("SIZE /b").reply("213 222").expect_end();
  cancel_a_size(peer);
  auto reply = channel_->exchange(command("SIZE", "/b"), soon());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text(), "213 222");
  EXPECT_TRUE(channel_->is_quiet());
  channel_.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST_F(Cancelled, SettleReadsWhatIsOwed) {
  ScriptedPeer peer;
  peer.expect("SIZE /a").run([this] { stop_and_wait(); });
  peer.reply("213 111").expect_end();
  cancel_a_size(peer);
  EXPECT_TRUE(channel_->settle(soon()));
  EXPECT_TRUE(channel_->is_quiet());
  channel_.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST_F(Cancelled, SettleHasADeadline) {
  ScriptedPeer peer;
  peer.expect("SIZE /a").run([this] { stop_and_wait(); });
  peer.stall();
  cancel_a_size(peer);
  EXPECT_FALSE(channel_->settle(Wait::for_at_most(std::chrono::milliseconds(30))));
  EXPECT_TRUE(channel_->broken());
  channel_.reset();  // the peer waits for it
}

class Cut : public ::testing::TestWithParam<std::vector<std::string>> {};

/// Servers disagree on what a cut transfer is answered with; the mark ends all doubt.
TEST_P(Cut, TheMarkBringsTheDialogueBackIntoStep) {
  ScriptedPeer peer;
  peer.expect("RETR /a").reply("150 here it comes").expect("EPSV");
  for (const std::string& reply : GetParam()) {
    peer.reply(reply);
  }
  peer.reply("229 Entering (|||4711|)").expect("NOOP").reply("200 in step").expect_end();
  auto channel = channel_to(peer);
  const std::vector<ftp::Command> retr{command("RETR", "/a")};
  ASSERT_TRUE(channel->send(retr, soon()));
  ASSERT_EQ(channel->receive(soon())->code, 150);
  EXPECT_EQ(channel->owed(), 1U);
  ASSERT_TRUE(channel->settle_with_mark(command("EPSV"), 229, soon()));
  EXPECT_TRUE(channel->is_quiet());
  EXPECT_EQ(channel->exchange(command("NOOP"), soon())->text(), "200 in step");
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

/// The mark went out in the record of the transfer.
TEST_P(Cut, AMarkUnderWayDoesTheSame) {
  ScriptedPeer peer;
  peer.expect_bytes("SIZE /a\r\nRETR /a\r\nEPSV\r\n").send("550 no SIZE\r\n150 here it comes\r\n");
  for (const std::string& reply : GetParam()) {
    peer.reply(reply);
  }
  peer.reply("229 Entering (|||4711|)").expect("NOOP").reply("200 in step").expect_end();
  auto channel = channel_to(peer);
  const std::vector<ftp::Command> record{command("SIZE", "/a"), command("RETR", "/a"),
                                         command("EPSV")};
  ASSERT_TRUE(channel->send(record, soon()));
  // Cut before any of the replies was read.
  auto mark = channel->skip_to_mark(229, soon());
  ASSERT_TRUE(mark) << mark.error().text;
  EXPECT_EQ(mark->code, 229);
  EXPECT_TRUE(channel->is_quiet());
  EXPECT_EQ(channel->exchange(command("NOOP"), soon())->text(), "200 in step");
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

INSTANTIATE_TEST_SUITE_P(Replies, Cut,
                         ::testing::Values(std::vector<std::string>{"226 done"},
                                           std::vector<std::string>{"426 cut"},
                                           std::vector<std::string>{"426 cut", "226 aborted"},
                                           std::vector<std::string>{"551 error on output"},
                                           std::vector<std::string>{}));

TEST(ControlChannel, AnUnexpectedReplyBeforeTheMarkBreaksTheChannel) {
  ScriptedPeer peer;
  peer.expect("RETR /a").reply("150 here").expect("EPSV").reply("500 what?").expect_end();
  auto channel = channel_to(peer);
  const std::vector<ftp::Command> retr{command("RETR", "/a")};
  ASSERT_TRUE(channel->send(retr, soon()));
  ASSERT_TRUE(channel->receive(soon()));
  EXPECT_FALSE(channel->settle_with_mark(command("EPSV"), 229, soon()));
  EXPECT_TRUE(channel->broken());
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

}  // namespace
}  // namespace ftpsfs::session
