// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/read_stream.hpp"

#include <algorithm>
#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "stream_fixture.hpp"

namespace ftpsfs::transfer {
namespace {

class ReadStreamTest : public StreamFixture {
 protected:
  static constexpr std::size_t kChunk = 4096;
  static FakeRemoteOptions in_chunks() {
    FakeRemoteOptions options;
    options.read_chunk = kChunk;
    return options;
  }
  std::string read(ReadStream& stream, std::uint64_t offset, std::size_t size,
                   std::optional<std::uint64_t> expected = std::nullopt) {
    const auto slices = stream.read(offset, size, expected, patience());
    EXPECT_TRUE(slices) << (slices ? "" : slices.error().text);
    return slices ? text_of(*slices) : std::string();
  }
};

TEST_F(ReadStreamTest, SequentialReadingIsOneTransfer) {
  FakeRemote remote(clock);
  const std::string data = pattern(3 * kMebibyte + 17);
  remote.put("/f", data);
  const auto stream = reader(remote);
  std::string got;
  while (got.size() < data.size()) {
    got += read(*stream, got.size(), 100'000);
  }
  EXPECT_TRUE(got == data);
  EXPECT_EQ(read(*stream, data.size(), 10), "");
  EXPECT_EQ(remote.calls(Op::open_reader), 1U);
}

TEST_F(ReadStreamTest, ParallelReadsOutOfOrderStayInTheWindow) {
  FakeRemote remote(clock);
  const std::string data = pattern(2 * kMebibyte);
  remote.put("/f", data);
  const auto stream = reader(remote);
  EXPECT_EQ(read(*stream, 0, 1000), data.substr(0, 1000));
  std::vector<std::jthread> threads;
  std::atomic<int> wrong{0};
  for (const std::size_t offset : {262144UL, 131072UL, 524288UL, 393216UL, 0UL}) {
    threads.emplace_back([&, offset] {
      const auto slices = stream->read(offset, 131072, std::nullopt, patience());
      wrong += slices && text_of(*slices) == data.substr(offset, 131072) ? 0 : 1;
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(remote.calls(Op::open_reader), 1U);
}

TEST_F(ReadStreamTest, AJumpRestartsAtTheOffset) {
  FakeRemote remote(clock);
  const std::string data = pattern(12 * kMebibyte);
  remote.put("/f", data);
  const auto stream = reader(remote);
  EXPECT_EQ(read(*stream, 10 * kMebibyte, 4096), data.substr(10 * kMebibyte, 4096));
  EXPECT_EQ(read(*stream, 0, 4096), data.substr(0, 4096));
  EXPECT_EQ(remote.calls(Op::open_reader), 2U);
  EXPECT_LT(remote.bytes_read(), 6 * kMebibyte);
}

TEST_F(ReadStreamTest, MemoryIsBoundedAheadOfTheReader) {
  FakeRemote remote(clock);
  remote.put("/f", pattern(32 * kMebibyte));
  const auto stream = reader(remote);
  for (std::size_t offset = 0; offset < 8 * kMebibyte; offset += kMebibyte) {
    read(*stream, offset, kMebibyte);
  }
  EXPECT_LE(remote.bytes_read(), 8 * kMebibyte + (8ULL << 20) + kMebibyte);
}

TEST_F(ReadStreamTest, ALinkFailureIsResumedFromTheOffset) {
  FakeRemote remote(clock);
  const std::string data = pattern(kMebibyte);
  remote.put("/f", data);
  remote.fail_after_bytes(Op::read, 300'000, make_error(Errc::closed, "reset"));
  std::atomic<std::uint64_t> taken_up{0};
  limits.taken_up = &taken_up;
  const auto stream = reader(remote);
  EXPECT_TRUE(read(*stream, 0, kMebibyte) == data);
  EXPECT_EQ(remote.calls(Op::open_reader), 2U);
  EXPECT_EQ(taken_up, 1U);
}

TEST_F(ReadStreamTest, AFailureThatStaysReachesTheReader) {
  FakeRemote remote(clock);
  remote.put("/f", pattern(1000));
  remote.fail_all(make_error(Errc::closed, "down"));
  const auto stream = reader(remote);
  const auto slices = stream->read(0, 10, std::nullopt, patience());
  ASSERT_FALSE(slices);
  EXPECT_EQ(slices.error().code, Errc::closed);
}

TEST_F(ReadStreamTest, WhereTheLinkIsWaitedForItsAbsenceIsNotCounted) {
  FakeRemote remote(clock);
  const std::string data = pattern(1000);
  remote.put("/f", data);
  for (int i = 0; i < 5; ++i) {
    remote.fail_next(Op::open_reader, "/f", make_error(Errc::closed, "down"));
  }
  limits.retries = 1;
  limits.stall_timeout = kNoLimit;
  limits.link_pause = Duration{1};
  const auto stream = reader(remote);
  EXPECT_TRUE(read(*stream, 0, 1000) == data);
}

TEST_F(ReadStreamTest, WhatIsWrongWithTheAnswerIsCounted) {
  FakeRemote remote(clock);
  remote.put("/f", pattern(1000));
  remote.fail_all(make_error(Errc::truncated, "cut"));
  limits.stall_timeout = kNoLimit;
  const auto stream = reader(remote);
  EXPECT_EQ(stream->read(0, 10, std::nullopt, patience()).error().code, Errc::truncated);
}

TEST_F(ReadStreamTest, ARefusalIsNotRepeated) {
  FakeRemote remote(clock);
  const auto stream = reader(remote);  // there is no such file
  const auto slices = stream->read(0, 10, std::nullopt, patience());
  ASSERT_FALSE(slices);
  EXPECT_EQ(slices.error().code, Errc::not_found);
  EXPECT_EQ(remote.calls(Op::open_reader), 1U);
}

TEST_F(ReadStreamTest, AnotherVersionShowsNoByte) {
  FakeRemote remote(clock);
  remote.put("/f", "new content");
  const auto stream = reader(remote, [](const remote::FileVersion&, std::uint64_t, Overlap) {
    return Result<void>(make_error(Errc::stale, "changed"));
  });
  const auto slices = stream->read(0, 5, std::nullopt, patience());
  ASSERT_FALSE(slices);
  EXPECT_EQ(slices.error().code, Errc::stale);
}

TEST_F(ReadStreamTest, GrowthIsFollowedAtTheEnd) {
  FakeRemote remote(clock);
  remote.put("/f", "one\n");
  const auto stream = reader(remote);
  EXPECT_EQ(read(*stream, 0, 100), "one\n");
  EXPECT_EQ(read(*stream, 4, 100, 4), "");
  remote.grow("/f", "two\n");
  EXPECT_FALSE(stream->find(4, 100, 8));  // memory alone must not call it the end
  EXPECT_EQ(read(*stream, 4, 100, 8), "two\n");
}

TEST_F(ReadStreamTest, WhatFollowsComesWithWhatIsInMemory) {
  for (const bool is_replaced : {false, true}) {
    FakeRemote remote(clock);
    const std::string data = pattern(9000);
    remote.put("/f", data);
    std::vector<Overlap> overlaps;  // by the pump alone, whose end the reads see
    const auto stream =
        reader(remote, [&](const remote::FileVersion&, std::uint64_t offset, Overlap overlap) {
          EXPECT_EQ(offset, overlaps.empty() ? 0 : data.size());
          overlaps.push_back(overlap);
          return overlap == Overlap::differs ? make_error(Errc::stale, "changed") : Result<void>();
        });
    EXPECT_EQ(read(*stream, 0, 10'000), data);
    if (is_replaced) {
      remote.put("/f", pattern(8999) + "!more");
    } else {
      remote.grow("/f", "more");
    }
    const auto more = stream->read(9000, 10, 9004, patience());
    EXPECT_EQ(more.has_value(), !is_replaced);
    EXPECT_EQ(overlaps.back(), is_replaced ? Overlap::differs : Overlap::agrees);
    EXPECT_LE(remote.bytes_read(), 9004U + 4096);
  }
}

TEST_F(ReadStreamTest, TheLastBytesOfAKnownSizeDoNotWaitForTheVerdict) {
  FakeRemote remote(clock);
  remote.put("/f", "data");
  const auto stream = reader(remote);
  Gate gate = remote.hold(Op::read);
  gate.let_one_pass();  // the bytes; their end stays away
  EXPECT_EQ(read(*stream, 0, 100, 4), "data");
  EXPECT_TRUE(stream->find(2, 100, 4));
  EXPECT_FALSE(stream->find(0, 100, std::nullopt));  // it may go on
  EXPECT_FALSE(stream->find(0, 100, 8));             // it does go on
  EXPECT_FALSE(stream->find(4, 100, 4));             // the end itself is the server's to tell
  gate.open();
  EXPECT_EQ(read(*stream, 4, 100, 4), "");
}

TEST_F(ReadStreamTest, ARegionThatIsEnoughFreesItsConnectionAndIsNoEndOfFile) {
  for (const bool ends_early : {true, false}) {
    FakeRemoteOptions options;
    options.ends_early = ends_early;
    FakeRemote remote(clock, options);
    const std::string data = pattern(4 * kMebibyte);
    remote.put("/f", data);
    const auto stream = reader(remote);
    stream->jump({kMebibyte, kMebibyte, kMebibyte + 8192, true});
    EXPECT_EQ(read(*stream, kMebibyte, 4096, data.size()), data.substr(kMebibyte, 4096));
    if (ends_early) {
      const auto limit = patience();
      while (remote.connections() > 0 && !limit.expired()) {
        std::this_thread::yield();
      }
      EXPECT_EQ(remote.connections(), 0U);
      EXPECT_EQ(remote.bytes_read(), 8192U);
    }
    const std::size_t rest = data.size() - kMebibyte;
    EXPECT_TRUE(read(*stream, kMebibyte, rest, data.size()) == data.substr(kMebibyte))
        << ends_early;
    EXPECT_EQ(read(*stream, data.size(), 4096, data.size()), "");
  }
}

TEST_F(ReadStreamTest, AnInterruptedReaderReturnsAndOthersGoOn) {
  FakeRemote remote(clock);
  remote.put("/f", "data");
  const auto stream = reader(remote);
  Gate gate = remote.hold(Op::open_reader);
  std::stop_source interrupt;
  std::optional<Result<Slices>> result;
  std::jthread waiting([&] {
    result = stream->read(0, 4, std::nullopt,
                          Wait::for_at_most(std::chrono::seconds(20), interrupt.get_token()));
  });
  ASSERT_TRUE(gate.await_blocked());
  interrupt.request_stop();
  waiting.join();
  ASSERT_FALSE(*result);
  EXPECT_EQ(result->error().code, Errc::cancelled);
  gate.open();
  EXPECT_EQ(read(*stream, 0, 4), "data");
}

TEST_F(ReadStreamTest, ASlowLinkHasTheStallTimeoutForEachStep) {
  const std::string data = pattern(4 * kChunk);
  for (auto patience = std::chrono::milliseconds(50);; patience *= 2) {
    FakeRemote remote(clock, in_chunks());
    remote.put("/f", data);
    const Wait wait = Wait::for_at_most(patience);
    std::atomic<int> pieces{0};
    std::atomic<bool> in_time{false};  // some bytes were there before the deadline
    remote.on_call([&](Op op, const std::string&) {
      if (op == Op::read && ++pieces == 2) {
        in_time = !wait.expired();
        while (!wait.expired()) {
          std::this_thread::yield();
        }
      }
    });
    const auto stream = reader(remote);
    const auto slices = stream->read(0, data.size(), data.size(), wait);
    if (!in_time) {
      continue;  // a machine that stalls: with more patience
    }
    ASSERT_TRUE(slices) << slices.error().text;
    EXPECT_TRUE(text_of(*slices) == data);
    break;
  }
}

TEST_F(ReadStreamTest, ALinkThatBringsNothingEndsTheWait) {
  FakeRemote remote(clock);
  remote.put("/f", "data");
  const auto stream = reader(remote);
  Gate gate = remote.hold(Op::read);
  const auto slices = stream->read(0, 4, 4, Wait::for_at_most(std::chrono::milliseconds(20)));
  ASSERT_FALSE(slices);
  EXPECT_EQ(slices.error().code, Errc::timed_out);
  gate.open();
  EXPECT_EQ(read(*stream, 0, 4), "data");
}

TEST_F(ReadStreamTest, GivesWayToOthersAndResumes) {
  FakeRemoteOptions options;
  options.max_conns = 1;
  FakeRemote remote(clock, options);
  const std::string data = pattern(4 * kMebibyte);
  remote.put("/f", data);
  const auto stream = reader(remote);
  EXPECT_EQ(read(*stream, 0, 1000), data.substr(0, 1000));
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(remote.stat(*remote::RemotePath::parse("/f"), patience()));
    const std::size_t offset = 1000 + static_cast<std::size_t>(round) * 1'000'000;
    EXPECT_TRUE(read(*stream, offset, 1'000'000) == data.substr(offset, 1'000'000));
  }
}

TEST_F(ReadStreamTest, AStreamAtRestHoldsNothingAheadOfItsReader) {
  FakeRemoteOptions options;
  options.max_conns = 1;
  FakeRemote remote(clock, options);
  const std::string data = pattern(16 * kMebibyte);
  remote.put("/f", data);
  const auto stream = reader(remote);
  EXPECT_TRUE(read(*stream, 0, 4 * kMebibyte) == data.substr(0, 4 * kMebibyte));
  const Wait limit = patience();
  while (remote.bytes_read() < 6 * kMebibyte && !limit.expired()) {
    std::this_thread::yield();  // it reads ahead
  }
  EXPECT_GE(remote.bytes_read(), 6 * kMebibyte);
  EXPECT_TRUE(remote.stat(*remote::RemotePath::parse("/f"), patience()));  // takes the session
  EXPECT_TRUE(stream->find(4 * kMebibyte - 4096, 4096, std::nullopt));
  EXPECT_FALSE(stream->find(kMebibyte, 4096, std::nullopt));
  EXPECT_FALSE(stream->find(5 * kMebibyte, 4096, std::nullopt));
  EXPECT_TRUE(read(*stream, 4 * kMebibyte, 4 * kMebibyte) ==
              data.substr(4 * kMebibyte, 4 * kMebibyte));
  EXPECT_TRUE(read(*stream, 12 * kMebibyte, kMebibyte) == data.substr(12 * kMebibyte, kMebibyte));
}

TEST_F(ReadStreamTest, ASmallFileStaysWhole) {
  FakeRemoteOptions options;
  options.max_conns = 1;
  FakeRemote remote(clock, options);
  const std::string data = pattern(600'000);
  remote.put("/f", data);
  const auto stream = reader(remote);
  EXPECT_TRUE(read(*stream, 0, data.size() + 1) == data);
  EXPECT_TRUE(remote.stat(*remote::RemotePath::parse("/f"), patience()));
  EXPECT_TRUE(stream->find(0, data.size(), std::nullopt));
}

TEST_F(ReadStreamTest, ReadersBehindTheWindowWaitForTheOneAtItsEnd) {
  limits.retain_bytes = 0;
  Pace no_skips(0, false);
  const std::string data = pattern(3 * kMebibyte);
  FakeRemote remote(clock);
  remote.put("/f", data);
  for (int round = 0; round < 10; ++round) {  // who wakes first is chance
    const auto stream = std::make_unique<ReadStream>(remote, origin_of(path(), no_check()), budget,
                                                     no_skips, limits);
    Gate gate = remote.hold(Op::read);
    std::atomic<int> wrong{0};
    std::vector<std::jthread> readers;
    readers.emplace_back([&] {
      // Up to behind the end: only the end itself satisfies it.
      wrong += read(*stream, 2 * kMebibyte, 2 * kMebibyte) == data.substr(2 * kMebibyte) ? 0 : 1;
    });
    ASSERT_TRUE(gate.await_blocked());
    std::latch begun(6);
    for (int i = 0; i < 6; ++i) {
      readers.emplace_back([&] {
        begun.count_down();
        wrong += read(*stream, 0, 4096) == data.substr(0, 4096) ? 0 : 1;
      });
    }
    begun.wait();
    gate.open();
    readers.clear();
    EXPECT_EQ(wrong, 0);
  }
}

TEST_F(ReadStreamTest, TwoReadersOfDistantRegionsBothAdvance) {
  FakeRemote remote(clock);
  const std::string data = pattern(16 * kMebibyte);
  remote.put("/f", data);
  const auto stream = reader(remote);
  std::atomic<int> wrong{0};
  const auto walk = [&](std::size_t start) {
    for (std::size_t step = 0; step < 8; ++step) {
      const std::size_t offset = start + step * 4096;
      const auto slices = stream->read(offset, 4096, std::nullopt, patience());
      wrong += slices && text_of(*slices) == data.substr(offset, 4096) ? 0 : 1;
    }
  };
  std::jthread first([&] { walk(0); });
  std::jthread second([&] { walk(12 * kMebibyte); });
  first.join();
  second.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace ftpsfs::transfer
