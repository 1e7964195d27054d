// SPDX-License-Identifier: MIT
#include "support/link/emulated_link.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::test {
namespace {

using std::chrono::milliseconds;

constexpr EmulatedLink::Time kStart{std::chrono::hours(1)};

EmulatedLink::Packet packet(std::size_t size) {
  return EmulatedLink::Packet(size);
}

TEST(EmulatedLink, DeliversAfterTheDelay) {
  EmulatedLink link(1);
  link.set({.delay = milliseconds(10)});
  link.put(packet(100), kStart);
  EXPECT_EQ(link.next_arrival(), kStart + milliseconds(10));
  EXPECT_FALSE(link.take(kStart + milliseconds(9)));
  EXPECT_TRUE(link.take(kStart + milliseconds(10)));
  EXPECT_FALSE(link.next_arrival());
}

TEST(EmulatedLink, ARateSpreadsPackets) {
  EmulatedLink link(1);
  link.set({.bytes_per_second = 100'000});
  link.put(packet(1000), kStart);
  link.put(packet(1000), kStart);
  EXPECT_EQ(link.next_arrival(), kStart + milliseconds(10));
  EXPECT_TRUE(link.take(kStart + milliseconds(10)));
  EXPECT_EQ(link.next_arrival(), kStart + milliseconds(20));
}

TEST(EmulatedLink, AFullQueueDrops) {
  EmulatedLink link(1);
  link.set({.bytes_per_second = 100'000});
  for (int i = 0; i < 100; ++i) {
    link.put(packet(1000), kStart);
  }
  EXPECT_EQ(link.counters().packets, 21U);  // 200 ms and the one on the line
  EXPECT_EQ(link.counters().lost, 79U);
}

TEST(EmulatedLink, JitterKeepsTheOrder) {
  EmulatedLink link(7);
  link.set({.delay = milliseconds(5), .jitter = milliseconds(20)});
  for (std::size_t i = 1; i <= 50; ++i) {
    link.put(packet(i), kStart + milliseconds(i));
  }
  for (std::size_t i = 1; i <= 50; ++i) {
    const auto arrived = link.take(kStart + std::chrono::seconds(1));
    ASSERT_TRUE(arrived);
    EXPECT_EQ(arrived->size(), i);
  }
}

TEST(EmulatedLink, LossIsASeededShare) {
  EmulatedLink one(3);
  EmulatedLink other(3);
  for (EmulatedLink* link : {&one, &other}) {
    link->set({.loss = 0.1});
    for (int i = 0; i < 10'000; ++i) {
      link->put(packet(1), kStart);
    }
  }
  EXPECT_GT(one.counters().lost, 800U);
  EXPECT_LT(one.counters().lost, 1200U);
  EXPECT_EQ(one.counters().lost, other.counters().lost);
}

TEST(EmulatedLink, ACutLinkCarriesNothing) {
  EmulatedLink link(1);
  link.set({.cut = true});
  link.put(packet(1), kStart);
  EXPECT_FALSE(link.next_arrival());
  link.set({});
  link.put(packet(1), kStart);
  EXPECT_TRUE(link.take(kStart));
}

}  // namespace
}  // namespace ftpsfs::test
