// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/file_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "sweep.hpp"

namespace ftpsfs::transfer {
namespace {

/// Jumps before a program is believed to read at random: until then one lane follows it.
constexpr unsigned kRandom = 2;
/// Jumps that are worth a sweep, where the file could stay in memory.
constexpr unsigned kSweeps = 8;
/// The same far away.
constexpr unsigned kSweepsFar = 4;
/// What is waited for longer is a connection, or the link: no measure of the way.
constexpr Duration kLongestJump{2000};
/// What a jump costs, in restart_bytes(): those end with its first byte, and TCP's slow start,
/// which makes the next ones late, comes behind it.
constexpr unsigned kCostOfJump = 2;
/// What the first jump brings; each further one twice as much, up to the cost of a transfer.
constexpr std::uint64_t kFirstRegion = 128ULL << 10;
constexpr std::uint64_t kLargestRegion = 4ULL << 20;
/// A file no larger than this is read whole when it is touched a second time.
constexpr std::uint64_t kSmallFile = 1ULL << 20;

/// A larger file would push others out of the kernel's memory, and perhaps itself.
std::uint64_t most_swept() {
  const auto pages = std::max(::sysconf(_SC_PHYS_PAGES), 0L);
  const auto page = std::max(::sysconf(_SC_PAGESIZE), 0L);
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) / 4;
}

}  // namespace

FileReader::FileReader(MakeStream make_stream, const Pace& pace, const ReaderLimits& limits,
                       Leftovers leftovers)
    : make_stream_(std::move(make_stream)),
      pace_(pace),
      limits_{std::max(limits.lanes, 1U), limits.sweeps, limits.far},
      leftovers_(std::move(leftovers)) {}

FileReader::~FileReader() = default;

std::optional<Slices> FileReader::find(std::uint64_t offset, std::size_t size,
                                       std::optional<std::uint64_t> expected_size) {
  const MutexLock lock(mutex_);
  for (Lane& lane : lanes_) {
    if (auto found = lane.stream->find(offset, size, expected_size)) {
      lane.used_at = ++reads_;
      return found;
    }
  }
  return std::nullopt;
}

Result<Slices> FileReader::read(std::uint64_t offset, std::size_t size,
                                std::optional<std::uint64_t> expected_size, const Wait& wait) {
  Choice choice{};
  std::optional<Lane::Reader> reader;
  {
    const MutexLock lock(mutex_);
    choice = choose(offset, size, expected_size);
    reader.emplace(*choice.lane);
    choice.lane->used_at = ++reads_;
  }
  if (choice.left && leftovers_) {
    leftovers_(*std::move(choice.left));
  }
  const SteadyTime begun = SteadyClock::now();
  auto slices = choice.lane->stream->read(offset, size, expected_size, wait);
  if (choice.jumps && slices) {
    const MutexLock lock(mutex_);
    sweep(expected_size, std::chrono::duration_cast<Duration>(SteadyClock::now() - begun));
  }
  return slices;
}

FileReader::Lane& FileReader::add_lane() {
  auto stream = make_stream_();
  stream->on_brought(leftovers_);
  Lane& lane = lanes_.emplace_back();
  lane.stream = std::move(stream);
  return lane;
}

/// The lane whose window is nearest; else one that is moved.
FileReader::Choice FileReader::choose(std::uint64_t offset, std::size_t size,
                                      std::optional<std::uint64_t> expected_size) {
  if (lanes_.empty()) {
    add_lane();
  }
  Lane* nearest = nullptr;
  std::uint64_t least = 0;
  for (Lane& lane : lanes_) {
    const auto distance = lane.stream->distance_to(offset);
    if (distance && (nearest == nullptr || *distance < least)) {
      nearest = &lane;
      least = *distance;
    }
  }
  if (nearest != nullptr) {
    return {nearest};
  }
  Lane& lane = lane_to_move();
  if (lane.readers > 0) {
    return {&lane};  // the stream lets those who wait have their bytes first
  }
  if (lane.stream->was_read_in_sequence()) {
    jumps_ = 0;
    far_jumps_ = 0;
    jumped_for_ = Duration(0);
  }
  return {&lane, true, lane.stream->jump(region_of(offset, size, expected_size))};
}

/// The one that is missed least.
FileReader::Lane& FileReader::lane_to_move() {
  const bool at_random = jumps_ >= kRandom;
  const auto rank = [at_random](const Lane& lane) {
    const bool is_busy = lane.readers > 0;
    const bool brings_more = at_random && !lane.stream->is_idle();
    return std::pair((is_busy ? 2 : 0) + (brings_more ? 1 : 0), lane.used_at);
  };
  Lane& best =
      *std::min_element(lanes_.begin(), lanes_.end(),
                        [&rank](const Lane& a, const Lane& b) { return rank(a) < rank(b); });
  const bool is_at_rest = rank(best).first == 0;
  return is_at_rest || lanes_.size() >= limits_.lanes ? best : add_lane();
}

bool FileReader::is_sweeping() const {
  return std::any_of(sweeps_.begin(), sweeps_.end(),
                     [](const auto& sweep) { return !sweep->is_over(); });
}

/// A program that goes on to jump will have jumped to most of the file in the end, each time for
/// what a new transfer costs. So the rest is brought beside it, as much for each jump as that
/// costs.
void FileReader::sweep(std::optional<std::uint64_t> expected_size, Duration took) {
  took = std::min(took, kLongestJump);
  jumped_for_ += took;
  far_jumps_ += took >= limits_.far ? 1 : 0;
  const bool jumps_enough = jumps_ >= kSweeps || far_jumps_ >= kSweepsFar;
  if (!jumps_enough || !leftovers_ || !expected_size) {
    return;
  }
  std::uint64_t due = kCostOfJump * pace_.restart_bytes();
  if (sweeps_.empty()) {
    if (*expected_size <= kSmallFile || *expected_size > most_swept() || limits_.lanes == 1) {
      return;
    }
    begin_sweeps(*expected_size);
    due *= jumps_;
    took = jumped_for_;
  }
  for (const auto& sweep : sweeps_) {
    sweep->grant(due / sweeps_.size(), took);
  }
}

/// Far away one transfer alone does not fill the way: what may be in flight is bounded.
void FileReader::begin_sweeps(std::uint64_t size) {
  unsigned parts = 1;
  while (far_jumps_ >= kSweepsFar && parts < limits_.sweeps &&
         jumped_for_ >= parts * jumps_ * limits_.far) {
    ++parts;
  }
  const std::uint64_t pages = size / kPageBytes;
  try {
    for (unsigned part = 0; part < parts; ++part) {
      const Range range{pages * part / parts * kPageBytes, pages * (part + 1) / parts * kPageBytes};
      sweeps_.push_back(std::make_unique<Sweep>(make_stream_(), range, size, leftovers_));
    }
  } catch (const std::system_error& error) {
    log::debug("no thread for a sweep: {}", error.what());
    sweeps_.clear();  // they have been granted nothing yet
  }
}

/// What lies behind the place: who waits for its bytes does not wait for others in front of them.
/// Before a place that was read, what lies in front of it: the program reads backwards.
Region FileReader::region_of(std::uint64_t offset, std::size_t size,
                             std::optional<std::uint64_t> expected_size) {
  const bool at_random = jumps_ >= kRandom;
  const std::uint64_t grown = is_sweeping() ? kFirstRegion : kFirstRegion << std::min(jumps_, 8U);
  const std::uint64_t worth = std::min({grown, pace_.restart_bytes(), kLargestRegion});
  ++jumps_;
  if (expected_size && *expected_size <= kSmallFile) {
    return Region{0, offset, *expected_size, false};
  }
  const std::uint64_t most = std::max(worth, kFirstRegion);
  const std::uint64_t end_of_read = offset + size;
  const bool backwards = goes_backwards(offset, most);
  const std::uint64_t first = backwards ? end_of_read - std::min(end_of_read, most) : offset;
  const std::uint64_t begin = std::min(first, offset) / kPageBytes * kPageBytes;
  const std::uint64_t end = backwards ? end_of_read : std::max(begin + most, end_of_read);
  return Region{begin, offset, end, at_random && expected_size && end < *expected_size};
}

/// Does a lane's window begin less than so far behind the offset?
bool FileReader::goes_backwards(std::uint64_t offset, std::uint64_t most) const {
  return std::any_of(lanes_.begin(), lanes_.end(), [offset, most](const Lane& lane) {
    const std::uint64_t begin = lane.stream->begin();
    return offset < begin && begin - offset <= most;
  });
}

}  // namespace ftpsfs::transfer
