// SPDX-License-Identifier: MIT
//
// The one budget of memory that all streams of a mount share. Streams with a transfer under way
// have fair shares. What is left in memory of transfers that have ended is kept as long as there is
// room; then those who hold it are asked to let go, the oldest first. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>

#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::transfer {

class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t total_bytes) : total_(total_bytes) {}

  /// Counts as one active stream while alive.
  class Share {
   public:
    explicit Share(MemoryBudget& budget) : budget_(budget) { ++budget_.active_; }
    ~Share() { --budget_.active_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    /// Bytes that this stream may hold now: shrinks as others become active.
    std::uint64_t bytes() const { return budget_.fair_share(); }

   private:
    MemoryBudget& budget_;
  };

  /// Has content in memory that can be had again.
  class Holder {
   public:
    Holder() = default;
    virtual ~Holder() = default;
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

    /// Gives back what nobody uses now, if there is any. Called on any thread, under no lock of a
    /// stream's.
    virtual void let_go() = 0;
  };

  /// What one stream has in memory. Guarded by its owner's mutex; the budget's is a leaf below.
  class Account {
   public:
    explicit Account(MemoryBudget& budget) : budget_(budget) {}
    /// Touches the budget only when there is something to give back: it may outlive it else.
    ~Account() { set(0); }
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    /// @param holder is asked to let go while there is something; may be empty. It is noted when
    /// the first bytes come and forgotten with the last: only then a lock is taken.
    void set(std::uint64_t bytes, const std::weak_ptr<Holder>& holder = {});

   private:
    friend class MemoryBudget;
    using Place = std::list<std::weak_ptr<Holder>>::iterator;

    MemoryBudget& budget_;
    std::uint64_t bytes_ = 0;
    std::optional<Place> place_;
  };

  /// Bytes that an active stream may hold now.
  std::uint64_t fair_share() const {
    return std::clamp(total_ / std::max<std::uint64_t>(active_.load(), 1), kLeast, kMost);
  }
  /// Of all accounts.
  std::uint64_t held_bytes() const { return held_; }
  /// When more is held than there is: asks those who hold it, as long as that is so. To be called
  /// under no lock of a stream's.
  void make_room();

 private:
  // A stream needs room for one kernel request and one chunk to move at all.
  static constexpr std::uint64_t kLeast = 1280ULL << 10;
  static constexpr std::uint64_t kMost = 32ULL << 20;

  std::shared_ptr<Holder> next_holder();

  const std::uint64_t total_;
  std::atomic<std::uint64_t> active_{0};
  std::atomic<std::uint64_t> held_{0};
  std::atomic<std::uint64_t> untrimmed_{0};  ///< was let go since the heap was trimmed
  Mutex mutex_;
  std::list<std::weak_ptr<Holder>> holders_ FTPSFS_GUARDED_BY(mutex_);  ///< the oldest first
};

}  // namespace ftpsfs::transfer
