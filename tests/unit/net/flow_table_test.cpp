// SPDX-License-Identifier: MIT
#include "support/link/flow_table.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ftpsfs::test {
namespace {

constexpr unsigned char kSyn = 0x02;
constexpr unsigned char kAck = 0x10;
constexpr unsigned char kTcp = 6;
constexpr unsigned char kUdp = 17;

struct End {
  unsigned char address;  // the last byte
  unsigned char port;
};

/// 20 bytes of IPv4 and 20 of TCP.
std::vector<std::byte> packet(End from, End to, unsigned flags, unsigned char protocol = kTcp) {
  std::vector<std::byte> bytes(40);
  const auto set = [&bytes](std::size_t at, unsigned value) {
    bytes[at] = static_cast<std::byte>(value);
  };
  set(0, 0x45);
  set(9, protocol);
  set(15, from.address);
  set(19, to.address);
  set(21, from.port);
  set(23, to.port);
  set(33, flags);
  return bytes;
}

constexpr End kClient{1, 200};
constexpr End kOtherClient{1, 201};
constexpr End kServer{2, 21};

TEST(FlowTable, LetsAllPassUntilItForgets) {
  FlowTable table;
  EXPECT_TRUE(table.lets_pass(packet(kClient, kServer, kSyn)));
  EXPECT_TRUE(table.lets_pass(packet(kServer, kClient, kSyn | kAck)));
  EXPECT_TRUE(table.lets_pass(packet(kClient, kServer, kAck)));
}

TEST(FlowTable, DropsBothDirectionsOfWhatItForgot) {
  FlowTable table;
  EXPECT_TRUE(table.lets_pass(packet(kClient, kServer, kSyn)));
  table.forget();
  EXPECT_FALSE(table.lets_pass(packet(kClient, kServer, kAck)));
  EXPECT_FALSE(table.lets_pass(packet(kServer, kClient, kAck)));
  EXPECT_FALSE(table.lets_pass(packet(kServer, kClient, kSyn | kAck)));
  table.forget();
  EXPECT_FALSE(table.lets_pass(packet(kClient, kServer, kAck)));
}

TEST(FlowTable, KnowsConnectionsApart) {
  FlowTable table;
  EXPECT_TRUE(table.lets_pass(packet(kClient, kServer, kSyn)));
  table.forget();
  EXPECT_TRUE(table.lets_pass(packet(kOtherClient, kServer, kSyn)));
  EXPECT_TRUE(table.lets_pass(packet(kServer, kOtherClient, kSyn | kAck)));
  EXPECT_FALSE(table.lets_pass(packet(kClient, kServer, kAck)));
}

TEST(FlowTable, AConnectionBegunAnewIsLetThrough) {
  FlowTable table;
  EXPECT_TRUE(table.lets_pass(packet(kClient, kServer, kSyn)));
  table.forget();
  EXPECT_TRUE(table.lets_pass(packet(kClient, kServer, kSyn)));
  EXPECT_TRUE(table.lets_pass(packet(kServer, kClient, kSyn | kAck)));
}

TEST(FlowTable, OtherPacketsAlwaysPass) {
  FlowTable table;
  EXPECT_TRUE(table.lets_pass(packet(kClient, kServer, 0, kUdp)));
  table.forget();
  EXPECT_TRUE(table.lets_pass(packet(kClient, kServer, 0, kUdp)));
  EXPECT_TRUE(table.lets_pass({}));
  auto torn = packet(kClient, kServer, kAck);
  torn.resize(25);
  EXPECT_TRUE(table.lets_pass(torn));
}

}  // namespace
}  // namespace ftpsfs::test
