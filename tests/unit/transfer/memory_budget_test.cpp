// SPDX-License-Identifier: MIT
//
// The memory that many streams hold together.
#include "ftpsfs/transfer/memory_budget.hpp"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "stream_fixture.hpp"

namespace ftpsfs::transfer {
namespace {

constexpr std::uint64_t kOneChunk = 256ULL << 10;

/// Lets go when it is asked for the time that was agreed.
class AskedHolder final : public MemoryBudget::Holder {
 public:
  AskedHolder(MemoryBudget& budget, int lets_go_at) : left_(lets_go_at), held_(budget) {}

  static std::shared_ptr<AskedHolder> make(MemoryBudget& budget, std::uint64_t bytes,
                                           int lets_go_at = 1) {
    auto holder = std::make_shared<AskedHolder>(budget, lets_go_at);
    holder->held_.set(bytes, holder);
    return holder;
  }
  void let_go() override {
    ++asked;
    if (--left_ == 0) {
      held_.set(0);
    }
  }
  int asked = 0;

 private:
  int left_;
  MemoryBudget::Account held_;
};

TEST(MemoryBudgetTest, TheOldestAreAskedUntilThereIsRoom) {
  MemoryBudget budget(100);
  const auto first = AskedHolder::make(budget, 40);
  const auto second = AskedHolder::make(budget, 40);
  budget.make_room();
  EXPECT_EQ(first->asked, 0) << "there is room";
  const auto third = AskedHolder::make(budget, 40);
  EXPECT_EQ(budget.held_bytes(), 120U);
  budget.make_room();
  EXPECT_EQ(first->asked, 1);
  EXPECT_EQ(second->asked + third->asked, 0);
  EXPECT_EQ(budget.held_bytes(), 80U);
}

TEST(MemoryBudgetTest, WhoIsInUseIsAskedOnceMoreWhenAllOthersAre) {
  MemoryBudget budget(100);
  const auto in_use = AskedHolder::make(budget, 60, 2);
  const auto also_in_use = AskedHolder::make(budget, 60, 2);
  budget.make_room();
  EXPECT_EQ(in_use->asked, 2);
  EXPECT_EQ(also_in_use->asked, 1);
  EXPECT_EQ(budget.held_bytes(), 60U);
}

TEST(MemoryBudgetTest, NobodyIsAskedForEver) {
  MemoryBudget budget(10);
  const auto clings = AskedHolder::make(budget, 20, 1000);
  budget.make_room();
  EXPECT_EQ(clings->asked, 2);
  EXPECT_EQ(budget.held_bytes(), 20U);
}

TEST(MemoryBudgetTest, WhoHasGoneIsNotAskedAndHoldsNothing) {
  MemoryBudget budget(10);
  AskedHolder::make(budget, 20).reset();
  EXPECT_EQ(budget.held_bytes(), 0U);
  const auto stays = AskedHolder::make(budget, 20);
  budget.make_room();
  EXPECT_EQ(stays->asked, 1);
}

class SharedMemory : public StreamFixture {
 protected:
  static constexpr std::size_t kFile = 2 * kMebibyte;
  static constexpr std::uint64_t kTotal = 8ULL << 20;  // as the fixture has it

  static FakeRemoteOptions with_connections(unsigned most) {
    FakeRemoteOptions options;
    options.max_conns = most;
    return options;
  }
  static void expect_at(ReadStream& stream, const std::string& data, std::size_t offset,
                        std::size_t size) {
    const auto slices = stream.read(offset, size, data.size(), patience());
    ASSERT_TRUE(slices) << slices.error().text;
    EXPECT_TRUE(text_of(*slices) == data.substr(offset, size)) << offset;
  }
};

TEST_F(SharedMemory, ManyOpenFilesHoldNoMoreThanTheBudget) {
  constexpr unsigned kConnections = 4;
  FakeRemote remote(clock, with_connections(kConnections));
  const std::string data = pattern(kFile);
  remote.put("/f", data);
  std::vector<std::unique_ptr<ReadStream>> streams;
  std::uint64_t most = 0;
  for (int i = 0; i < 100; ++i) {
    streams.push_back(reader(remote));
    for (std::size_t offset = 0; offset < kMebibyte; offset += 128ULL << 10) {
      expect_at(*streams.back(), data, offset, 128ULL << 10);
      most = std::max(most, budget.held_bytes());
    }
  }
  EXPECT_LE(most, kTotal + kConnections * kOneChunk);
  EXPECT_GT(most, kTotal / 2) << "the budget is there to be used";
  for (const auto& stream : streams) {
    expect_at(*stream, data, kMebibyte, kMebibyte);
    most = std::max(most, budget.held_bytes());
  }
  EXPECT_LE(most, kTotal + kConnections * kOneChunk);
  streams.clear();
  EXPECT_EQ(budget.held_bytes(), 0U);
}

TEST_F(SharedMemory, WhatWasLetGoIsFetchedAgain) {
  FakeRemote remote(clock);
  const std::string data = pattern(kFile);
  remote.put("/f", data);
  const auto stream = reader(remote);
  expect_at(*stream, data, 0, kFile);
  expect_at(*stream, data, kFile, 10);  // the transfer has ended
  while (!stream->is_idle()) {
    std::this_thread::yield();
  }
  const auto greedy = AskedHolder::make(budget, kTotal, 1000);
  budget.make_room();
  EXPECT_EQ(budget.held_bytes(), kTotal);
  EXPECT_FALSE(stream->find(kFile - 100, 100, data.size()));
  EXPECT_EQ(remote.calls(Op::open_reader), 1U);
  expect_at(*stream, data, kFile, 10);  // the end is still known
  EXPECT_EQ(remote.calls(Op::open_reader), 1U);
  expect_at(*stream, data, kFile - 100, 100);
  expect_at(*stream, data, 5, 100);
  EXPECT_EQ(remote.calls(Op::open_reader), 3U);
}

/// The position survives: what comes next is not taken for a jump.
TEST_F(SharedMemory, ReadingGoesOnInSequenceBehindIt) {
  FakeRemote remote(clock, with_connections(1));
  const std::string data = pattern(kFile);
  remote.put("/f", data);
  const auto stream = reader(remote);
  expect_at(*stream, data, 0, kMebibyte);
  while (!stream->is_idle()) {
    std::this_thread::yield();
  }
  const auto greedy = AskedHolder::make(budget, kTotal, 1000);
  for (const auto end = patience(); budget.held_bytes() > kTotal && !end.expired();) {
    budget.make_room();
    std::this_thread::yield();
  }
  EXPECT_EQ(stream->distance_to(kMebibyte), std::optional<std::uint64_t>(0));
  EXPECT_FALSE(stream->find(kMebibyte, 100, data.size()));
  expect_at(*stream, data, kMebibyte, kMebibyte);
  EXPECT_EQ(remote.calls(Op::open_reader), 2U);
}

TEST_F(SharedMemory, AFullWindowThatNobodyReadsShrinksWhenOthersNeedRoom) {
  limits.readahead = 7ULL << 20;
  FakeRemote remote(clock);
  const std::string data = pattern(32 * kMebibyte);
  remote.put("/f", data);
  const auto left = reader(remote);
  expect_at(*left, data, 0, kMebibyte);
  expect_at(*left, data, kMebibyte, 3 * kMebibyte);
  const auto end = patience();
  while (budget.held_bytes() < kTotal - kMebibyte && !end.expired()) {
    std::this_thread::yield();  // its window fills
  }
  EXPECT_GE(budget.held_bytes(), kTotal - kMebibyte);
  const auto busy = reader(remote);
  std::size_t offset = 0;
  do {
    expect_at(*busy, data, offset % (31 * kMebibyte), 64ULL << 10);
    offset += 64ULL << 10;
    if (offset > 8 * kMebibyte) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  } while (!end.expired() && (offset < 12 * kMebibyte || budget.held_bytes() > kTotal));
  EXPECT_LE(budget.held_bytes(), kTotal + kOneChunk);
  expect_at(*left, data, 4 * kMebibyte, kMebibyte);
}

TEST_F(SharedMemory, WhatWaitsToBeSentCountsAsLongAsItIsHere) {
  FakeRemote remote(clock);
  const auto stream = writer(remote);
  ASSERT_TRUE(stream->write(slice_of(pattern(300'000)), patience()));
  EXPECT_GE(budget.held_bytes(), 300'000U);
  ASSERT_TRUE(stream->finish({}, {}));
  EXPECT_EQ(budget.held_bytes(), 0U);
}

}  // namespace
}  // namespace ftpsfs::transfer
