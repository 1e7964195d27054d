// SPDX-License-Identifier: MIT
#include "ftpsfs/net/listener.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "loopback_client.hpp"
#include "support/faulty_ftps_server_tls.hpp"

namespace ftpsfs::net {
namespace {

using ::testing::HasSubstr;

/// A control connection on loopback.
class ListenerTest : public ::testing::Test {
 protected:
  test::LoopbackServer server_{[](test::ServerConnection& peer) { peer.await_end(); }};
  Socket control_ = dial(server_.port());
};

/// Dials `to` from an address of this machine.
UniqueFd dial_from(const char* own, const SocketAddress& to) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  EXPECT_EQ(::inet_pton(AF_INET, own, &address.sin_addr), 1);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::connect(fd.get(), to.data(), to.size()), 0);
  return fd;
}

Result<std::optional<Socket>> accept_soon(Listener& listener, const SocketAddress& peer) {
  pollfd item{listener.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&item, 1, 10'000), 1);
  return listener.try_accept(peer);
}

TEST_F(ListenerTest, ListensAtTheControlConnectionsOwnEnd) {
  auto listener = Listener::open({}, control_.fd());
  ASSERT_TRUE(listener) << listener.error().text;
  EXPECT_EQ(listener->address().host(), "127.0.0.1");
  EXPECT_FALSE(*listener->try_accept(control_.peer_address())) << "nobody has come yet";
  const UniqueFd caller = dial_from("127.0.0.1", listener->address());
  auto socket = accept_soon(*listener, control_.peer_address());
  ASSERT_TRUE(socket && *socket);
}

TEST_F(ListenerTest, ClosesWhoeverIsNotTheServer) {
  auto listener = Listener::open({}, control_.fd());
  const UniqueFd stranger = dial_from("127.0.0.2", listener->address());
  auto socket = accept_soon(*listener, control_.peer_address());
  ASSERT_TRUE(socket);
  EXPECT_FALSE(*socket);
  char byte = 0;
  EXPECT_LE(::recv(stranger.get(), &byte, 1, 0), 0) << "its connection is closed";
}

TEST_F(ListenerTest, KeepsToItsRangeOfPorts) {
  auto first = Listener::open({}, control_.fd());
  ListenPlace place;
  place.lowest_port = place.highest_port = first->address().port();
  auto full = Listener::open(place, control_.fd());
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::busy);
  EXPECT_THAT(full.error().text, HasSubstr("port_range="));
  { const auto gone = *std::move(first); }
  auto again = Listener::open(place, control_.fd());
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->address().port(), place.lowest_port);
}

/// As after each transfer in which we hang up first.
TEST_F(ListenerTest, APortThatWasUsedAMomentAgoIsFree) {
  ListenPlace place;
  {
    auto used = Listener::open({}, control_.fd());
    place.lowest_port = place.highest_port = used->address().port();
    const UniqueFd caller = dial_from("127.0.0.1", used->address());
    auto socket = accept_soon(*used, control_.peer_address());
    ASSERT_TRUE(socket && *socket);
    socket->reset();  // first, so that the port's connection is in TIME_WAIT
    char byte = 0;
    EXPECT_EQ(::recv(caller.get(), &byte, 1, 0), 0);
  }
  auto again = Listener::open(place, control_.fd());
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->address().port(), place.lowest_port);
}

TEST_F(ListenerTest, TakesTheNextPortWhereOneIsListenedAt) {
  auto first = Listener::open({}, control_.fd());
  ListenPlace place;
  place.lowest_port = first->address().port();
  place.highest_port = static_cast<std::uint16_t>(std::min(place.lowest_port + 50, 65535));
  auto second = Listener::open(place, control_.fd());
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_GT(second->address().port(), first->address().port());
}

/// Its caller looks at the clock between them.
TEST_F(ListenerTest, TurnsOneStrangerAwayAtATime) {
  auto listener = Listener::open({}, control_.fd());
  const UniqueFd first = dial_from("127.0.0.2", listener->address());
  const UniqueFd second = dial_from("127.0.0.2", listener->address());
  const UniqueFd server = dial_from("127.0.0.1", listener->address());
  EXPECT_FALSE(*accept_soon(*listener, control_.peer_address()));
  char byte = 0;
  EXPECT_LE(::recv(first.get(), &byte, 1, 0), 0);
  EXPECT_EQ(::recv(second.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN) << "not closed yet";
  EXPECT_FALSE(*accept_soon(*listener, control_.peer_address()));
  EXPECT_TRUE(*accept_soon(*listener, control_.peer_address())) << "strangers crowd nobody out";
}

TEST_F(ListenerTest, ListensAtAnInterfaceOrAddress) {
  ListenPlace place;
  place.interface = "lo";
  EXPECT_EQ(Listener::open(place, control_.fd())->address().host(), "127.0.0.1");
  place.interface = "127.0.0.3";
  EXPECT_EQ(Listener::open(place, control_.fd())->address().host(), "127.0.0.3");
  place.interface = "nosuch0";
  EXPECT_THAT(Listener::open(place, control_.fd()).error().text, HasSubstr("interface=nosuch0"));
  place.interface = "192.0.2.77";
  EXPECT_THAT(Listener::open(place, control_.fd()).error().text, HasSubstr("192.0.2.77"));
}

TEST(SocketAddressTest, EqualityIsOfHostAndPort) {
  const auto address = [](const char* text) { return resolve(text, patient())->front(); };
  EXPECT_TRUE(address("192.0.2.1").with_port(1) == address("192.0.2.1").with_port(1));
  EXPECT_FALSE(address("192.0.2.1").with_port(1) == address("192.0.2.1").with_port(2));
  EXPECT_FALSE(address("192.0.2.1") == address("192.0.2.2"));
  EXPECT_TRUE(address("2001:db8::1") == address("2001:db8::1"));
  EXPECT_FALSE(address("2001:db8::1") == address("2001:db8::2"));
  EXPECT_FALSE(address("::1") == address("127.0.0.1"));
  EXPECT_FALSE(SocketAddress() == SocketAddress()) << "of no family: nobody";
  EXPECT_EQ(address("2001:db8::1").host(), "2001:db8::1");
}

TEST(ConnectTest, OneFamilyOfAddressesAlone) {
  EXPECT_THAT(connect_tcp("127.0.0.1", 1, patient(), AddressFamily::ipv6).error().text,
              HasSubstr("ipv6 allows no other"));
  EXPECT_THAT(connect_tcp("::1", 1, patient(), AddressFamily::ipv4).error().text,
              HasSubstr("ipv4 allows no other"));
  const auto addresses = resolve("localhost", patient(), AddressFamily::ipv4);
  ASSERT_TRUE(addresses) << addresses.error().text;
  for (const SocketAddress& each : *addresses) {
    EXPECT_EQ(each.family(), AF_INET);
  }
}

}  // namespace
}  // namespace ftpsfs::net
