// SPDX-License-Identifier: MIT
//
// What readers (read_stream.cpp) and the pump (read_pump.cpp) of a ReadStream share.
#pragma once

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/transfer/read_stream.hpp"
#include "read_window.hpp"
#include "surplus.hpp"
#include "transfer_beginning.hpp"

namespace ftpsfs::transfer {

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
  std::uint64_t begin() const {
    const MutexLock lock(mutex_);
    return window_.begin();
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
  static constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();
  /// How long a failure answers further reads before the stream tries again.
  static constexpr Duration kErrorStays{1000};
  /// A jump that has brought its region, and beyond which nobody reads on so soon, was one of many.
  static constexpr Duration kReadsOn{250};

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

}  // namespace ftpsfs::transfer
