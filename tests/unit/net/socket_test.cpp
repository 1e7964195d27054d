// SPDX-License-Identifier: MIT
//
// Connecting, waiting, cancelling. Nothing sleeps: what must take long is made to by a full accept
// queue or a silent peer, and ended by a deadline or a stop.
#include "ftpsfs/net/socket.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "loopback_client.hpp"
#include "support/faulty_ftps_server_tls.hpp"
#include "support/scripted_peer.hpp"

namespace ftpsfs::net {
namespace {

using namespace std::chrono_literals;
using test::LoopbackServer;
using test::ScriptedPeer;
using test::ServerConnection;

SocketAddress loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

/// A port where nobody listens: taken, and let go.
std::uint16_t closed_port() {
  std::uint16_t port = 0;
  static_cast<void>(test::listen_on_loopback(port));
  return port;
}

/// A port whose accept queue is full, so that the kernel answers no SYN.
class DeafPort {
 public:
  DeafPort() : listener_(test::listen_on_loopback(port_)) {
    ::listen(listener_.get(), 0);
    for (auto& each : fillers_) {
      if (auto socket = begin_connect(loopback(port_))) {
        each = *std::move(socket);
      }
    }
  }
  std::uint16_t port() const { return port_; }
  /// From now on SYNs are answered.
  void open_up() {
    constexpr int kRoomEnough = 64;
    ::listen(listener_.get(), kRoomEnough);
  }

 private:
  std::uint16_t port_ = 0;
  UniqueFd listener_;
  std::array<Socket, 4> fillers_;
};

std::uint16_t local_port(const Socket& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  EXPECT_EQ(::getsockname(socket.fd(), address, &length), 0);
  return SocketAddress(address, length).port();
}

void hold_open(ServerConnection& connection) {
  connection.await_end();
}

TEST(SocketAddressTest, ShowsHostAndPort) {
  EXPECT_EQ(loopback(21).to_string(), "127.0.0.1:21");
  EXPECT_EQ(loopback(21).with_port(990).to_string(), "127.0.0.1:990");
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_addr = in6addr_loopback;
  const SocketAddress address(reinterpret_cast<const sockaddr*>(&six), sizeof six);
  EXPECT_EQ(address.with_port(2121).to_string(), "[::1]:2121");
  EXPECT_EQ(address.with_port(2121).port(), 2121);
}

TEST(ConnectTest, ReachesANameAndAnAddress) {
  LoopbackServer server(hold_open);
  for (const char* host : {"localhost", "127.0.0.1"}) {
    auto socket = connect_tcp(host, server.port(), patient());
    ASSERT_TRUE(socket) << socket.error().text;
    EXPECT_EQ(socket->peer_address().to_string(), "127.0.0.1:" + std::to_string(server.port()));
  }
}

TEST(ConnectTest, RefusalNamesHostAndPort) {
  const std::uint16_t port = closed_port();
  auto socket = connect_tcp("127.0.0.1", port, patient());
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Errc::unreachable);
  EXPECT_EQ(socket.error().text, "connection refused by 127.0.0.1:" + std::to_string(port));
}

TEST(ConnectTest, RefusalOfANameShowsTheAddressToo) {
  const std::uint16_t port = closed_port();
  auto socket = connect_tcp("localhost", port, patient());
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().text.find("connection refused by localhost:" + std::to_string(port)),
            std::size_t{0})
      << socket.error().text;
}

TEST(ConnectTest, UnknownNameIsToldAsSuch) {
  const std::string name(300, 'a');  // no resolver asks a server for this
  auto socket = connect_tcp(name, 21, patient());
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Errc::unreachable);
  EXPECT_EQ(socket.error().text.find("cannot resolve host aaa"), std::size_t{0});
}

TEST(ConnectTest, BracketedAddressIsUnderstood) {
  auto socket = connect_tcp("[::1]", closed_port(), patient());
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Errc::unreachable);
  EXPECT_EQ(socket.error().text.find("cannot resolve"), std::string::npos);
}

TEST(ConnectTest, DeadlineEndsASilentConnect) {
  const DeafPort deaf;
  auto socket = connect_tcp("127.0.0.1", deaf.port(), Wait::for_at_most(30ms));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Errc::timed_out);
  EXPECT_EQ(socket.error().text,
            "timed out connecting to 127.0.0.1:" + std::to_string(deaf.port()));
}

TEST(ConnectTest, StopEndsASilentConnect) {
  const DeafPort deaf;
  std::stop_source source;
  const std::jthread stopper([&] { source.request_stop(); });
  auto socket = connect_to(loopback(deaf.port()), Wait::for_at_most(10s, source.get_token()));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Errc::cancelled);
}

TEST(ConnectTest, LookupHoldsTheStop) {
  std::stop_source source;
  source.request_stop();
  auto socket = connect_tcp("localhost", 1, Wait::for_at_most(10s, source.get_token()));
  ASSERT_FALSE(socket);
  EXPECT_TRUE(socket.error().code == Errc::cancelled || socket.error().code == Errc::unreachable);
}

TEST(ConnectTest, BegunConnectIsFinishedLater) {
  LoopbackServer server(hold_open);
  auto socket = begin_connect(loopback(server.port()));
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->finish_connect(patient()));
  EXPECT_FALSE(socket->connecting());
  ASSERT_TRUE(socket->finish_connect(patient()));  // again is nothing
}

TEST(ConnectTest, ASilentConnectIsBegunAnew) {
  DeafPort port;
  auto socket = begin_connect(loopback(port.port()));
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->connecting());
  const std::uint16_t first = local_port(*socket);
  socket->dial_again_after(1ms);
  port.open_up();  // TCP's own next SYN is due in a second, from the same port
  ASSERT_TRUE(socket->finish_connect(patient()));
  EXPECT_NE(local_port(*socket), first);
  ASSERT_TRUE(socket->wait_writable(patient(), "the server"));
}

TEST(ConnectTest, OneThatIsBegunAnewInVainEndsWithItsDeadline) {
  const DeafPort deaf;
  auto socket = begin_connect(loopback(deaf.port()));
  ASSERT_TRUE(socket);
  socket->dial_again_after(1ms);
  const auto done = socket->finish_connect(Wait::for_at_most(30ms));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::timed_out);
  EXPECT_EQ(done.error().text, "timed out connecting to 127.0.0.1:" + std::to_string(deaf.port()));
}

TEST(ConnectTest, OneThatWasConnectedMeanwhileIsKept) {
  LoopbackServer server(hold_open);
  auto socket = begin_connect(loopback(server.port()));
  ASSERT_TRUE(socket);
  const std::uint16_t first = local_port(*socket);
  ASSERT_TRUE(socket->wait_writable(patient(), "the server"));
  socket->dial_again_after(1ms);
  // Nobody has noticed yet that it is connected, and the server is silent.
  EXPECT_FALSE(socket->wait_readable(Wait::for_at_most(20ms), "the server"));
  ASSERT_TRUE(socket->finish_connect(patient()));
  EXPECT_EQ(local_port(*socket), first);
}

TEST(ConnectTest, BegunConnectThatIsRefused) {
  const std::uint16_t port = closed_port();
  auto socket = begin_connect(loopback(port));
  if (socket) {
    auto done = socket->finish_connect(patient());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().text, "connection refused by 127.0.0.1:" + std::to_string(port));
  } else {
    EXPECT_EQ(socket.error().code, Errc::unreachable);
  }
}

TEST(SocketTest, StopWakesABlockedWaitAtOnce) {
  std::stop_source source;
  ScriptedPeer peer;
  peer.expect_bytes("x").run([&] { source.request_stop(); }).stall();
  Socket socket = peer.client();
  const std::array<std::byte, 1> byte{std::byte{'x'}};
  ASSERT_TRUE(socket.try_write(byte));
  const auto begin = SteadyClock::now();
  auto waited = socket.wait_readable(Wait::for_at_most(10s, source.get_token()), "the server");
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Errc::cancelled);
  EXPECT_EQ(waited.error().text, "interrupted while waiting for the server");
  EXPECT_LT(SteadyClock::now() - begin, 5s);
}

TEST(SocketTest, WakeIsNotRememberedByTheNextWait) {
  ScriptedPeer peer;
  peer.expect_bytes("x").send("y").stall();
  Socket socket = peer.client();
  for (int i = 0; i < 3; ++i) {
    std::stop_source source;
    const std::jthread stopper([&] { source.request_stop(); });
    EXPECT_FALSE(socket.wait_readable(Wait::for_at_most(10s, source.get_token()), "it"));
  }
  const std::array<std::byte, 1> byte{std::byte{'x'}};
  ASSERT_TRUE(socket.try_write(byte));
  const std::stop_source quiet;
  EXPECT_TRUE(socket.wait_readable(Wait::for_at_most(10s, quiet.get_token()), "it"));
}

TEST(SocketTest, DeadlineEndsAWait) {
  ScriptedPeer peer;
  peer.stall();
  Socket socket = peer.client();
  auto waited = socket.wait_readable(Wait::for_at_most(20ms), "a reply");
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Errc::timed_out);
  EXPECT_EQ(waited.error().text, "timed out waiting for a reply");
}

TEST(SocketTest, ResetByThePeerIsClosed) {
  ScriptedPeer peer;
  peer.reset();
  Socket socket = peer.client();
  ASSERT_TRUE(socket.wait_readable(patient(), "it"));
  EXPECT_TRUE(socket.readable_now());
  std::array<std::byte, 8> buffer{};
  auto got = socket.try_read(buffer);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::closed);
  EXPECT_EQ(got.error().text, "connection reset by the server");
}

TEST(SocketTest, ResetReachesThePeerAsReset) {
  long seen = 7;
  {
    LoopbackServer server([&](ServerConnection& connection) {
      std::array<char, 8> buffer{};
      seen = connection.read(buffer.data(), buffer.size());
    });
    auto socket = connect_tcp("127.0.0.1", server.port(), patient());
    ASSERT_TRUE(socket);
    // The peer has accepted once it is counted; before, a reset would not reach a read.
    while (server.accepted() == 0) {
      std::this_thread::yield();
    }
    socket->reset();
    while (server.open() != 0) {
      std::this_thread::yield();
    }
  }
  EXPECT_EQ(seen, -1);
}

TEST(SocketTest, HalfCloseLeavesReadingOpen) {
  ScriptedPeer peer;
  peer.expect_end().send("late").close();
  Socket socket = peer.client();
  socket.shutdown_write();
  ASSERT_TRUE(socket.wait_readable(patient(), "it"));
  std::array<std::byte, 8> buffer{};
  auto got = socket.try_read(buffer);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, std::size_t{4});
  EXPECT_EQ(peer.finish(), "");
}

}  // namespace
}  // namespace ftpsfs::net
