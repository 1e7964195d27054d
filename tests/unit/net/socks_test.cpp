// SPDX-License-Identifier: MIT
//
// The SOCKS5 dialogue byte by byte, with a proxy that does as told.
#include "ftpsfs/net/socks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "ftpsfs/net/stream.hpp"
#include "loopback_client.hpp"
#include "support/faulty_ftps_server_tls.hpp"

namespace ftpsfs::net {
namespace {

using test::LoopbackServer;
using test::ServerConnection;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Text with NUL bytes in it.
template <std::size_t N>
std::string raw(const char (&text)[N]) {
  return std::string(text, N - 1);
}

/// Expects one text after the other, and answers each.
class Proxy {
 public:
  using Script = std::vector<std::pair<std::string, std::string>>;
  explicit Proxy(Script script)
      : script_(std::move(script)), server_([this](ServerConnection& connection) {
          for (const auto& [expected, answer] : script_) {
            std::string got;
            std::array<char, 1> byte{};
            while (got.size() < expected.size() && connection.read(byte.data(), 1) == 1) {
              got += byte[0];
            }
            EXPECT_EQ(got, expected);
            connection.write(answer);
          }
          connection.finish();
          connection.await_end();
        }) {}

  SocksProxy settings() const {
    SocksProxy proxy;
    proxy.host = "127.0.0.1";
    proxy.port = server_.port();
    return proxy;
  }

 private:
  Script script_;
  LoopbackServer server_;
};

const std::string kHello = raw("\x05\x01\x00");
const std::string kHelloWithLogin = raw("\x05\x02\x00\x02");
const std::string kCome = raw("\x05\x00");
const std::string kAskForName = raw("\x05\x01\x00\x03\x03") + "ftp" + raw("\x00\x15");
const std::string kDone = raw("\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x00");
const SocksTarget kTarget{"ftp", {}, 21};

std::string failure(const SocksProxy& proxy, Errc code, const SocksTarget& target = kTarget) {
  const auto socket = connect_by_proxy(proxy, target, AddressFamily::any, patient());
  if (socket) {
    return "no failure";
  }
  EXPECT_EQ(socket.error().code, code) << socket.error().text;
  return socket.error().text;
}

TEST(SocksTest, ANameIsHandedOnAndWhatTheServerSaysIsLeftToIt) {
  const Proxy proxy({{kHello, kCome}, {kAskForName, kDone + "220 ready"}});
  auto socket = connect_by_proxy(proxy.settings(), kTarget, AddressFamily::any, patient());
  ASSERT_TRUE(socket) << socket.error().text;
  SocketStream stream(*std::move(socket));
  std::string text(9, '\0');
  for (std::size_t filled = 0; filled < text.size();) {
    const auto got =
        stream.read(std::as_writable_bytes(std::span(text)).subspan(filled), patient());
    ASSERT_TRUE(got && *got > 0);
    filled += *got;
  }
  EXPECT_EQ(text, "220 ready");
}

TEST(SocksTest, AddressesAreHandedOnAsSuch) {
  const auto v4 = resolve("192.0.2.1", patient())->front();
  const Proxy four({{kHello, kCome}, {raw("\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x15"), kDone}});
  EXPECT_TRUE(connect_by_proxy(four.settings(), {"x", v4, 21}, AddressFamily::any, patient()));
  const auto v6 = resolve("2001:db8::1", patient())->front();
  const Proxy six({{kHello, kCome},
                   {raw("\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                        "\x00\x01\x00\x15"),
                    kDone}});
  EXPECT_TRUE(connect_by_proxy(six.settings(), {"x", v6, 21}, AddressFamily::any, patient()));
}

TEST(SocksTest, AnyKindOfBoundAddressIsPassedOver) {
  for (const std::string& bound : {raw("\x05\x00\x00\x03\x02"
                                       "ab\x00\x01"),
                                   raw("\x05\x00\x00\x04"
                                       "0123456789abcdef\x00\x01")}) {
    const Proxy proxy({{kHello, kCome}, {kAskForName, bound}});
    EXPECT_EQ(failure(proxy.settings(), Errc::closed), "no failure");
  }
}

TEST(SocksTest, UserAndPasswordAreGivenWhenTheProxyAsks) {
  Proxy proxy({{kHelloWithLogin, raw("\x05\x02")},
               {raw("\x01\x02me\x06") + "s3cret", raw("\x01\x00")},
               {kAskForName, kDone}});
  SocksProxy settings = proxy.settings();
  settings.username = "me";
  settings.password = Secret(std::string_view("s3cret"));
  EXPECT_EQ(failure(settings, Errc::closed), "no failure");
}

TEST(SocksTest, ARefusedLoginIsTold) {
  const Proxy refusing(
      {{kHelloWithLogin, raw("\x05\x02")}, {raw("\x01\x02me\x06") + "s3cret", raw("\x01\x01")}});
  SocksProxy settings = refusing.settings();
  settings.username = "me";
  settings.password = Secret(std::string_view("s3cret"));
  EXPECT_THAT(failure(settings, Errc::login_refused),
              AllOf(HasSubstr("user and password"), Not(HasSubstr("s3cret"))));
  const Proxy asking({{kHello, raw("\x05\xff")}});
  EXPECT_THAT(failure(asking.settings(), Errc::login_refused), HasSubstr("proxy_password="));
}

TEST(SocksTest, ItsReasonsAreTold) {
  const Proxy refused({{kHello, kCome}, {kAskForName, raw("\x05\x05\x00\x01")}});
  EXPECT_THAT(failure(refused.settings(), Errc::unreachable),
              AllOf(HasSubstr("ftp:21"), HasSubstr("connection refused")));
  const Proxy forbidden({{kHello, kCome}, {kAskForName, raw("\x05\x02\x00\x01")}});
  EXPECT_THAT(failure(forbidden.settings(), Errc::unreachable), HasSubstr("rules"));
  const Proxy odd({{kHello, kCome}, {kAskForName, raw("\x05\x99\x00\x01")}});
  EXPECT_THAT(failure(odd.settings(), Errc::unreachable), HasSubstr("it failed"));
}

TEST(SocksTest, WhatIsNoSocksIsTold) {
  for (const Proxy::Script& script :
       {Proxy::Script{{kHello, "HTTP/1.1 400"}}, Proxy::Script{{kHello, raw("\x05\x02")}},
        Proxy::Script{{kHello, kCome}, {kAskForName, raw("\x04\x00\x00\x01")}},
        Proxy::Script{{kHello, kCome}, {kAskForName, raw("\x05\x00\x00\x07")}}}) {
    const Proxy proxy(script);
    EXPECT_THAT(failure(proxy.settings(), Errc::protocol_error), HasSubstr("not SOCKS5"));
  }
  const Proxy hanging_up({{kHello, raw("\x05")}});
  EXPECT_THAT(failure(hanging_up.settings(), Errc::closed), HasSubstr("the proxy"));
}

TEST(SocksTest, NamesThatDoNotFitAreRefused) {
  const Proxy proxy({{kHello, kCome}});
  EXPECT_THAT(failure(proxy.settings(), Errc::invalid_argument, {std::string(300, 'x'), {}, 21}),
              HasSubstr("255"));
}

TEST(SocksTest, ASilentProxyHasADeadline) {
  const LoopbackServer silent([](ServerConnection& connection) { connection.await_end(); });
  SocksProxy settings;
  settings.host = "127.0.0.1";
  settings.port = silent.port();
  const auto socket = connect_by_proxy(settings, kTarget, AddressFamily::any,
                                       Wait::for_at_most(std::chrono::milliseconds(30)));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Errc::timed_out);
}

TEST(SocksTest, AnAbsentProxyIsNamed) {
  std::uint16_t port = 0;
  test::listen_on_loopback(port).reset();
  SocksProxy settings;
  settings.host = "127.0.0.1";
  settings.port = port;
  EXPECT_THAT(failure(settings, Errc::unreachable), HasSubstr("the proxy: connection refused"));
}

}  // namespace
}  // namespace ftpsfs::net
