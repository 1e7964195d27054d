// SPDX-License-Identifier: MIT
#include "support/link/flow_table.hpp"

#include <algorithm>

namespace ftpsfs::test {
namespace {

// RFC 791 §3.1 and RFC 9293 §3.1.
constexpr std::size_t kProtocolAt = 9;
constexpr std::size_t kAddressesAt = 12;
constexpr std::size_t kSmallestIpHeader = 20;
constexpr std::size_t kFlagsAt = 13;
constexpr std::byte kTcp{6};
constexpr std::byte kSynWithoutAck{0x02};
constexpr std::byte kSynAndAck{0x12};

}  // namespace

bool FlowTable::lets_pass(std::span<const std::byte> packet) {
  if (packet.size() < kSmallestIpHeader || (packet[0] >> 4U) != std::byte{4} ||
      packet[kProtocolAt] != kTcp) {
    return true;
  }
  const std::size_t header = std::to_integer<std::size_t>(packet[0] & std::byte{0x0F}) * 4;
  if (packet.size() <= header + kFlagsAt) {
    return true;
  }
  std::array<std::byte, 6> from{};
  std::array<std::byte, 6> to{};
  std::copy_n(packet.begin() + kAddressesAt, 4, from.begin());
  std::copy_n(packet.begin() + kAddressesAt + 4, 4, to.begin());
  std::copy_n(packet.begin() + static_cast<std::ptrdiff_t>(header), 2, from.begin() + 4);
  std::copy_n(packet.begin() + static_cast<std::ptrdiff_t>(header) + 2, 2, to.begin() + 4);
  Flow flow{};
  std::copy(std::min(from, to).begin(), std::min(from, to).end(), flow.begin());
  std::copy(std::max(from, to).begin(), std::max(from, to).end(), flow.begin() + 6);
  if ((packet[header + kFlagsAt] & kSynAndAck) == kSynWithoutAck) {
    forgotten_.erase(flow);
  }
  known_.insert(flow);
  return !forgotten_.contains(flow);
}

void FlowTable::forget() {
  forgotten_.merge(known_);
  known_.clear();
}

}  // namespace ftpsfs::test
