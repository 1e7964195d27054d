// SPDX-License-Identifier: MIT
//
// Apart from socket.cpp: the kernel's tcp_info is longer than the C library's, and their headers
// exclude each other.
#include "ftpsfs/net/round_trip.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace ftpsfs::net {

std::optional<std::chrono::microseconds> round_trip(int fd) noexcept {
  ::tcp_info info{};
  ::socklen_t size = sizeof info;
  constexpr std::size_t kNeeded = offsetof(::tcp_info, tcpi_min_rtt) + sizeof info.tcpi_min_rtt;
  constexpr auto kNone = ~decltype(info.tcpi_min_rtt){0};
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || size < kNeeded ||
      info.tcpi_min_rtt == kNone) {
    return std::nullopt;
  }
  return std::chrono::microseconds(info.tcpi_min_rtt);
}

}  // namespace ftpsfs::net
