// SPDX-License-Identifier: MIT
//
// See socks.hpp. @source RFC 1928 (the dialogue), RFC 1929 (user and password)
#include "ftpsfs/net/socks.hpp"

#include <fmt/core.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace ftpsfs::net {
namespace {

constexpr std::uint8_t kVersion = 5;
constexpr std::uint8_t kLoginVersion = 1;
constexpr std::uint8_t kNoLogin = 0;
constexpr std::uint8_t kPasswordLogin = 2;
constexpr std::uint8_t kNoneFits = 0xff;
constexpr std::uint8_t kConnect = 1;
constexpr std::uint8_t kIpv4 = 1;
constexpr std::uint8_t kName = 3;
constexpr std::uint8_t kIpv6 = 4;
constexpr std::size_t kLongestField = 255;

/// The words of RFC 1928 §6, from 1 on.
constexpr std::array<std::string_view, 8> kReasons{"it failed",
                                                   "its rules do not allow that",
                                                   "network unreachable",
                                                   "host unreachable",
                                                   "connection refused",
                                                   "no way is that long (TTL expired)",
                                                   "it does not connect for others",
                                                   "it knows no such kind of address"};

using Bytes = std::vector<std::uint8_t>;

class Dialogue {
 public:
  Dialogue(Socket socket, const SocksProxy& proxy, const Wait& wait)
      : socket_(std::move(socket)), proxy_(proxy), wait_(wait) {}

  Result<Socket> run(const SocksTarget& target) {
    FTPSFS_TRY(introduce());
    FTPSFS_TRY(ask_for(target));
    return std::move(socket_);
  }

 private:
  Result<void> introduce();
  Result<void> log_in();
  Result<void> ask_for(const SocksTarget& target);
  Result<void> send(std::span<const std::uint8_t> bytes);
  Result<void> receive(std::span<std::uint8_t> into);

  Error wrong(Errc code, std::string_view what) const {
    return make_error(code, fmt::format("the proxy {}:{}: {}", proxy_.host, proxy_.port, what));
  }
  Error strange() const { return wrong(Errc::protocol_error, "what it says is not SOCKS5"); }

  Socket socket_;
  const SocksProxy& proxy_;
  const Wait& wait_;
};

Result<void> Dialogue::send(std::span<const std::uint8_t> bytes) {
  auto rest = std::as_bytes(bytes);
  while (!rest.empty()) {
    FTPSFS_TRY_ASSIGN(const std::size_t taken, socket_.try_write(rest));
    rest = rest.subspan(taken);
    if (taken == 0) {
      FTPSFS_TRY(socket_.wait_writable(wait_, "the proxy"));
    }
  }
  return {};
}

/// Exactly as much as asked: what comes behind is the server's.
Result<void> Dialogue::receive(std::span<std::uint8_t> into) {
  auto rest = std::as_writable_bytes(into);
  while (!rest.empty()) {
    FTPSFS_TRY_ASSIGN(const auto got, socket_.try_read(rest));
    if (!got) {
      FTPSFS_TRY(socket_.wait_readable(wait_, "the proxy"));
    } else if (*got == 0) {
      return wrong(Errc::closed, "it ended the connection");
    } else {
      rest = rest.subspan(*got);
    }
  }
  return {};
}

Result<void> Dialogue::introduce() {
  Bytes hello{kVersion, 1, kNoLogin};
  if (!proxy_.username.empty()) {
    hello = {kVersion, 2, kNoLogin, kPasswordLogin};
  }
  FTPSFS_TRY(send(hello));
  std::array<std::uint8_t, 2> answer{};
  FTPSFS_TRY(receive(answer));
  if (answer[0] != kVersion) {
    return strange();
  }
  if (answer[1] == kNoLogin) {
    return {};
  }
  if (answer[1] == kPasswordLogin && !proxy_.username.empty()) {
    return log_in();
  }
  if (answer[1] != kNoneFits) {
    return strange();
  }
  return wrong(Errc::login_refused,
               proxy_.username.empty()
                   ? "it wants a login: proxy=socks5h://USER@HOST, and proxy_password= in the "
                     "credentials file"
                   : "it takes neither a password nor none");
}

Result<void> Dialogue::log_in() {
  const std::string_view password =
      proxy_.password ? proxy_.password->reveal() : std::string_view();
  if (proxy_.username.size() > kLongestField || password.size() > kLongestField) {
    return wrong(Errc::invalid_argument, "user or password is longer than 255 bytes");
  }
  Bytes login{kLoginVersion, static_cast<std::uint8_t>(proxy_.username.size())};
  login.reserve(login.size() + proxy_.username.size() + 1 + password.size());
  login.insert(login.end(), proxy_.username.begin(), proxy_.username.end());
  login.push_back(static_cast<std::uint8_t>(password.size()));
  login.insert(login.end(), password.begin(), password.end());
  const auto sent = send(login);
  ::explicit_bzero(login.data(), login.size());
  FTPSFS_TRY(sent);
  std::array<std::uint8_t, 2> answer{};
  FTPSFS_TRY(receive(answer));
  if (answer[1] != 0) {
    return wrong(Errc::login_refused, "it refuses our user and password");
  }
  return {};
}

/// The address or the name, as RFC 1928 §5 has them; nothing: a name that is too long.
std::optional<Bytes> encoded(const SocksTarget& target) {
  const auto append = [](Bytes& to, const void* from, std::size_t size) {
    const auto* const bytes = static_cast<const std::uint8_t*>(from);
    to.insert(to.end(), bytes, bytes + size);
  };
  Bytes bytes;
  if (target.address.family() == AF_INET) {
    bytes.push_back(kIpv4);
    append(bytes, &reinterpret_cast<const sockaddr_in*>(target.address.data())->sin_addr, 4);
  } else if (target.address.family() == AF_INET6) {
    bytes.push_back(kIpv6);
    append(bytes, &reinterpret_cast<const sockaddr_in6*>(target.address.data())->sin6_addr, 16);
  } else if (target.host.empty() || target.host.size() > kLongestField) {
    return std::nullopt;
  } else {
    bytes.push_back(kName);
    bytes.push_back(static_cast<std::uint8_t>(target.host.size()));
    append(bytes, target.host.data(), target.host.size());
  }
  bytes.push_back(static_cast<std::uint8_t>(target.port >> 8U));
  bytes.push_back(static_cast<std::uint8_t>(target.port & 0xffU));
  return bytes;
}

Result<void> Dialogue::ask_for(const SocksTarget& target) {
  const auto place = encoded(target);
  if (!place) {
    return wrong(Errc::invalid_argument, "the server's name is longer than 255 bytes");
  }
  Bytes request{kVersion, kConnect, 0};
  request.insert(request.end(), place->begin(), place->end());
  FTPSFS_TRY(send(request));
  std::array<std::uint8_t, 4> answer{};
  FTPSFS_TRY(receive(answer));
  if (answer[0] != kVersion) {
    return strange();
  }
  if (answer[1] != 0) {
    const std::size_t reason = answer[1] <= kReasons.size() ? answer[1] - 1U : 0U;
    return wrong(Errc::unreachable,
                 fmt::format("it cannot reach {}: {}", target.to_string(), kReasons[reason]));
  }
  // Where it has bound its own end, which tells nobody anything.
  std::array<std::uint8_t, kLongestField + 2> bound{};
  std::size_t size = 0;
  if (answer[3] == kIpv4) {
    size = 4;
  } else if (answer[3] == kIpv6) {
    size = 16;
  } else if (answer[3] == kName) {
    FTPSFS_TRY(receive(std::span(bound).first(1)));
    size = bound[0];
  } else {
    return strange();
  }
  return receive(std::span(bound).first(size + 2));
}

}  // namespace

std::string SocksTarget::to_string() const {
  return address.size() != 0 ? address.with_port(port).to_string()
                             : fmt::format("{}:{}", host, port);
}

Result<Socket> connect_by_proxy(const SocksProxy& proxy, const SocksTarget& target,
                                AddressFamily family, const Wait& wait) {
  auto socket = connect_tcp(proxy.host, proxy.port, wait, family);
  if (!socket) {
    socket.error().text = "the proxy: " + socket.error().text;
    return socket;
  }
  return Dialogue(*std::move(socket), proxy, wait).run(target);
}

}  // namespace ftpsfs::net
