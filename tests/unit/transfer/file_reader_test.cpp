// SPDX-License-Identifier: MIT
//
// Reading one file at random: how many transfers that takes, what they bring, and what becomes of
// it.
#include "ftpsfs/transfer/file_reader.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "stream_fixture.hpp"

namespace ftpsfs::transfer {
namespace {

class FileReaderTest : public StreamFixture {
 protected:
  explicit FileReaderTest(std::size_t size = 64 * kMebibyte)
      : data_(large().substr(0, size)), remote_(clock) {
    remote_.put("/f", data_);
  }
  static const std::string& large() {
    static const std::string made = pattern(64 * kMebibyte);
    return made;
  }
  void open(unsigned lanes, Duration far = std::chrono::hours(1), unsigned sweeps = 3) {
    reader_ = std::make_unique<FileReader>(
        [this] { return StreamFixture::reader(remote_); }, pace, ReaderLimits{lanes, sweeps, far},
        [this](const Leftover& left) {
          EXPECT_EQ(left.offset % 4096, 0U);
          const std::size_t size = total_bytes(left.bytes);
          EXPECT_TRUE(text_of(left.bytes) == data_.substr(left.offset, size));
          const MutexLock lock(mutex_);
          if (refusals_ > 0) {
            --refusals_;
            return refusal_;
          }
          left_[left.offset] = size;
          return Taken::yes;
        });
  }
  /// A read that must give the right bytes.
  void read(std::uint64_t offset, std::size_t size = 4096) {
    if (auto found = reader_->find(offset, size, data_.size())) {
      EXPECT_TRUE(text_of(*found) == data_.substr(offset, size));
      return;
    }
    const auto slices = reader_->read(offset, size, data_.size(), patience());
    ASSERT_TRUE(slices) << slices.error().text;
    EXPECT_TRUE(text_of(*slices) == data_.substr(offset, size)) << offset;
  }
  std::map<std::uint64_t, std::size_t> take_left() {
    const MutexLock lock(mutex_);
    return std::exchange(left_, {});
  }
  std::size_t transfers() { return remote_.calls(Op::open_reader); }
  /// The lanes fill on in the background.
  std::map<std::uint64_t, std::size_t> await_left() {
    for (const auto end = patience(); !end.expired(); std::this_thread::yield()) {
      if (auto left = take_left(); !left.empty()) {
        return left;
      }
    }
    ADD_FAILURE() << "nothing was given away";
    return {};
  }

  /// Until something has been given away that begins there.
  bool await_left_at(std::uint64_t offset) {
    for (const auto limit = patience(); !limit.expired(); std::this_thread::yield()) {
      if (take_left().contains(offset)) {
        return true;
      }
    }
    return false;
  }

  const std::string data_;
  FakeRemote remote_;
  Mutex mutex_;
  std::map<std::uint64_t, std::size_t> left_ FTPSFS_GUARDED_BY(mutex_);
  int refusals_ FTPSFS_GUARDED_BY(mutex_) = 0;
  Taken refusal_ FTPSFS_GUARDED_BY(mutex_) = Taken::not_now;
  std::unique_ptr<FileReader> reader_;
};

TEST_F(FileReaderTest, ReadingInSequenceIsOneTransfer) {
  open(4);
  for (std::uint64_t offset = 0; offset < 8 * kMebibyte; offset += 100'000) {
    read(offset, 100'000);
  }
  EXPECT_EQ(transfers(), 1U);
  EXPECT_TRUE(take_left().empty());
}

TEST_F(FileReaderTest, TheFirstJumpsMoveTheOneLaneThatThereIs) {
  open(4);
  read(0);
  read(40 * kMebibyte);
  read(20 * kMebibyte);
  EXPECT_EQ(transfers(), 3U);
  EXPECT_LE(remote_.most_connections(), 2U);
}

/// As a kernel that keeps the pages that it reads and those that it is given.
TEST_F(FileReaderTest, JumpsBringMoreAndMoreUntilTheyCostNothing) {
  open(4);
  constexpr std::uint64_t kPage = 4096;
  std::vector<std::uint64_t> pages(16 * kMebibyte / kPage);
  std::iota(pages.begin(), pages.end(), 0);
  std::shuffle(pages.begin(), pages.end(), std::mt19937(7));
  std::vector<bool> kept(pages.size());
  std::size_t asked = 0;
  for (const std::uint64_t page : pages) {
    for (const auto& [offset, size] : take_left()) {
      for (std::uint64_t of = offset; of < std::min(offset + size, pages.size() * kPage);
           of += kPage) {
        kept[of / kPage] = true;
      }
    }
    if (!kept[page]) {
      ++asked;
      read(page * kPage, kPage);
    }
  }
  EXPECT_LT(asked, pages.size() / 2);
  EXPECT_LT(transfers(), pages.size() / 8);
}

TEST_F(FileReaderTest, WhatAJumpBringsIsGivenAway) {
  open(1);
  read(0);
  read(40 * kMebibyte + 5 * 4096);
  const auto left = await_left();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left.begin()->first, 40 * kMebibyte + 5 * 4096) << "nothing comes before what is read";
  EXPECT_GE(left.begin()->second, 128U << 10U);
  read(20 * kMebibyte);
  EXPECT_EQ(await_left().begin()->first, 20 * kMebibyte) << "each of them once";
}

/// What the sweep has brought: it begins where the file does.
TEST_F(FileReaderTest, BesideAProgramThatJumpsTheFileIsSweptAsFarAsItHasJumped) {
  open(4);
  const std::uint64_t a_jump = 2 * pace.restart_bytes();
  std::map<std::uint64_t, std::size_t> brought;
  std::uint64_t swept = 0;
  const auto look = [&] {
    brought.merge(take_left());
    for (auto next = brought.find(swept); next != brought.end(); next = brought.find(swept)) {
      swept += next->second;
    }
    return swept;
  };
  constexpr std::uint64_t kJumps = 12;
  for (std::uint64_t jump = 1; jump <= kJumps; ++jump) {
    read((64 - 5 * jump) * kMebibyte + 4096);
    EXPECT_LE(look(), jump * a_jump);
  }
  const auto limit = patience();
  while (look() < (kJumps - 2) * a_jump && !limit.expired()) {
    std::this_thread::yield();
  }
  EXPECT_GE(swept, (kJumps - 2) * a_jump);
  EXPECT_LE(remote_.most_connections(), 5U);
}

TEST_F(FileReaderTest, FarAwayTheFileIsSweptSoonerAndInParts) {
  open(4, Duration(0));
  for (const std::uint64_t place : {60U, 40U, 15U, 30U}) {
    read(place * kMebibyte);
  }
  std::map<std::uint64_t, std::size_t> brought;
  const std::uint64_t third = data_.size() / 4096 / 3 * 4096;
  for (const auto limit = patience(); !limit.expired(); std::this_thread::yield()) {
    brought.merge(take_left());
    if (brought.contains(0) && brought.contains(third)) {
      break;
    }
  }
  EXPECT_TRUE(brought.contains(0));
  EXPECT_TRUE(brought.contains(third));
  EXPECT_LE(remote_.most_connections(), 7U);
}

TEST_F(FileReaderTest, WhatASweepCannotGiveAwayNowItOffersAgain) {
  open(4);
  {
    const MutexLock lock(mutex_);
    refusals_ = 1000;  // of what the jumps bring, too
  }
  for (std::uint64_t place = 60; place > 20; place -= 5) {
    read(place * kMebibyte);
  }
  {
    const MutexLock lock(mutex_);
    refusals_ = 2;
  }
  EXPECT_TRUE(await_left_at(0));
}

TEST_F(FileReaderTest, ASweepEndsWhenNothingOfItIsEverTaken) {
  open(4);
  {
    const MutexLock lock(mutex_);
    refusals_ = 1000;
    refusal_ = Taken::never;
  }
  std::size_t jumps = 0;
  for (std::uint64_t place = 60; place > 20; place -= 5, ++jumps) {
    read(place * kMebibyte);
  }
  for (const auto limit = patience(); transfers() <= jumps && !limit.expired();) {
    std::this_thread::yield();  // until it has begun
  }
  for (std::uint64_t place = 58; place > 20; place -= 5, ++jumps) {
    read(place * kMebibyte);
  }
  EXPECT_LE(transfers(), jumps + 1);
  const MutexLock lock(mutex_);
  EXPECT_TRUE(left_.empty());
}

TEST_F(FileReaderTest, SweepsAreNoMoreThanTheyMayBe) {
  open(4, Duration(0), 1);
  for (const std::uint64_t place : {60U, 40U, 15U, 30U, 50U, 5U, 25U, 45U}) {
    read(place * kMebibyte);
  }
  EXPECT_TRUE(await_left_at(0));
  EXPECT_LE(remote_.most_connections(), 5U);
}

TEST_F(FileReaderTest, WhatNobodyKeepsIsNotSwept) {
  FileReader at_random([this] { return StreamFixture::reader(remote_); }, pace, ReaderLimits{}, {});
  std::uint64_t jumps = 0;
  for (std::uint64_t place = 60; place > 0; place -= 5) {
    ASSERT_TRUE(at_random.read(place * kMebibyte, 4096, data_.size(), patience()));
    ++jumps;
  }
  EXPECT_LE(transfers(), jumps);
}

TEST_F(FileReaderTest, ASweepUnderWayEndsWithTheReader) {
  open(4);
  for (std::uint64_t place = 60; place > 20; place -= 5) {
    read(place * kMebibyte);
  }
  Gate gate = remote_.hold(Op::read);
  std::jthread ninth([this] { read(10 * kMebibyte); });
  ASSERT_TRUE(gate.await_blocked());
  gate.open();
  ninth.join();
  reader_.reset();
  EXPECT_EQ(remote_.connections(), 0U);
}

/// Where the server can end a download early: no transfer waits for somebody to read on.
TEST_F(FileReaderTest, AtRandomTransfersEndWithWhatTheyWereToBring) {
  FakeRemoteOptions options;
  options.ends_early = true;
  FakeRemote remote(clock, options);
  remote.put("/f", data_);
  FileReader at_random([&] { return StreamFixture::reader(remote); }, pace,
                       ReaderLimits{.lanes = 1}, {});
  for (const std::uint64_t place : {0U, 40U, 20U, 30U, 10U}) {
    const auto got = at_random.read(place * kMebibyte, 4096, data_.size(), patience());
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_TRUE(text_of(*got) == data_.substr(place * kMebibyte, 4096));
  }
  const auto limit = patience();
  while (remote.connections() > 0 && !limit.expired()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(remote.connections(), 0U);
}

/// Within what a new transfer costs: else one lane would drag the other's readers along.
TEST_F(FileReaderTest, EachReaderStaysInItsLane) {
  open(4);
  read(0);
  read(30 * kMebibyte);  // moves the lane
  read(0);
  read(30 * kMebibyte);  // a second one
  const std::size_t before = transfers();
  for (std::uint64_t offset = 4096; offset < kMebibyte; offset += 4096) {
    read(offset);
    read(30 * kMebibyte + offset);
  }
  EXPECT_LE(transfers(), before + 4);
}

TEST_F(FileReaderTest, ReadersOfDistantRegionsHaveTransfersOfTheirOwn) {
  open(4);
  std::vector<std::jthread> threads;
  for (std::uint64_t part = 0; part < 4; ++part) {
    threads.emplace_back([this, part] {
      for (std::uint64_t offset = 0; offset < 4 * kMebibyte; offset += 128U << 10U) {
        const std::uint64_t at = part * 16 * kMebibyte + offset;
        const auto slices = reader_->read(at, 128U << 10U, data_.size(), patience());
        ASSERT_TRUE(slices);
        ASSERT_TRUE(text_of(*slices) == data_.substr(at, 128U << 10U));
      }
    });
  }
  threads.clear();
  EXPECT_LT(transfers(), 40U) << "not one for each read";
  EXPECT_LE(remote_.most_connections(), 4U);
}

TEST_F(FileReaderTest, ALaneThatStillBringsIsLeftAloneByWhoReadsAtRandom) {
  open(2);
  read(0);
  read(40 * kMebibyte);
  read(20 * kMebibyte);
  EXPECT_LE(remote_.most_connections(), 1U);
  Gate gate = remote_.hold(Op::read);
  std::jthread first([this] { read(50 * kMebibyte); });
  ASSERT_TRUE(gate.await_blocked());
  std::jthread second([this] { read(10 * kMebibyte); });
  while (remote_.connections() < 2) {
    std::this_thread::yield();
  }
  gate.open();
}

TEST_F(FileReaderTest, ReadingBackwardsCostsATransferForEachRegion) {
  open(1);
  for (std::uint64_t offset = 32 * kMebibyte; offset > 16 * kMebibyte;) {
    offset -= 64U << 10U;
    read(offset, 64U << 10U);
  }
  EXPECT_LT(transfers(), 20U) << "of 256 reads";
}

class SmallFile : public FileReaderTest {
 protected:
  SmallFile() : FileReaderTest(900'000) {}
};

TEST_F(SmallFile, IsReadWholeWhenItIsTouchedElsewhere) {
  open(4);
  for (const std::uint64_t offset : {100U, 700U, 20U, 500U, 3U, 880U, 310U}) {
    read(offset * 1000, 4096);
  }
  EXPECT_LE(transfers(), 2U);
}

}  // namespace
}  // namespace ftpsfs::transfer
