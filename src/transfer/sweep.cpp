// SPDX-License-Identifier: MIT
#include "sweep.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::transfer {
namespace {

/// Given away at a time.
constexpr std::uint64_t kSweepPiece = 1ULL << 20;

}  // namespace

Sweep::Sweep(std::unique_ptr<ReadStream> stream, std::uint64_t size, Leftovers give)
    : stream_(std::move(stream)),
      size_(size),
      end_(size / kPageBytes * kPageBytes),
      give_(std::move(give)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Sweep::~Sweep() = default;

void Sweep::grant(std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  granted_ += std::min(bytes, size_ - granted_);
  granted_more_.notify_one();
}

void Sweep::run(const std::stop_token& stop) {
  try {
    for (std::uint64_t begin = 0; begin < end_; begin += kSweepPiece) {
      if (!bring(begin, std::min(begin + kSweepPiece, end_), stop)) {
        break;
      }
    }
  } catch (const std::exception& exception) {
    log::debug("a sweep: {}", exception.what());
  }
  is_over_ = true;
}

bool Sweep::bring(std::uint64_t begin, std::uint64_t end, const std::stop_token& stop) {
  {
    MutexLock lock(mutex_);
    if (!granted_more_.wait(mutex_, Wait::for_at_most(kNoLimit, stop),
                            [&]() FTPSFS_NO_ANALYSIS { return granted_ >= end; })) {
      return false;
    }
  }
  // Without a limit of its own: the stream knows when a transfer has failed.
  auto slices = stream_->read(begin, static_cast<std::size_t>(end - begin), size_,
                              Wait::for_at_most(kNoLimit, stop));
  if (!slices || total_bytes(*slices) < end - begin) {
    return false;
  }
  give_({begin, *std::move(slices)});
  return true;
}

}  // namespace ftpsfs::transfer
