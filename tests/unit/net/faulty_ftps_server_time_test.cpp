// SPDX-License-Identifier: MIT
//
// The double's faults that come with time, and those that are drawn by chance.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <thread>

#include "faulty_server_client.hpp"
#include "ftpsfs/base/wait.hpp"
#include "support/faulty_ftps_server.hpp"
#include "support/faulty_ftps_server_dice.hpp"

namespace ftpsfs::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Client = FaultyServerClient;
using Scene = FaultyServerScene;
using Kind = Fault::Kind;

// ---- By time. A machine that stands still makes all of it later, never earlier. ----

class ByTime : public ::testing::Test {
 protected:
  bool is_over(std::chrono::milliseconds span) const { return SteadyClock::now() >= began_ + span; }

  void begin_anew() { began_ = SteadyClock::now(); }

 private:
  SteadyTime began_ = SteadyClock::now();
};

TEST_F(ByTime, ATransferStandsStillAndIsCut) {
  Scene scene({.verb = "RETR", .kind = Kind::cut_data, .bytes = 4, .after = 20ms});
  EXPECT_EQ(scene.client.download("RETR /f"),
            "0123[closed]|426 Transfer aborted. Data connection closed");
  EXPECT_TRUE(is_over(20ms));
  scene.server.add_fault(
      {.verb = "STOR", .kind = Kind::truncate, .reply = "451 Trouble.", .bytes = 5, .after = 40ms});
  EXPECT_EQ(scene.client.upload("STOR /g", "0123456789"), "451 Trouble.");
  EXPECT_EQ(scene.server.tree().content("/g"), "01234");
  EXPECT_TRUE(is_over(60ms));
}

TEST_F(ByTime, AReplyIsLate) {
  Scene scene({.verb = "MKD", .kind = Kind::late, .after = 20ms});
  EXPECT_THAT(scene.client.command("MKD /made"), StartsWith("257 "));
  EXPECT_TRUE(is_over(20ms));
  EXPECT_TRUE(scene.server.tree().exists("/made"));
}

TEST_F(ByTime, ASessionEndsInTheMiddleOfAnything) {
  for (const Kind kind : {Kind::reset, Kind::close}) {
    begin_anew();
    FaultyFtpsServer server;
    server.tree().add_file("/f", "0123456789");
    server.add_fault({.verb = "SESSION", .kind = kind, .nth = 2, .after = 60ms});
    Client other(server);
    Client client(server);
    ASSERT_TRUE(other.login());
    if (client.login()) {  // else it was cut as early as that
      server.add_fault({.verb = "RETR", .kind = Kind::stall_data, .bytes = 4});
      EXPECT_THAT(client.download("RETR /f"), ::testing::Not(HasSubstr("0123456789")));
      EXPECT_THAT(client.command("NOOP"), StartsWith("["));
    }
    EXPECT_TRUE(is_over(60ms));
    EXPECT_THAT(other.command("NOOP"), StartsWith("200 "));
    EXPECT_GE(server.faults_met(), 1);
  }
}

TEST_F(ByTime, ASessionIsEndedByTheServerWithItsReply) {
  FaultyFtpsServer server;
  server.add_fault({.verb = "SESSION", .reply = "421 Time is up.", .after = 20ms});
  Client client(server);
  EXPECT_THAT(client.reply(), ::testing::AnyOf("421 Time is up.", StartsWith("[")));
  EXPECT_TRUE(is_over(20ms));
  EXPECT_THAT(Client(server).command("NOOP"), StartsWith("200 "));
}

TEST_F(ByTime, ASessionFallsSilent) {
  FaultyFtpsServer server;
  server.add_fault({.verb = "SESSION", .kind = Kind::stall, .after = 1ms});
  Client client(server);
  for (const Wait patience = Wait::for_at_most(20s);
       server.stalled() == 0 && !patience.expired();) {
    std::this_thread::yield();
  }
  EXPECT_GE(server.stalled(), 1);
  client.send("NOOP");
  Client other(server);  // by when that is answered the first one would be
  EXPECT_THAT(other.command("NOOP"), StartsWith("200 "));
  EXPECT_EQ(server.count("NOOP"), 1);
}

// ---- By chance ----

TEST(FaultDiceTest, TheSameSeedDrawsTheSameFaults) {
  FaultDice one(7);
  FaultDice same(7);
  FaultDice other(8);
  std::string drawn_by_one;
  std::string drawn_by_other;
  for (int i = 0; i < 20; ++i) {
    const std::string drawn = describe(one.draw());
    EXPECT_EQ(drawn, describe(same.draw()));
    drawn_by_one += drawn + "\n";
    drawn_by_other += describe(other.draw()) + "\n";
  }
  EXPECT_NE(drawn_by_one, drawn_by_other);
}

TEST(FaultDiceTest, DrawsEveryKindAndNeverWhatAClientCannotSee) {
  FaultDice dice(1);
  std::set<Kind> kinds;
  for (int i = 0; i < 2000; ++i) {
    const Fault fault = dice.draw();
    kinds.insert(fault.kind);
    EXPECT_GE(fault.nth, 1);
    EXPECT_EQ(fault.times, 1);
    EXPECT_GE(fault.bytes, 1U);
  }
  EXPECT_GE(kinds.size(), 18U);
  for (const Kind unseen : {Kind::corrupt, Kind::as_text, Kind::false_listing, Kind::clear_data,
                            Kind::replace_reply, Kind::inject}) {
    EXPECT_EQ(kinds.count(unseen), 0U);
  }
}

}  // namespace
}  // namespace ftpsfs::test
