// SPDX-License-Identifier: MIT
//
// How a server is reached: which kinds of addresses, through which proxy, and who dials the data
// connections. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ftpsfs/base/secret.hpp"

namespace ftpsfs::net {

enum class AddressFamily : std::uint8_t { any, ipv4, ipv6 };

/// @source RFC 1928, RFC 1929
struct SocksProxy {
  std::string host;
  std::uint16_t port = 1080;
  bool resolves_names = true;  ///< socks5h: the server's name is looked up by the proxy
  std::string username;        ///< empty: none is offered
  std::optional<Secret> password{};
};

/// Where we listen for data connections that the server dials.
struct ListenPlace {
  std::string interface;  ///< an address or a network interface; empty: the control connection's
  std::uint16_t lowest_port = 0;  ///< 0: any
  std::uint16_t highest_port = 0;
};

struct Route {
  AddressFamily family = AddressFamily::any;
  std::optional<SocksProxy> proxy{};
  std::optional<ListenPlace> active{};  ///< active mode (EPRT, PORT); none: passive
};

}  // namespace ftpsfs::net
