// SPDX-License-Identifier: MIT
//
// Requests that wait for a worker or are being worked on, and the rule by which exactly one of
// worker, interrupt and shut-down replies: whoever moves the state to `answered` gets the ticket.
//
// libfuse holds a lock of the request while it calls back for an interrupt, and frees the request
// when it is replied to. So the callback is given an id, never a pointer: an id whose request is
// gone finds nothing. Replying inside the callback is safe, because libfuse counts the callback as
// a user of the request.
//
// Thread-safe.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/fs/types.hpp"
#include "ftpsfs/fuse/ticket.hpp"

namespace ftpsfs::fuse {

/// Who replies when a request is interrupted after a worker has begun it. (Before that, it is
/// answered EINTR on the spot and never begun.)
enum class OnInterrupt : std::uint8_t {
  worker_answers,  ///< its wait ends by the stop token; it knows whether something was done
  answered_now,    ///< EINTR at once; the worker settles what is under way, and nobody hears of it
};

class PendingRequest {
 public:
  using Job = std::function<void(PendingRequest&)>;
  using Id = std::uintptr_t;

  PendingRequest(Id id, Ticket ticket, OnInterrupt on_interrupt, SteadyTime deadline, Job job);

  Id id() const noexcept { return id_; }
  pid_t pid() const noexcept { return pid_; }
  SteadyTime arrived() const noexcept { return arrived_; }
  fs::Request request() const { return {pid_, Wait{deadline_, stop_.get_token()}}; }
  /// Is there nobody left to interrupt?
  bool settled() const noexcept {
    return stop_.stop_requested() || state_.load(std::memory_order_relaxed) == State::answered;
  }

  /// Runs the job, unless the request was answered while it waited in the queue.
  void run();

  /// For the job: the right to reply. @return an empty ticket when somebody else has replied.
  Ticket claim() { return claim_from(State::running); }

  /// The program does not want to wait any longer.
  void interrupt();
  /// Replies with `error` in the worker's place, whatever it does.
  void abandon(int error);

 private:
  enum class State : std::uint8_t { queued, running, answered };

  Ticket claim_from(State from);

  const Id id_;
  const OnInterrupt on_interrupt_;
  const pid_t pid_;
  const SteadyTime arrived_;
  const SteadyTime deadline_;
  std::atomic<State> state_{State::queued};
  Ticket ticket_;  ///< belongs to whoever moved the state to answered
  Job job_;        ///< belongs to whoever moved the state away from queued
  std::stop_source stop_;
};

class PendingRequests {
 public:
  std::shared_ptr<PendingRequest> add(PendingRequest::Id id, Ticket ticket,
                                      OnInterrupt on_interrupt, SteadyTime deadline,
                                      PendingRequest::Job job);
  void remove(PendingRequest::Id id);

  /// Interrupts all that are there and all that are added from now on.
  void close();

  /// @return null when it is finished.
  std::shared_ptr<PendingRequest> find(PendingRequest::Id id) const;
  std::vector<std::shared_ptr<PendingRequest>> all() const;
  std::size_t size() const;

  /// Waits until there is one. @return false when the wait ended first.
  bool wait_for_any(const Wait& wait);
  /// Waits until there is none. @return false when the wait ended first.
  bool wait_for_none(const Wait& wait);

 private:
  mutable Mutex mutex_;
  ConditionVariable changed_;
  /// Notify only when someone listens: every request passes here.
  int waiting_ FTPSFS_GUARDED_BY(mutex_) = 0;
  bool closed_ FTPSFS_GUARDED_BY(mutex_) = false;
  std::unordered_map<PendingRequest::Id, std::shared_ptr<PendingRequest>> requests_
      FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::fuse
