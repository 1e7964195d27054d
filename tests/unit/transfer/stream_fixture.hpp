// SPDX-License-Identifier: MIT
//
// A server in memory with one file, and short ways to read and write it by streams.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "ftpsfs/transfer/read_stream.hpp"
#include "ftpsfs/transfer/write_stream.hpp"
#include "sizes.hpp"
#include "support/fake_remote.hpp"
#include "support/noise.hpp"

namespace ftpsfs::transfer {

using test::FakeRemote;
using test::FakeRemoteOptions;
using test::Gate;
using test::Op;

inline std::string pattern(std::size_t size) {
  return test::noise(size, 12345);
}

inline Slice slice_of(const std::string& text) {
  return copy_of(std::as_bytes(std::span(text.data(), text.size())));
}

inline std::string text_of(const Slices& slices) {
  std::string text;
  for (const Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size());
  }
  return text;
}

class StreamFixture : public ::testing::Test {
 protected:
  static Wait patience() { return Wait::for_at_most(std::chrono::seconds(20)); }

  PathProvider path() const {
    return [] { return remote::RemotePath::parse("/f"); };
  }
  static VersionCheck no_check() {
    return [](const remote::FileVersion&, std::uint64_t, Overlap) { return Result<void>(); };
  }
  std::unique_ptr<ReadStream> reader(FakeRemote& remote, VersionCheck check = no_check()) {
    return std::make_unique<ReadStream>(remote, origin_of(path(), std::move(check)), budget, pace,
                                        limits);
  }
  std::unique_ptr<WriteStream> writer(FakeRemote& remote,
                                      remote::WriteMode mode = remote::WriteMode::replace,
                                      std::uint64_t base = 0) {
    return std::make_unique<WriteStream>(remote, path(), mode, base, budget, limits);
  }

  ManualClock clock;
  MemoryBudget budget{8ULL << 20};
  Pace pace{2ULL << 20, false};
  Limits limits = without_pauses();

 private:
  static Limits without_pauses() {
    Limits limits;
    limits.settle_pause = Duration(0);
    return limits;
  }
};

}  // namespace ftpsfs::transfer
