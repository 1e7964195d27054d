// SPDX-License-Identifier: MIT
//
// TCP through a SOCKS5 proxy. The proxy is as little trusted as the server: its answers are bounded
// by the protocol, and every wait has the caller's deadline. No state.
#pragma once

#include <cstdint>
#include <string>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/net/route.hpp"
#include "ftpsfs/net/socket.hpp"

namespace ftpsfs::net {

/// Where the proxy shall connect to: a name that it looks up, or an address.
struct SocksTarget {
  std::string host;       ///< used when `address` has no family
  SocketAddress address;  ///< known already
  std::uint16_t port = 0;

  std::string to_string() const;
};

/// Dials the proxy and has it dial the target. Not a byte of what the target says is read.
/// @param family of the proxy's own address.
/// @errors as connect_tcp, about the proxy; unreachable: the proxy cannot or may not reach the
/// target; login_refused: it refuses our user and password; protocol_error; closed.
Result<Socket> connect_by_proxy(const SocksProxy& proxy, const SocksTarget& target,
                                AddressFamily family, const Wait& wait);

}  // namespace ftpsfs::net
