// SPDX-License-Identifier: MIT
#include "ftpsfs/net/round_trip.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace ftpsfs::net {

std::optional<std::chrono::microseconds> round_trip(int fd) noexcept {
  ::tcp_info info{};
  ::socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_rtt == 0) {
    return std::nullopt;
  }
  return std::chrono::microseconds(info.tcpi_rtt);
}

bool awaits_peer(int fd) noexcept {
  ::tcp_info info{};
  ::socklen_t size = sizeof info;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_state == TCP_SYN_SENT;
}

}  // namespace ftpsfs::net
