// SPDX-License-Identifier: MIT
//
// The connections of FakeRemote: a limited number of places, and streams that are asked to give
// way when somebody waits, by the rules of session::Lease::offer. Thread-safe.
#pragma once

#include <list>
#include <memory>
#include <thread>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/remote.hpp"

namespace ftpsfs::test {

class FakePlaces {
  struct Holder {
    remote::YieldRequest on_yield;
    bool asked = false;
    bool being_asked = false;
    std::thread::id asker;
  };

 public:
  /// The right to one connection, given back at its end.
  class Place {
   public:
    Place() = default;
    ~Place() { give_back(); }
    Place(Place&& other) noexcept;
    Place& operator=(Place&& other) noexcept;

    /// From now on the holder may be asked, once, to give way. The callback never runs after
    /// give_back() has returned.
    void offer(remote::YieldRequest on_yield);
    void give_back() noexcept;

   private:
    friend class FakePlaces;
    Place(FakePlaces* places, std::shared_ptr<Holder> holder)
        : places_(places), holder_(std::move(holder)) {}
    FakePlaces* places_ = nullptr;
    std::shared_ptr<Holder> holder_;
  };

  /// @param limit 0: no limit.
  explicit FakePlaces(unsigned limit) : limit_(limit) {}

  Result<Place> acquire(const Wait& wait);
  std::size_t taken() const;
  std::size_t most_taken() const;
  /// How many streams were asked to give way.
  std::size_t requests() const;

 private:
  bool has_room() const FTPSFS_REQUIRES(mutex_);
  std::shared_ptr<Holder> next_to_ask() const FTPSFS_REQUIRES(mutex_);
  void ask(const std::shared_ptr<Holder>& holder) FTPSFS_REQUIRES(mutex_);

  const std::size_t limit_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  std::list<std::shared_ptr<Holder>> holders_ FTPSFS_GUARDED_BY(mutex_);  ///< oldest first
  std::size_t waiting_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::size_t most_taken_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::size_t requests_ FTPSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace ftpsfs::test
