// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/read_stream.hpp"

#include <algorithm>
#include <limits>
#include <system_error>
#include <thread>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/log_context.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "meter.hpp"
#include "read_window.hpp"
#include "surplus.hpp"
#include "transfer_beginning.hpp"

namespace ftpsfs::transfer {
namespace {

constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();
/// How long a failure answers further reads before the stream tries again.
constexpr Duration kErrorStays{1000};
constexpr std::uint64_t kPage = 4096;
/// Parallel reads of a program that reads in sequence are not further apart.
constexpr std::uint64_t kOneReader = 2ULL << 20;
/// A jump that has brought its region, and beyond which nobody reads on so soon, was one of many.
constexpr Duration kReadsOn{250};

}  // namespace

/// Shared with the pump and with the session pool's yield request, which may come late.
class ReadStream::Core final : public std::enable_shared_from_this<ReadStream::Core>,
                               public MemoryBudget::Holder {
 public:
  Core(remote::Remote& remote, OriginProvider origin, MemoryBudget& budget, Pace& pace,
       const Limits& limits)
      : remote_(remote),
        origin_(std::move(origin)),
        budget_(budget),
        pace_(pace),
        limits_(limits),
        held_(budget) {}

  std::optional<Slices> find(std::uint64_t offset, std::size_t size,
                             std::optional<std::uint64_t> expected_size) {
    MutexLock lock(mutex_);
    if (has_grown(offset, size, expected_size)) {
      return std::nullopt;
    }
    return find_locked(offset, size, expected_size);
  }

  Result<Slices> read(std::uint64_t offset, std::size_t size,
                      std::optional<std::uint64_t> expected_size, const Wait& wait);
  std::optional<std::uint64_t> distance_to(std::uint64_t offset) const {
    const MutexLock lock(mutex_);
    return reachable(offset) ? std::optional(offset - std::min(offset, window_.end()))
                             : std::nullopt;
  }
  bool is_idle() const {
    const MutexLock lock(mutex_);
    return waiting_ == 0 && (!pumping_ || is_full_);
  }
  bool was_read_in_sequence() const {
    const MutexLock lock(mutex_);
    const std::uint64_t region = has_region() ? fill_to_ - run_start_ : 0;
    return position_ - run_start_ > std::max(2 * region, limits_.retain_bytes);
  }
  std::optional<Leftover> jump(const Region& region);
  void on_brought(Leftovers brought) { brought_ = std::move(brought); }
  void on_doubt(LookBack look_back) { look_back_ = std::move(look_back); }
  void shut_down();
  void let_go() override;

 private:
  /// Are bytes asked for behind an end of file that is the end no longer?
  bool has_grown(std::uint64_t offset, std::size_t size,
                 std::optional<std::uint64_t> expected_size) const FTPSFS_REQUIRES(mutex_) {
    return at_end_ && expected_size && *expected_size > window_.end() &&
           offset + size > window_.end() && offset <= *expected_size;
  }
  std::optional<Slices> find_locked(std::uint64_t offset, std::size_t size,
                                    std::optional<std::uint64_t> expected_size)
      FTPSFS_REQUIRES(mutex_);
  /// The end of the window with which find_locked() has all it needs: the last bytes of a known
  /// size are the last, unless there are more already.
  std::uint64_t end_wanted(std::uint64_t offset, std::size_t size,
                           std::optional<std::uint64_t> expected_size) const
      FTPSFS_REQUIRES(mutex_) {
    const std::uint64_t end = offset + size;
    const bool ends_there =
        expected_size && offset < *expected_size && window_.end() < *expected_size;
    return ends_there ? std::min(end, *expected_size) : end;
  }
  bool reachable(std::uint64_t offset) const FTPSFS_REQUIRES(mutex_) {
    return offset >= window_.begin() && offset <= window_.end() + pace_.restart_bytes();
  }
  /// The pump stops filling here. The window opens as sequential reading goes on, so that random
  /// reads do not fetch megabytes that nobody wants.
  std::uint64_t high_water(std::uint64_t fair) const FTPSFS_REQUIRES(mutex_) {
    const std::uint64_t aside = retained(fair) + ReadWindow::kChunkBytes;  // one is not full yet
    const std::uint64_t share = std::min(fair - aside, most_ahead());
    const std::uint64_t first = has_region() ? 0 : ReadWindow::kChunkBytes;
    const std::uint64_t earned = 2 * (position_ - run_start_) + first;
    const std::uint64_t wanted = std::max(position_ + std::min(share, earned), fill_to_);
    return std::max(std::min(wanted, position_ + share), demand_end_);
  }
  /// How much stays behind the reading position.
  std::uint64_t retained(std::uint64_t fair) const {
    return std::min(limits_.retain_bytes, fair / 4);
  }
  /// A restart takes two to three round trips: what comes meanwhile is more than is on its way.
  std::uint64_t most_ahead() const {
    constexpr std::uint64_t kUsual = 4ULL << 20;
    return limits_.readahead > 0 ? std::max(limits_.readahead, ReadWindow::kChunkBytes)
                                 : std::max(2 * pace_.restart_bytes(), kUsual);
  }
  void ensure_pump() FTPSFS_REQUIRES(mutex_);
  void restart(const Region& region) FTPSFS_REQUIRES(mutex_);

  void pump(const std::stop_token& stop);
  enum class Next : std::uint8_t { reopen, rest, check };
  Next transfer(const std::stop_token& stop);
  /// Where a transfer begins, and what belongs to it.
  struct Start {
    Resumption place;
    std::optional<std::uint64_t> range_end;
    std::uint64_t generation = 0;
  };
  Start next_start();
  /// @return check: the surplus is to be settled before any more.
  Next fill(remote::RemoteReader& reader, std::optional<std::uint64_t> range_end,
            SteadyTime begun_at, std::uint64_t generation, Surplus& surplus,
            const std::stop_token& stop);
  /// The file has grown: shows what came beyond its old size. @return false: nobody wants it now.
  bool show(const Surplus& surplus, std::uint64_t generation);
  void drop_retained() FTPSFS_REQUIRES(mutex_) {
    if (stays_in_region() && !is_brought_) {
      return;  // what the jump brings stays together until it is given away
    }
    const std::uint64_t behind = retained(budget_.fair_share());
    window_.drop_before(std::max(position_, behind) - behind);
  }
  /// To be called when chunks have come or gone.
  void note_held() FTPSFS_REQUIRES(mutex_) { held_.set(window_.held_bytes(), weak_from_this()); }
  /// The transfer is given up for now, and its share of the memory with it.
  Next rest() FTPSFS_REQUIRES(mutex_);
  std::optional<Leftover> leftover() const FTPSFS_REQUIRES(mutex_);
  std::optional<Leftover> take_what_was_brought() FTPSFS_REQUIRES(mutex_);
  void give(std::optional<Leftover> left) const {
    if (left && brought_) {
      brought_(*std::move(left));
    }
  }
  /// Did a jump that is to bring a region begin this run?
  bool has_region() const FTPSFS_REQUIRES(mutex_) { return run_start_ < fill_to_; }
  /// Only what the jump was to bring has been read.
  bool stays_in_region() const FTPSFS_REQUIRES(mutex_) {
    return has_region() && position_ <= fill_to_;
  }
  bool wait_for_room(const std::stop_token& stop, std::uint64_t generation) FTPSFS_REQUIRES(mutex_);
  Next failed(Error error, std::uint64_t generation, const std::stop_token& stop);
  Next ended(const remote::FileVersion& version, std::optional<std::uint64_t> range_end,
             std::uint64_t generation);
  void request_yield(std::uint64_t generation);

  remote::Remote& remote_;
  const OriginProvider origin_;
  MemoryBudget& budget_;
  Pace& pace_;
  const Limits limits_;
  // Set before any pump runs:
  Leftovers brought_;
  LookBack look_back_;

  mutable Mutex mutex_;
  ConditionVariable changed_;  ///< for readers
  ConditionVariable room_;     ///< for the pump
  ReadWindow window_ FTPSFS_GUARDED_BY(mutex_);
  MemoryBudget::Account held_ FTPSFS_GUARDED_BY(mutex_);  ///< of the window
  bool was_read_ FTPSFS_GUARDED_BY(mutex_) = false;       ///< since it was asked to let go
  bool at_end_ FTPSFS_GUARDED_BY(mutex_) =
      false;  ///< window_.end() is the verified end of the file
  std::optional<Error> error_ FTPSFS_GUARDED_BY(mutex_);
  SteadyTime error_until_ FTPSFS_GUARDED_BY(mutex_);
  /// So far the window must reach before a reader that waits can go on.
  std::uint64_t wanted_ FTPSFS_GUARDED_BY(mutex_) = kNobody;
  std::uint64_t demand_end_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< somebody waits for bytes up to here
  std::uint64_t position_ FTPSFS_GUARDED_BY(mutex_) = 0;    ///< end of the furthest byte given out
  int waiting_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< readers whose bytes this window will bring
  int retries_left_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t received_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< bytes, in all: shows progress
  /// Set: the session is wanted elsewhere. Bytes up to here were asked for before and come first.
  std::optional<std::uint64_t> yield_at_ FTPSFS_GUARDED_BY(mutex_);
  std::uint64_t run_start_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< where sequential reading began
  std::uint64_t fill_to_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< end of what the last jump is to bring
  bool is_enough_ FTPSFS_GUARDED_BY(mutex_) = false;     ///< as Region has it
  bool is_brought_ FTPSFS_GUARDED_BY(mutex_) = false;    ///< all of that
  bool is_full_ FTPSFS_GUARDED_BY(mutex_) = false;       ///< the pump waits for room
  SteadyTime full_since_ FTPSFS_GUARDED_BY(mutex_);
  bool pumping_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool shut_down_ FTPSFS_GUARDED_BY(mutex_) = false;
  /// Counts restarts: what belongs to an older one is dropped.
  std::uint64_t generation_ FTPSFS_GUARDED_BY(mutex_) = 0;
  /// Interrupts the pump's read in the current generation.
  std::stop_source cut_ FTPSFS_GUARDED_BY(mutex_);
  std::jthread thread_ FTPSFS_GUARDED_BY(mutex_);
};

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
  const std::uint64_t begin = (window_.begin() + kPage - 1) / kPage * kPage;
  // Not the last one, of which only a part is the file's: should it grow, that part is other bytes.
  const std::uint64_t end = window_.end() / kPage * kPage;
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
        Wait::for_at_most(limits_.stall_timeout, start.place.cut));
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
  const Wait wait = Wait::for_at_most(limits_.stall_timeout, start.place.cut);
  if (auto grown = surplus.check(remote_, origin->path, wait); !grown) {
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
