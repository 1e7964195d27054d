// SPDX-License-Identifier: MIT
//
// Many ask for the same, one does the work, all get the result. When the one who works gives up for
// reasons of its own (interrupted, its deadline passed), somebody else takes over. Each waits no
// longer than its own Wait allows.
//
// Thread-safe: one leaf mutex; the work runs without it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"

namespace ftpsfs::cache {

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class SingleFlight {
  struct Flight {
    bool landed = false;
    std::optional<Result<Value>> result;  ///< none when the leader gave up
  };

 public:
  /// @param work called as work(wait) -> Result<Value>, on the caller's thread, without locks.
  /// @errors those of the work; timed_out and cancelled by the caller's own wait.
  template <typename Work>
  Result<Value> run(const Key& key, const Wait& wait, Work work) {
    for (;;) {
      const auto [flight, is_mine] = join(key);
      if (is_mine) {
        Lead lead(*this, key, flight);
        Result<Value> result = work(wait);
        if (!gave_up(result, wait)) {
          lead.land(result);
        }
        return result;
      }
      MutexLock lock(mutex_);
      const Flight& theirs = *flight;
      const bool landed =
          landed_.wait(mutex_, wait, [&theirs]() FTPSFS_NO_ANALYSIS { return theirs.landed; });
      if (!landed) {
        return wait.give_up("an answer that others wait for, too");
      }
      if (theirs.result) {
        return *theirs.result;
      }
      // The one who worked gave up: perhaps it is our turn.
    }
  }

  /// The duty to do the work for a key. Its end lands the flight even when the work throws: nobody
  /// may wait for what never comes. Must not outlive the SingleFlight.
  class Lead {
   public:
    Lead(SingleFlight& flights, Key key, std::shared_ptr<Flight> flight)
        : flights_(&flights), key_(std::move(key)), flight_(std::move(flight)) {}
    Lead(Lead&&) noexcept = default;
    Lead& operator=(Lead&&) = delete;
    ~Lead() {
      if (flight_) {
        finish(std::nullopt);
      }
    }

    /// Once at most; without it somebody else of those who wait does the work.
    void land(Result<Value> result) { finish(std::move(result)); }

   private:
    void finish(std::optional<Result<Value>> result) {
      const MutexLock lock(flights_->mutex_);
      flight_->result = std::move(result);
      flight_->landed = true;
      flights_->flights_.erase(key_);
      flights_->landed_.notify_all();
      flight_.reset();
    }

    SingleFlight* flights_;
    Key key_;
    std::shared_ptr<Flight> flight_;
  };

  /// For who has work that nobody has asked for yet. @return nullopt: somebody does it already.
  std::optional<Lead> try_lead(const Key& key) {
    auto [flight, is_mine] = join(key);
    if (!is_mine) {
      return std::nullopt;
    }
    return Lead(*this, key, std::move(flight));
  }

 private:
  /// @return the flight, and whether the caller is the one to do the work.
  std::pair<std::shared_ptr<Flight>, bool> join(const Key& key) {
    const MutexLock lock(mutex_);
    auto [place, is_first] = flights_.try_emplace(key);
    if (is_first) {
      place->second = std::make_shared<Flight>();
    }
    return {place->second, is_first};
  }

  /// A failure that says nothing of the server: others may have more patience.
  static bool gave_up(const Result<Value>& result, const Wait& wait) {
    if (result) {
      return false;
    }
    return (result.error().code == Errc::cancelled && wait.stop.stop_requested()) ||
           (result.error().code == Errc::timed_out && wait.expired());
  }

  Mutex mutex_;
  ConditionVariable landed_;
  std::unordered_map<Key, std::shared_ptr<Flight>, Hash> flights_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::cache
