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
  UniqueFd fd(::socket(host.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) {
    return cannot_listen(host, errno);
  }
  int error = EADDRINUSE;
  unsigned port = place.lowest_port;
  for (; port <= place.highest_port && error == EADDRINUSE; ++port) {
    const SocketAddress at = host.with_port(static_cast<std::uint16_t>(port));
    error = ::bind(fd.get(), at.data(), at.size()) == 0 && ::listen(fd.get(), 1) == 0 ? 0 : errno;
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
  for (;;) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto* const from = reinterpret_cast<sockaddr*>(&storage);
    UniqueFd fd(::accept4(fd_.get(), from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd && (errno == EINTR || errno == ECONNABORTED)) {
      continue;
    }
    if (!fd && (errno == EAGAIN || errno == EWOULDBLOCK)) {
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
    log::warning("a data connection from {}, which is not the server, is closed",
                 caller.to_string());
  }
}

}  // namespace ftpsfs::net
