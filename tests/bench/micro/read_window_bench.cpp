// SPDX-License-Identifier: MIT
//
// One file from its beginning to its end through the window of a ReadStream, in pieces as the
// kernel asks for them, over a server in memory; and that server's own reader alone, which is the
// limit.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "ftpsfs/transfer/read_stream.hpp"
#include "support/fake_remote.hpp"

namespace {

using namespace ftpsfs;
using test::FakeRemote;

constexpr std::int64_t kFile = 64LL << 20;
constexpr std::uint64_t kFileEnd = kFile;
constexpr std::size_t kChunk = 256ULL << 10;

Wait patience() {
  return Wait::for_at_most(std::chrono::seconds(20));
}

/// A server with one file.
struct Server {
  Server() { remote.put("/f", std::string(kFileEnd, 'x')); }

  static test::FakeRemoteOptions options() {
    test::FakeRemoteOptions all;
    all.read_chunk = kChunk;
    return all;
  }

  ManualClock clock;
  FakeRemote remote{clock, options()};
};

void ReadWindow(benchmark::State& state) {
  Server server;
  transfer::MemoryBudget budget(96ULL << 20);
  transfer::Pace pace(2ULL << 20, false);
  const auto piece = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    transfer::ReadStream stream(
        server.remote,
        transfer::origin_of([] { return remote::RemotePath::parse("/f"); },
                            [](const remote::FileVersion&, std::uint64_t, transfer::Overlap) {
                              return Result<void>();
                            }),
        budget, pace, {});
    for (std::uint64_t offset = 0; offset < kFileEnd; offset += piece) {
      const auto slices = stream.read(offset, piece, kFileEnd, patience());
      if (!slices || total_bytes(*slices) != piece) {
        state.SkipWithError("a read failed");
        return;
      }
    }
  }
  state.SetBytesProcessed(state.iterations() * kFile);
}

void ReaderAlone(benchmark::State& state) {
  Server server;
  std::vector<std::byte> into(kChunk);
  for (auto _ : state) {
    auto reader = server.remote.open_reader(*remote::RemotePath::parse("/f"), 0, {}, patience());
    std::uint64_t sum = 0;
    while (reader && sum < kFileEnd) {
      const auto got = (*reader)->read(into, patience());
      if (!got || *got == 0) {
        break;
      }
      sum += *got;
    }
    if (sum != kFileEnd) {
      state.SkipWithError("a read failed");
      return;
    }
  }
  state.SetBytesProcessed(state.iterations() * kFile);
}

BENCHMARK(ReadWindow)->Arg(128 << 10)->Arg(1 << 20)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(ReaderAlone)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
