// SPDX-License-Identifier: MIT
//
// The memory of a NAT router or a stateful firewall: the TCP connections that it knows. When it
// forgets them their packets vanish, without a word to either end; new connections are let through.
// Pure: packets are given, nothing is sent.
#pragma once

#include <array>
#include <cstddef>
#include <set>
#include <span>

namespace ftpsfs::test {

class FlowTable {
 public:
  /// Of a packet of either direction. What is not TCP over IPv4 always passes.
  bool lets_pass(std::span<const std::byte> packet);
  /// All connections so far.
  void forget();

 private:
  /// Addresses and ports of both ends, in an order that does not depend on the direction.
  using Flow = std::array<std::byte, 12>;

  std::set<Flow> known_;
  std::set<Flow> forgotten_;
};

}  // namespace ftpsfs::test
