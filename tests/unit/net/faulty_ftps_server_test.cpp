// SPDX-License-Identifier: MIT
//
// The double FaultyFtpsServer tried by a hand-written client: what the session floor's tests build
// on must itself be right, each fault too.
#include "support/faulty_ftps_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <thread>

#include "faulty_server_client.hpp"
#include "ftpsfs/net/tls_stream.hpp"
#include "support/test_certificates.hpp"

namespace ftpsfs::test {
namespace {

using namespace std::chrono_literals;
using net::ByteStream;
using net::patient;
using net::TlsStream;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Client = FaultyServerClient;
using Scene = FaultyServerScene;

TEST(FaultyFtpsServerTest, LogsInExplicitAndImplicit) {
  for (const bool implicit : {false, true}) {
    FaultyServerOptions options;
    options.implicit_tls = implicit;
    const FaultyFtpsServer server(options);
    Client client(server, implicit);
    EXPECT_THAT(client.banner, StartsWith("220 ProFTPD"));
    EXPECT_TRUE(client.login());
    EXPECT_THAT(client.command("FEAT"), HasSubstr("\n MLST modify*;"));
    EXPECT_EQ(client.command("PWD"), "257 \"/\" is the current directory");
    EXPECT_EQ(client.command("QUIT"), "221 Goodbye.");
    EXPECT_EQ(client.reply(), "[end]");
    EXPECT_EQ(server.commands().back(), "QUIT");
    EXPECT_EQ(server.count("PASS"), 1);
  }
}

TEST(FaultyFtpsServerTest, RefusesWithoutTlsOrPassword) {
  const FaultyFtpsServer server;
  Client client(server);
  EXPECT_THAT(client.command("USER user"), StartsWith("550 SSL/TLS required"));
  ASSERT_TRUE(client.auth_tls());
  EXPECT_THAT(client.command("PWD"), StartsWith("530 "));
  EXPECT_THAT(client.command("USER user"), StartsWith("331 "));
  EXPECT_EQ(client.command("PASS wrong"), "530 Login incorrect.");
}

TEST(FaultyFtpsServerTest, UploadsListsAndDownloads) {
  FaultyFtpsServer server;
  server.tree().add_directory("/dir");
  Client client(server);
  ASSERT_TRUE(client.login());
  const std::string content(200'000, 'x');
  EXPECT_EQ(client.upload("STOR /dir/a b", content), "226 Transfer complete");
  EXPECT_EQ(server.tree().content("/dir/a b"), content);
  EXPECT_EQ(client.download("RETR /dir/a b"), content + "|226 Transfer complete");
  EXPECT_EQ(client.command("REST 199998"),
            "350 Restarting at 199998. Send STORE or RETRIEVE to "
            "initiate transfer");
  EXPECT_EQ(client.download("RETR /dir/a b"), "xx|226 Transfer complete");
  EXPECT_EQ(client.upload("APPE /dir/a b", "tail"), "226 Transfer complete");
  EXPECT_EQ(client.command("SIZE /dir/a b"), "213 200004");
  EXPECT_THAT(client.download("MLSD /dir"), HasSubstr("size=200004;type=file;"));
  EXPECT_THAT(client.download("LIST -a /dir"),
              AllOf(StartsWith("-rw-r--r-- "), HasSubstr(" 200004 Sep 13  2020 a b\r\n")));
  EXPECT_THAT(client.command("MLST /dir"), HasSubstr("type=dir;"));
  EXPECT_THAT(client.command("STAT -a /dir"), HasSubstr(" a b\n213 End"));
  EXPECT_EQ(server.data_connections(), 6);
  EXPECT_EQ(server.data_connections_resumed(), 6);
}

TEST(FaultyFtpsServerTest, ChangesTheTree) {
  FaultyFtpsServer server;
  server.tree().add_file("/f", "1");
  Client client(server);
  ASSERT_TRUE(client.login());
  EXPECT_EQ(client.command("MKD d\"q"), "257 \"/d\"\"q\" - Directory successfully created");
  EXPECT_EQ(client.command("MKD d\"q"), "550 d\"q: File exists");
  EXPECT_THAT(client.command("RNFR f"), StartsWith("350 "));
  EXPECT_EQ(client.command("RNTO d\"q/g"), "250 Rename successful");
  EXPECT_EQ(client.command("RMD d\"q"), "550 d\"q: Directory not empty");
  EXPECT_EQ(client.command("MFMT 20010203040506 d\"q/g"), "213 Modify=20010203040506; /d\"q/g");
  EXPECT_EQ(client.command("MDTM d\"q/g"), "213 20010203040506");
  EXPECT_THAT(client.command("SITE CHMOD 600 d\"q/g"), StartsWith("200 "));
  EXPECT_EQ(server.tree().find("/d\"q/g")->node.mode, 0600U);
  EXPECT_THAT(client.command("CWD d\"q"), StartsWith("250 "));
  EXPECT_THAT(client.command("DELE g"), StartsWith("250 "));
  EXPECT_THAT(client.command("CDUP"), StartsWith("250 "));
  EXPECT_THAT(client.command("RMD d\"q"), StartsWith("250 "));
  EXPECT_EQ(client.command("DELE gone"), "550 gone: No such file or directory");
}

TEST(FaultyFtpsServerTest, PassiveWithoutEpsvAndLyingAddress) {
  FaultyServerOptions options;
  options.epsv = false;
  options.mlst = false;
  options.pasv_lies = true;
  const FaultyFtpsServer server(options);
  Client client(server);
  ASSERT_TRUE(client.login());
  EXPECT_THAT(client.command("EPSV"), StartsWith("500 "));
  EXPECT_THAT(client.command("PASV"), StartsWith("227 Entering Passive Mode (192,0,2,1,"));
  EXPECT_THAT(client.command("MLSD"), StartsWith("500 "));
}

TEST(FaultyFtpsServerTest, ClearDataWhereAllowed) {
  FaultyFtpsServer server;
  server.tree().add_file("/f", "clear");
  Client client(server);
  ASSERT_TRUE(client.login("C"));
  EXPECT_EQ(client.download("RETR /f", false), "clear|226 Transfer complete");
  EXPECT_EQ(client.upload("STOR /g", "also", false), "226 Transfer complete");
  FaultyServerOptions strict;
  strict.clear_data_allowed = false;
  const FaultyFtpsServer strict_server(strict);
  Client other(strict_server);
  EXPECT_FALSE(other.login("C"));
}

TEST(FaultyFtpsServerTest, RequiresResumptionFromItsOwnControlConnection) {
  FaultyServerOptions options;
  options.require_resumption = true;
  FaultyFtpsServer server(options);
  server.tree().add_file("/f", "data");
  Client client(server);
  ASSERT_TRUE(client.login());
  EXPECT_EQ(client.download("RETR /f"), "data|226 Transfer complete");
  Client stranger(server);
  ASSERT_TRUE(stranger.login());
  const std::string answer = client.command("EPSV");
  const auto port = static_cast<std::uint16_t>(std::stoul(answer.substr(answer.find("|||") + 3)));
  auto socket = net::connect_to(client.control()->peer_address().with_port(port), patient());
  ASSERT_TRUE(socket);
  auto data = TlsStream::open_data(*std::move(socket), *stranger.control());
  EXPECT_THAT(client.command("RETR /f"), StartsWith("150 "));
  ASSERT_TRUE((*data)->handshake(patient()));
  EXPECT_THAT(client.reply(), StartsWith("522 "));
  EXPECT_EQ(client.reply(), "[end]");
}

// --------------------------------------------------------------------------------- faults

using Kind = Fault::Kind;

TEST(FaultyFtpsServerTest, RefusesTheNthCommandOnce) {
  Scene scene({.verb = "NOOP", .kind = Kind::refuse, .nth = 2, .reply = "450 Busy."});
  ASSERT_TRUE(scene.ready);
  EXPECT_THAT(scene.client.command("NOOP"), StartsWith("200 "));
  EXPECT_EQ(scene.client.command("NOOP"), "450 Busy.");
  EXPECT_THAT(scene.client.command("NOOP"), StartsWith("200 "));
}

TEST(FaultyFtpsServerTest, ResetsClosesAndStalls) {
  for (const auto& [kind, seen] :
       {std::pair{Kind::reset, "[closed]"}, std::pair{Kind::close, "[truncated]"}}) {
    Scene scene({.verb = "NOOP", .kind = kind});
    ASSERT_TRUE(scene.ready);
    EXPECT_EQ(scene.client.command("NOOP"), seen);
  }
  Scene scene({.verb = "NOOP", .kind = Kind::stall});
  scene.client.send("NOOP");
  EXPECT_FALSE(scene.client.control()->wait_for_progress(false, Wait::for_at_most(30ms)));
}

TEST(FaultyFtpsServerTest, HaltsAtTheNthCommandBehindTheLogin) {
  Scene scene({.verb = "WORK", .kind = Kind::stall_reply, .nth = 2, .times = -1});
  ASSERT_TRUE(scene.ready);
  Client second(scene.server);
  ASSERT_TRUE(second.login());
  EXPECT_THAT(scene.client.command("MKD /one"), StartsWith("257 "));
  EXPECT_EQ(scene.server.stalled(), 0);
  scene.client.send("MKD /two");
  EXPECT_FALSE(scene.client.control()->wait_for_progress(false, Wait::for_at_most(30ms)));
  EXPECT_TRUE(scene.server.tree().exists("/two"));
  EXPECT_EQ(scene.server.stalled(), 1);
  second.send("MKD /three");
  EXPECT_FALSE(second.control()->wait_for_progress(false, Wait::for_at_most(30ms)));
  EXPECT_EQ(scene.server.stalled(), 2);
  scene.server.clear_faults();
  Client third(scene.server);
  ASSERT_TRUE(third.login());
  EXPECT_THAT(third.command("MKD /four"), StartsWith("257 "));
}

TEST(FaultyFtpsServerTest, TruncatesWithAndWithoutAReply) {
  Scene scene({.verb = "RETR", .kind = Kind::truncate, .reply = "226 Done.", .bytes = 4});
  EXPECT_EQ(scene.client.download("RETR /f"), "0123[truncated]|226 Done.");
  EXPECT_EQ(scene.client.download("RETR /f"), "0123456789|226 Transfer complete");
  scene.server.add_fault({.verb = "MLSD", .kind = Kind::truncate, .bytes = 7});
  auto data = scene.client.open_data();
  EXPECT_THAT(scene.client.command("MLSD /"), StartsWith("150 "));
  ASSERT_TRUE(Client::shake(*data));
  EXPECT_EQ(Client::read_all(*data), "modify=[truncated]");
  EXPECT_THAT(scene.client.command("NOOP"), StartsWith("200 "));  // no reply came in between
}

TEST(FaultyFtpsServerTest, CutsAndStallsData) {
  Scene scene({.verb = "RETR", .kind = Kind::cut_data, .bytes = 4});
  EXPECT_THAT(scene.client.download("RETR /f"), HasSubstr("[closed]|426 Transfer aborted."));
  scene.server.add_fault({.verb = "RETR", .kind = Kind::stall_data, .bytes = 4});
  auto data = scene.client.open_data();
  EXPECT_THAT(scene.client.command("RETR /f"), StartsWith("150 "));
  ASSERT_TRUE(Client::shake(*data));
  std::array<std::byte, 4> four{};
  ASSERT_TRUE(data->read(four, patient()));
  EXPECT_FALSE(data->read(four, Wait::for_at_most(30ms)));
  data->reset();
  EXPECT_THAT(scene.client.reply(), StartsWith("426 "));
  scene.server.add_fault({.verb = "STOR", .kind = Kind::cut_data, .bytes = 5});
  EXPECT_THAT(scene.client.upload("STOR /g", "0123456789"), StartsWith("426 "));
  EXPECT_EQ(scene.server.tree().content("/g"), "01234");
}

TEST(FaultyFtpsServerTest, EndsSilently) {
  Scene scene({.verb = "RETR", .kind = Kind::silent_end});
  EXPECT_EQ(scene.client.download("RETR /f"), "0123456789[truncated]|226 Transfer complete");
}

TEST(FaultyFtpsServerTest, DropsReplacesAndInjectsFinalReplies) {
  Scene scene({.verb = "NOOP", .kind = Kind::replace_reply, .reply = "500 What?"});
  EXPECT_EQ(scene.client.command("NOOP"), "500 What?");
  scene.server.add_fault({.verb = "NOOP", .kind = Kind::inject, .reply = "220 Stray.\r\n"});
  EXPECT_EQ(scene.client.command("NOOP"), "220 Stray.");
  EXPECT_THAT(scene.client.reply(), StartsWith("200 "));
  scene.server.add_fault({.verb = "MKD", .kind = Kind::drop_reply});
  EXPECT_EQ(scene.client.command("MKD /made"), "[closed]");
  EXPECT_TRUE(scene.server.tree().exists("/made"));
}

TEST(FaultyFtpsServerTest, RefusesConnections) {
  FaultyServerOptions options;
  options.max_connections = 1;
  FaultyFtpsServer server(options);
  const Client first(server);
  EXPECT_THAT(first.banner, StartsWith("220 "));
  EXPECT_EQ(Client(server).banner, "421 Too many connections.");
  EXPECT_EQ(server.connections_accepted(), 2);
  FaultyFtpsServer other;
  other.add_fault({.verb = "CONNECT", .kind = Kind::refuse, .nth = 2, .reply = "421 Not now."});
  EXPECT_THAT(Client(other).banner, StartsWith("220 "));
  EXPECT_EQ(Client(other).banner, "421 Not now.");
  EXPECT_THAT(Client(other).banner, StartsWith("220 "));
  other.set_listening(false);
  EXPECT_EQ(Client(other).banner, "[unreachable]");
  other.set_listening(true);
  EXPECT_THAT(Client(other).banner, StartsWith("220 "));
}

TEST(FaultyFtpsServerTest, RestartsUnderItsClients) {
  FaultyFtpsServer server;
  Client client(server);
  ASSERT_TRUE(client.login());
  server.reset_all_connections();
  EXPECT_EQ(client.reply(), "[closed]");
  EXPECT_TRUE(Client(server).login());
}

TEST(FaultyFtpsServerTest, EndsWhileAnUploadIsUnderWay) {
  auto server = std::make_unique<FaultyFtpsServer>();
  Client client(*server);
  ASSERT_TRUE(client.login());
  auto data = client.open_data();
  EXPECT_THAT(client.command("STOR /f"), StartsWith("150 "));
  ASSERT_TRUE(Client::shake(*data));
  server.reset();  // joins the thread that waits for our bytes
  EXPECT_THAT(client.reply(), ::testing::AnyOf(StartsWith("["), StartsWith("426 ")));
}

}  // namespace
}  // namespace ftpsfs::test
