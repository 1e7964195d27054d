// SPDX-License-Identifier: MIT
//
// A forwarder between a client and a loopback server that sends every byte on its own: what a TLS
// record or a reply looks like when the network cuts it at each point.
#pragma once

#include <cstdint>

#include "support/faulty_ftps_server_tls.hpp"

namespace ftpsfs::test {

class ChoppingForwarder {
 public:
  explicit ChoppingForwarder(std::uint16_t target_port);
  std::uint16_t port() const { return listener_.port(); }

 private:
  LoopbackServer listener_;
};

}  // namespace ftpsfs::test
