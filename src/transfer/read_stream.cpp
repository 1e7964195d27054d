// SPDX-License-Identifier: MIT
//
// The readers' side of a ReadStream: what is given out, and what is asked for.
#include "ftpsfs/transfer/read_stream.hpp"

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/log_context.hpp"
#include "read_stream_core.hpp"

namespace ftpsfs::transfer {
namespace {

/// Parallel reads of a program that reads in sequence are not further apart.
constexpr std::uint64_t kOneReader = 2ULL << 20;

}  // namespace

std::optional<Slices> ReadStream::Core::find_locked(std::uint64_t offset, std::size_t size,
                                                    std::optional<std::uint64_t> expected_size) {
  if (offset < window_.begin()) {
    return std::nullopt;
  }
  std::uint64_t end = offset + size;
  if (end > window_.end()) {
    // The last bytes of a known size are no less there than those before them: only what is asked
    // for behind them waits for the server's verdict, a round trip or two later.
    const bool are_the_last = expected_size == window_.end() && offset < window_.end();
    if (!at_end_ && !are_the_last) {
      return std::nullopt;
    }
    end = std::max(offset, window_.end());
  }
  Slices result = window_.slices(offset, static_cast<std::size_t>(end - offset));
  was_read_ = true;
  if (end > position_) {
    if (offset > position_ + kOneReader) {
      run_start_ = offset;  // a leap, not reading in sequence
    }
    position_ = end;
    room_.notify_all();
  }
  return result;
}

Result<Slices> ReadStream::Core::read(std::uint64_t offset, std::size_t size,
                                      std::optional<std::uint64_t> expected_size,
                                      const Wait& wait) {
  MutexLock lock(mutex_);
  bool counted = false;
  bool has_looked = false;
  Wait limit = wait;
  std::uint64_t received = received_;
  Result<Slices> result = Slices{};
  for (;;) {
    // Once: the transfer under way may have begun before the file had that size.
    if (!has_looked && has_grown(offset, size, expected_size)) {
      has_looked = true;
      at_end_ = false;  // go on from the old end
    }
    if (auto found = find_locked(offset, size, expected_size)) {
      result = *std::move(found);
      break;
    }
    if (error_ && SteadyClock::now() < error_until_) {
      result = *error_;
      break;
    }
    error_.reset();
    if (shut_down_) {
      result = make_error(Errc::cancelled, "the file is being closed");
      break;
    }
    if (!reachable(offset)) {
      if (counted) {
        counted = false;
        --waiting_;
      }
      // Those whose bytes the present window will bring come first: else two readers of distant
      // regions could drag the stream to and fro for ever.
      if (waiting_ == 0) {
        restart({offset, offset, offset, false});
        continue;
      }
    } else {
      if (!counted) {
        counted = true;
        ++waiting_;
      }
      demand_end_ = std::max(demand_end_, offset + size);
      ensure_pump();
      if (error_) {
        continue;
      }
    }
    room_.notify_all();
    const std::uint64_t end = end_wanted(offset, size, expected_size);
    const std::uint64_t generation = generation_;
    // Each predicate is false here: one that held already would spin, and never let the mutex go.
    const auto brought = [&]() FTPSFS_NO_ANALYSIS {
      const bool can_go_on = error_.has_value() || at_end_ || window_.end() >= end ||
                             generation_ != generation || shut_down_ || !pumping_;
      if (!can_go_on) {
        wanted_ = std::min(wanted_, end);
      }
      return can_go_on;
    };
    const auto my_turn = [&]() FTPSFS_NO_ANALYSIS {
      return error_.has_value() || shut_down_ || waiting_ == 0 || reachable(offset);
    };
    const bool woken =
        counted ? changed_.wait(mutex_, limit, brought) : changed_.wait(mutex_, limit, my_turn);
    if (woken) {
      continue;
    }
    // A link that is slow, or shared by many, is at work: the pump knows when it is not any more.
    if (wait.stop.stop_requested() || received_ == received) {
      result = wait.give_up("data from the server");
      break;
    }
    limit = Wait::for_at_most(limits_.stall_timeout, wait.stop);
    received = received_;
  }
  if (counted && --waiting_ == 0) {
    demand_end_ = 0;
    changed_.notify_all();
    room_.notify_all();
  }
  return result;
}

void ReadStream::Core::restart(const Region& region) {
  ++generation_;
  window_.restart(region.begin);
  note_held();
  position_ = run_start_ = region.target;
  fill_to_ = region.end;
  is_enough_ = region.is_enough;
  is_brought_ = false;
  demand_end_ = 0;
  at_end_ = false;
  cut_.request_stop();
  cut_ = std::stop_source();
  changed_.notify_all();
  room_.notify_all();
}

std::optional<Leftover> ReadStream::Core::jump(const Region& region) {
  const MutexLock lock(mutex_);
  if (waiting_ > 0) {
    return std::nullopt;
  }
  auto left = is_brought_ ? std::nullopt : leftover();
  restart(region);
  return left;
}

std::optional<Leftover> ReadStream::Core::leftover() const {
  const std::uint64_t begin = (window_.begin() + kPageBytes - 1) / kPageBytes * kPageBytes;
  // Not the last one, of which only a part is the file's: should it grow, that part is other bytes.
  const std::uint64_t end = window_.end() / kPageBytes * kPageBytes;
  if (!has_region() || begin >= end) {
    return std::nullopt;
  }
  return Leftover{begin, window_.slices(begin, static_cast<std::size_t>(end - begin))};
}

void ReadStream::Core::ensure_pump() {
  if (pumping_ || at_end_) {
    return;
  }
  retries_left_ = limits_.retries;
  try {
    // The old thread, if any, has nothing left to do but to end: it takes no lock any more.
    thread_ = std::jthread(
        [self = shared_from_this(), request = log::current_request()](const std::stop_token& stop) {
          const log::LogScope scope(request);
          self->pump(stop);
        });
    pumping_ = true;
  } catch (const std::system_error& e) {
    error_ = make_error(Errc::io_error, std::string("no thread to read with: ") + e.what());
    error_until_ = SteadyClock::now() + kErrorStays;
  }
}

void ReadStream::Core::shut_down() {
  std::jthread thread;
  {
    MutexLock lock(mutex_);
    shut_down_ = true;
    cut_.request_stop();
    thread_.request_stop();
    thread = std::move(thread_);
    changed_.notify_all();
  }
  thread = {};  // joins, without the mutex
  // Somebody who asks for memory, or for the session, may hold us a little longer than the budget
  // lives.
  MutexLock lock(mutex_);
  window_.restart(window_.end());
  note_held();
}

/// A window that nobody reads, and that no transfer fills, is fetched again should anybody come
/// back to it. One that a transfer fills and nobody has read for a while ends that if it has become
/// more than its share.
void ReadStream::Core::let_go() {
  const MutexLock lock(mutex_);
  if (waiting_ > 0) {
    return;
  }
  if (pumping_) {
    if (is_full_ && SteadyClock::now() - full_since_ >= kReadsOn &&
        window_.held_bytes() > budget_.fair_share()) {
      yield_at_ = window_.end();
      room_.notify_all();
    }
    return;
  }
  if (std::exchange(was_read_, false)) {
    return;  // unless all others were, too
  }
  // Reading goes on at its position, and not as behind a jump.
  const std::uint64_t next = std::clamp(position_, window_.begin(), window_.end());
  is_brought_ = is_brought_ || stays_in_region();
  at_end_ = at_end_ && next == window_.end();
  window_.restart(next);
  note_held();
}

OriginProvider origin_of(PathProvider path, VersionCheck check) {
  return [path = std::move(path), check = std::move(check)]() -> Result<Origin> {
    FTPSFS_TRY_ASSIGN(remote::RemotePath now, path());
    return Origin{std::move(now), check};
  };
}

ReadStream::ReadStream(remote::Remote& remote, OriginProvider origin, MemoryBudget& budget,
                       Pace& pace, const Limits& limits)
    : core_(std::make_shared<Core>(remote, std::move(origin), budget, pace, limits)) {}

ReadStream::~ReadStream() {
  core_->shut_down();
}

std::optional<std::uint64_t> ReadStream::distance_to(std::uint64_t offset) const {
  return core_->distance_to(offset);
}

std::uint64_t ReadStream::begin() const {
  return core_->begin();
}

void ReadStream::on_brought(Leftovers brought) {
  core_->on_brought(std::move(brought));
}

void ReadStream::on_doubt(LookBack look_back) {
  core_->on_doubt(std::move(look_back));
}

bool ReadStream::is_idle() const {
  return core_->is_idle();
}

bool ReadStream::was_read_in_sequence() const {
  return core_->was_read_in_sequence();
}

std::optional<Leftover> ReadStream::jump(const Region& region) {
  return core_->jump(region);
}

std::optional<Slices> ReadStream::find(std::uint64_t offset, std::size_t size,
                                       std::optional<std::uint64_t> expected_size) {
  return core_->find(offset, size, expected_size);
}

Result<Slices> ReadStream::read(std::uint64_t offset, std::size_t size,
                                std::optional<std::uint64_t> expected_size, const Wait& wait) {
  return core_->read(offset, size, expected_size, wait);
}

}  // namespace ftpsfs::transfer
