// SPDX-License-Identifier: MIT
#include "ftpsfs/session/verb_times.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ftpsfs/session/control_channel.hpp"
#include "soon.hpp"
#include "support/scripted_peer.hpp"

namespace ftpsfs::session {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using test::ScriptedPeer;

TEST(VerbTimes, SumsUpWhatWasNoted) {
  VerbTimes times;
  EXPECT_TRUE(times.summary().empty());
  times.of("MLST");
  EXPECT_TRUE(times.summary().empty()) << "sent, but not answered";
  for (const int us : {100, 200, 600}) {
    times.of("MLST").note(microseconds(us));
  }
  const auto all = times.summary();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].verb, "MLST");
  EXPECT_EQ(all[0].count, 3U);
  EXPECT_EQ(all[0].mean, microseconds(300));
  EXPECT_EQ(all[0].median, microseconds(256)) << "200, rounded up";
  EXPECT_EQ(all[0].p99, microseconds(600)) << "1024 would be above the largest";
  EXPECT_EQ(all[0].largest, microseconds(600));
}

TEST(VerbTimes, OneInAHundredDoesNotMoveTheLimitOfTheOthers) {
  VerbTimes times;
  for (int i = 0; i < 99; ++i) {
    times.of("SIZE").note(microseconds(3));
  }
  times.of("SIZE").note(milliseconds(500));
  EXPECT_EQ(times.summary()[0].p99, microseconds(4));
  EXPECT_EQ(times.summary()[0].largest, milliseconds(500));
  times.of("SIZE").note(milliseconds(500));
  EXPECT_EQ(times.summary()[0].p99, milliseconds(500));
}

TEST(VerbTimes, TheEndsOfTheScale) {
  VerbTimes times;
  times.of("NOOP").note(microseconds(0));
  times.of("NOOP").note(microseconds(-5));  // no clock of ours goes back, but who knows
  EXPECT_EQ(times.summary()[0].largest, microseconds(0));
  EXPECT_EQ(times.summary()[0].median, microseconds(0));
  times.of("RETR").note(std::chrono::hours(48));
  EXPECT_EQ(times.summary()[0].median, std::chrono::hours(48));
}

TEST(VerbTimes, WhatTookMostOfTheTimeComesFirst) {
  VerbTimes times;
  times.of("QUIT").note(milliseconds(2));
  for (int i = 0; i < 3; ++i) {
    times.of("MLST").note(milliseconds(1));
  }
  EXPECT_EQ(times.summary()[0].verb, "MLST");
}

TEST(VerbTimes, TheTableDoesNotGrowWithoutEnd) {
  for (const bool long_first : {false, true}) {
    VerbTimes times;
    const std::string long_verb(VerbTimes::kLongestVerb + 1, 'V');
    if (long_first) {
      times.of(long_verb).note(milliseconds(1));
    }
    for (std::size_t i = 0; i < 3 * VerbTimes::kMostVerbs; ++i) {
      times.of("V" + std::to_string(i)).note(milliseconds(1));
      times.of("V0").note(microseconds(1));
    }
    times.of(long_verb).note(milliseconds(1));
    const auto all = times.summary();
    EXPECT_LE(all.size(), VerbTimes::kMostVerbs);
    EXPECT_EQ(all.front().verb, VerbTimes::kOtherVerbs);
    std::uint64_t counted = 0;
    for (const auto& one : all) {
      counted += one.count;
    }
    EXPECT_EQ(counted, 6 * VerbTimes::kMostVerbs + (long_first ? 2 : 1));
    EXPECT_EQ(std::count_if(all.begin(), all.end(),
                            [](const auto& one) { return one.verb == VerbTimes::kOtherVerbs; }),
              1);
  }
}

TEST(VerbTimes, ManyThreadsLoseNoCount) {
  VerbTimes times;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&times] {
      for (int n = 0; n < 1000; ++n) {
        times.of("V" + std::to_string(n % 10)).note(microseconds(n));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const auto all = times.summary();
  ASSERT_EQ(all.size(), 10U);
  for (const auto& one : all) {
    EXPECT_EQ(one.count, 400U) << one.verb;
  }
}

// ---- What the control channel notes ----

class MeasuredChannel : public ::testing::Test {
 protected:
  std::unique_ptr<ControlChannel> channel_to(ScriptedPeer& peer) {
    return std::make_unique<ControlChannel>(std::make_unique<net::SocketStream>(peer.client()),
                                            DialogueNotes{&times_});
  }
  static std::vector<ftp::Command> flight(const std::vector<std::string>& verbs) {
    std::vector<ftp::Command> commands;
    for (const std::string& verb : verbs) {
      commands.push_back(*ftp::Command::make(verb));
    }
    return commands;
  }
  std::uint64_t count(std::string_view verb) const {
    for (const auto& one : times_.summary()) {
      if (one.verb == verb) {
        return one.count;
      }
    }
    return 0;
  }

  VerbTimes times_;
};

TEST_F(MeasuredChannel, EachFinalReplyCountsForItsVerb) {
  ScriptedPeer peer;
  peer.reply("220 ready").expect_bytes("SIZE\r\nNOOP\r\nNOOP\r\n");
  peer.send("550 no\r\n200 ok\r\n200 ok\r\n").expect_end();
  auto channel = channel_to(peer);
  ASSERT_TRUE(channel->read_greeting(soon()));
  ASSERT_TRUE(channel->exchange(flight({"SIZE", "NOOP", "NOOP"}), soon()));
  EXPECT_EQ(count("SIZE"), 1U);
  EXPECT_EQ(count("NOOP"), 2U);
  EXPECT_EQ(times_.summary().size(), 2U) << "nobody asked for the greeting";
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST_F(MeasuredChannel, APreliminaryReplyIsNotTheEnd) {
  ScriptedPeer peer;
  peer.expect("RETR").reply("150 coming").expect("NOOP").reply("226 done").reply("200 ok");
  peer.expect_end();
  auto channel = channel_to(peer);
  ASSERT_TRUE(channel->send(flight({"RETR"}), soon()));
  ASSERT_TRUE(channel->receive(soon()));
  EXPECT_EQ(count("RETR"), 0U);
  ASSERT_TRUE(channel->send(flight({"NOOP"}), soon()));
  ASSERT_TRUE(channel->receive(soon()));
  EXPECT_EQ(count("RETR"), 1U);
  EXPECT_EQ(count("NOOP"), 0U);
  ASSERT_TRUE(channel->receive(soon()));
  EXPECT_EQ(count("NOOP"), 1U);
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST_F(MeasuredChannel, ATransferThatWasCutEndsWithTheMark) {
  ScriptedPeer peer;
  peer.expect("RETR").expect("EPSV").reply("426 cut").reply("226 done").reply("229 (|||7|)");
  peer.expect_end();
  auto channel = channel_to(peer);
  ASSERT_TRUE(channel->send(flight({"RETR"}), soon()));
  ASSERT_TRUE(channel->settle_with_mark(*ftp::Command::make("EPSV"), 229, soon()));
  EXPECT_EQ(count("RETR"), 1U);
  EXPECT_EQ(count("EPSV"), 1U);
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
}

TEST_F(MeasuredChannel, ALostReplyHasNoTime) {
  ScriptedPeer peer;
  peer.expect("NOOP").reply("421 bye");
  auto channel = channel_to(peer);
  EXPECT_FALSE(channel->exchange(flight({"NOOP"}), soon()));
  EXPECT_EQ(count("NOOP"), 0U);
}

}  // namespace
}  // namespace ftpsfs::session
