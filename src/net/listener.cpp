// SPDX-License-Identifier: MIT
#include "ftpsfs/net/listener.hpp"

#include <fmt/core.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::net {
namespace {

/// An address as people write it.
std::optional<SocketAddress> literal(const std::string& text, int family) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* list = nullptr;
  if (::getaddrinfo(text.c_str(), nullptr, &hints, &list) != 0) {
    return std::nullopt;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  return SocketAddress(list->ai_addr, list->ai_addrlen);
}

/// The first address of that family that a network interface has.
std::optional<SocketAddress> address_of_interface(const std::string& name, int family) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) {
    return std::nullopt;
  }
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  const socklen_t size = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr != nullptr && each->ifa_addr->sa_family == family &&
        name == each->ifa_name) {
      return SocketAddress(each->ifa_addr, size);
    }
  }
  return std::nullopt;
}

Result<SocketAddress> place_to_listen(const ListenPlace& place, int control) {
  const SocketAddress own = local_address(control);
  if (place.interface.empty()) {
    return own;
  }
  if (const auto named = literal(place.interface, own.family())) {
    return *named;
  }
  if (const auto named = address_of_interface(place.interface, own.family())) {
    return *named;
  }
  return make_error(
      Errc::invalid_argument,
      fmt::format("interface={}: neither an interface of this machine with an {} address, nor such "
                  "an address",
                  place.interface, own.family() == AF_INET6 ? "IPv6" : "IPv4"));
}

/// Its own socket for each port: one whose listen(2) has failed cannot be bound again.
/// @return 0, or errno.
int listen_at(const SocketAddress& at, UniqueFd& fd) {
  constexpr int kBacklog = 8;  // strangers must not crowd out the server
  fd.reset(::socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // A port of the range, used a moment ago, is in TIME_WAIT.
  const int again = 1;
  const bool listens =
      fd && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &again, sizeof again) == 0 &&
      ::bind(fd.get(), at.data(), at.size()) == 0 && ::listen(fd.get(), kBacklog) == 0;
  return listens ? 0 : errno;
}

Error cannot_listen(const SocketAddress& at, int error) {
  return make_error(error == EADDRNOTAVAIL ? Errc::invalid_argument : Errc::io_error,
                    fmt::format("cannot listen at {} for the server's data connection: {}",
                                at.to_string(), std::strerror(error)));
}

}  // namespace

SocketAddress local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  return ::getsockname(fd, address, &length) == 0 ? SocketAddress(address, length)
                                                  : SocketAddress();
}

Result<Listener> Listener::open(const ListenPlace& place, int control) {
  FTPSFS_TRY_ASSIGN(const SocketAddress host, place_to_listen(place, control));
  UniqueFd fd;
  int error = EADDRINUSE;
  unsigned port = place.lowest_port;
  for (; port <= place.highest_port && error == EADDRINUSE; ++port) {
    error = listen_at(host.with_port(static_cast<std::uint16_t>(port)), fd);
  }
  if (error == EADDRINUSE && place.highest_port != 0) {
    return make_error(Errc::busy, fmt::format("no port from {} to {} is free; give a larger "
                                              "port_range=, or a smaller max_conns=",
                                              place.lowest_port, place.highest_port));
  }
  if (error != 0) {
    return cannot_listen(host, error);
  }
  SocketAddress bound = local_address(fd.get());
  return Listener(std::move(fd), bound);
}

Result<std::optional<Socket>> Listener::try_accept(const SocketAddress& peer) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* const from = reinterpret_cast<sockaddr*>(&storage);
  UniqueFd fd(::accept4(fd_.get(), from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const bool is_nobody =
      !fd && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED);
  if (is_nobody) {
    return std::optional<Socket>();
  }
  if (!fd) {
    return cannot_listen(address_, errno);
  }
  const SocketAddress caller(from, length);
  if (caller.with_port(0) == peer.with_port(0)) {
    const int at_once = 1;
    static_cast<void>(::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once));
    return std::optional<Socket>(Socket(std::move(fd)));
  }
  if (!std::exchange(has_warned_, true)) {
    log::warning("a data connection from {}, which is not the server, is closed",
                 caller.to_string());
  }
  return std::optional<Socket>();
}

}  // namespace ftpsfs::net
