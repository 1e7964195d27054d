// SPDX-License-Identifier: MIT
//
// The pump of a ReadStream: one transfer after the other, into the window.
#include <algorithm>
#include <exception>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/log_context.hpp"
#include "meter.hpp"
#include "read_stream_core.hpp"

namespace ftpsfs::transfer {

void ReadStream::Core::pump(const std::stop_token& stop) {
  try {
    while (!stop.stop_requested() && transfer(stop) == Next::reopen) {
    }
  } catch (const std::exception& exception) {
    log::error("reading: {}", exception.what());
    MutexLock lock(mutex_);
    error_ = make_error(Errc::io_error, exception.what());
    error_until_ = SteadyClock::now() + kErrorStays;
  }
  MutexLock lock(mutex_);
  pumping_ = false;
  changed_.notify_all();
}

ReadStream::Core::Start ReadStream::Core::next_start() {
  const MutexLock lock(mutex_);
  Start start;
  const std::uint64_t offset = window_.end();
  const std::uint64_t known = std::min(offset - window_.begin(), kOverlap);
  start.place = {offset, window_.slices(offset - known, static_cast<std::size_t>(known)),
                 limits_.stall_timeout, cut_.get_token()};
  if (is_enough_ && offset < fill_to_) {
    start.range_end = fill_to_;
  }
  start.generation = generation_;
  yield_at_.reset();
  return start;
}

ReadStream::Core::Next ReadStream::Core::transfer(const std::stop_token& stop) {
  const Start start = next_start();
  auto origin = origin_();
  if (!origin) {
    return failed(std::move(origin).error(), start.generation, stop);
  }
  const log::PathScope about(origin->path.str());
  const SteadyTime begun_at = SteadyClock::now();
  const auto open_at = [&](const remote::RemotePath& path, std::uint64_t offset) {
    return remote_.open_reader(
        path, remote::ByteRange(offset, start.range_end),
        [weak = weak_from_this(), generation = start.generation] {
          if (const auto self = weak.lock()) {
            self->request_yield(generation);
          }
        },
        start.place.wait());
  };
  auto reader = begin_transfer(*origin, start.place, open_at, look_back_);
  if (!reader) {
    return failed(std::move(reader).error(), start.generation, stop);
  }
  const remote::FileVersion version = (*reader)->version();
  Surplus surplus(version.size);
  const Next next = fill(**reader, start.range_end, begun_at, start.generation, surplus, stop);
  if (next != Next::check) {
    return next;
  }
  reader->reset();
  if (auto grown = surplus.check(remote_, origin->path, start.place.wait()); !grown) {
    return failed(std::move(grown).error(), start.generation, stop);
  }
  const bool is_end = show(surplus, start.generation) && !surplus.is_enough();
  return is_end ? ended(version, start.range_end, start.generation) : Next::reopen;
}

bool ReadStream::Core::show(const Surplus& surplus, std::uint64_t generation) {
  const MutexLock lock(mutex_);
  if (generation_ != generation) {
    return false;
  }
  for (std::span<const std::byte> left = surplus.bytes(); !left.empty();) {
    const ReadWindow::Room room = window_.room();
    const std::size_t size = std::min(room.space.size(), left.size());
    std::copy_n(left.begin(), size, room.space.begin());
    window_.commit(size);
    left = left.subspan(size);
  }
  note_held();
  retries_left_ = limits_.retries;
  changed_.notify_all();
  return true;
}

ReadStream::Core::Next ReadStream::Core::fill(remote::RemoteReader& reader,
                                              std::optional<std::uint64_t> range_end,
                                              SteadyTime begun_at, std::uint64_t generation,
                                              Surplus& surplus, const std::stop_token& stop) {
  const MemoryBudget::Share share(budget_);
  Meter meter(pace_, begun_at);
  for (;;) {
    ReadWindow::Room room;
    std::stop_token cut;
    {
      MutexLock lock(mutex_);
      while (generation_ == generation && !yield_at_ && !stop.stop_requested() &&
             window_.end() >= high_water(share.bytes())) {
        meter.pause();
        if (!wait_for_room(stop, generation)) {
          break;
        }
      }
      if (generation_ != generation) {
        return Next::reopen;
      }
      if (stop.stop_requested() || (yield_at_ && window_.end() >= *yield_at_) ||
          window_.end() >= high_water(share.bytes())) {
        return rest();
      }
      drop_retained();
      room = window_.room();
      note_held();
      cut = cut_.get_token();
    }
    budget_.make_room();
    meter.begin();
    auto got = reader.read(room.space, Wait::for_at_most(limits_.stall_timeout, cut));
    if (!got) {
      return failed(std::move(got).error(), generation, stop);
    }
    if (*got == 0) {
      return surplus.empty() ? ended(reader.version(), range_end, generation) : Next::check;
    }
    meter.end(*got);
    std::optional<Leftover> left;
    {
      const MutexLock lock(mutex_);
      if (generation_ != generation) {
        return Next::reopen;
      }
      received_ += *got;
      if (surplus.has(window_.end() + *got)) {
        surplus.take(room.space.first(*got));
        if (surplus.is_enough()) {
          return Next::check;
        }
        continue;
      }
      window_.commit(*got);
      retries_left_ = limits_.retries;
      left = take_what_was_brought();
      // Not for each record of a thousand: who is woken and has to wait again takes the time of
      // what it waits for.
      if (window_.end() >= wanted_) {
        wanted_ = kNobody;
        changed_.notify_all();
      }
    }
    give(std::move(left));
  }
}

/// What a jump was to bring, once, when it is there. To be given under no lock: whoever takes it
/// may ask the stream.
std::optional<Leftover> ReadStream::Core::take_what_was_brought() {
  if (is_brought_ || !has_region() || (window_.end() < fill_to_ && !at_end_)) {
    return std::nullopt;
  }
  is_brought_ = true;
  return leftover();
}

ReadStream::Core::Next ReadStream::Core::rest() {
  // What was read ahead is fetched again, should anybody want it. A small window is worth more
  // than its memory: a new transfer costs several round trips.
  is_brought_ = is_brought_ || stays_in_region();  // what has come of it by now
  if (waiting_ == 0 && window_.end() - window_.begin() > limits_.retain_bytes) {
    drop_retained();
    window_.drop_after(position_);
    note_held();
    changed_.notify_all();
  }
  return Next::rest;
}

/// @return false when nobody has read for so long that the session is better given back.
bool ReadStream::Core::wait_for_room(const std::stop_token& stop, std::uint64_t generation) {
  const std::uint64_t position = position_;
  const std::uint64_t demand = demand_end_;
  is_full_ = true;
  full_since_ = SteadyClock::now();
  const bool woken =
      room_.wait(mutex_,
                 Wait::for_at_most(stays_in_region() ? std::min(kReadsOn, limits_.idle_timeout)
                                                     : limits_.idle_timeout,
                                   stop),
                 [&]() FTPSFS_NO_ANALYSIS {
                   return position_ != position || demand_end_ != demand ||
                          generation_ != generation || yield_at_.has_value();
                 });
  is_full_ = false;
  return woken;
}

ReadStream::Core::Next ReadStream::Core::ended(const remote::FileVersion& version,
                                               std::optional<std::uint64_t> range_end,
                                               std::uint64_t generation) {
  MutexLock lock(mutex_);
  if (generation_ != generation) {
    return Next::reopen;
  }
  // Not every server ends a transfer with its range.
  const bool is_bounded = range_end && window_.end() <= *range_end;
  const auto expected = is_bounded ? range_end : version.size;
  if (expected && window_.end() < *expected) {
    // Authenticated and confirmed, yet short of what SIZE said: perhaps it was cut while we read.
    if (retries_left_-- > 0) {
      return Next::reopen;
    }
    error_ = make_error(Errc::io_error,
                        fmt::format("the server sent {} of {} bytes", window_.end(), *expected));
    error_until_ = SteadyClock::now() + kErrorStays;
  } else {
    at_end_ = window_.end() != range_end;
  }
  auto left = take_what_was_brought();
  changed_.notify_all();
  lock.unlock();
  give(std::move(left));
  return Next::rest;
}

ReadStream::Core::Next ReadStream::Core::failed(Error error, std::uint64_t generation,
                                                const std::stop_token& stop) {
  MutexLock lock(mutex_);
  if (stop.stop_requested() || shut_down_) {
    return Next::rest;
  }
  if (generation_ != generation) {
    return Next::reopen;  // it was cut on purpose
  }
  if (yield_at_ && error.code == Errc::cancelled) {
    return rest();
  }
  if (is_link_failure(error.code) && retries_left_-- > 0) {
    log::info("download interrupted at byte {} ({}); resuming", window_.end(), error.text);
    limits_.note_taken_up();
    return Next::reopen;
  }
  if (is_link_away(error.code) && limits_.waits_for_link()) {
    limits_.note_taken_up();
    room_.wait(mutex_, Wait::for_at_most(limits_.link_pause, stop),
               [&]() FTPSFS_NO_ANALYSIS { return generation_ != generation; });
    return Next::reopen;
  }
  error_ = std::move(error);
  error_until_ = SteadyClock::now() + kErrorStays;
  changed_.notify_all();
  return Next::rest;
}

void ReadStream::Core::request_yield(std::uint64_t generation) {
  MutexLock lock(mutex_);
  if (generation_ != generation) {
    return;  // that transfer is being cut already
  }
  yield_at_ = std::max(demand_end_, window_.end());
  if (demand_end_ <= window_.end()) {
    // Nobody waits for bytes: the read under way is only read-ahead and may be cut.
    cut_.request_stop();
    cut_ = std::stop_source();
  }
  room_.notify_all();
}

}  // namespace ftpsfs::transfer
