// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/pending_requests.hpp"

#include <cerrno>
#include <utility>

namespace ftpsfs::fuse {

PendingRequest::PendingRequest(Id id, Ticket ticket, OnInterrupt on_interrupt, SteadyTime deadline,
                               Job job)
    : id_(id),
      on_interrupt_(on_interrupt),
      pid_(fuse_req_ctx(ticket.get())->pid),
      arrived_(SteadyClock::now()),
      deadline_(deadline),
      ticket_(std::move(ticket)),
      job_(std::move(job)) {}

Ticket PendingRequest::claim_from(State from) {
  if (state_.compare_exchange_strong(from, State::answered, std::memory_order_acq_rel)) {
    return std::move(ticket_);
  }
  return {};
}

void PendingRequest::run() {
  State expected = State::queued;
  if (state_.compare_exchange_strong(expected, State::running, std::memory_order_acq_rel)) {
    const Job job = std::exchange(job_, nullptr);
    job(*this);
  }
}

void PendingRequest::interrupt() {
  if (Ticket ticket = claim_from(State::queued)) {
    job_ = nullptr;  // it may hold a receive buffer, and no worker may come for a while
    ticket.fail(EINTR);
    return;
  }
  if (on_interrupt_ == OnInterrupt::answered_now) {
    claim_from(State::running).fail(EINTR);
  }
  stop_.request_stop();
}

void PendingRequest::abandon(int error) {
  if (Ticket ticket = claim_from(State::queued)) {
    job_ = nullptr;
    ticket.fail(error);
    return;
  }
  claim_from(State::running).fail(error);
}

std::shared_ptr<PendingRequest> PendingRequests::add(PendingRequest::Id id, Ticket ticket,
                                                     OnInterrupt on_interrupt, SteadyTime deadline,
                                                     PendingRequest::Job job) {
  auto request = std::make_shared<PendingRequest>(id, std::move(ticket), on_interrupt, deadline,
                                                  std::move(job));
  bool closed = false;
  {
    const MutexLock lock(mutex_);
    requests_.emplace(id, request);
    closed = closed_;
    if (waiting_ > 0) {
      changed_.notify_all();
    }
  }
  if (closed) {
    request->interrupt();
  }
  return request;
}

void PendingRequests::close() {
  {
    const MutexLock lock(mutex_);
    closed_ = true;
  }
  for (const auto& request : all()) {
    request->interrupt();
  }
}

void PendingRequests::remove(PendingRequest::Id id) {
  std::shared_ptr<PendingRequest> gone;  // destroyed without the mutex
  const MutexLock lock(mutex_);
  const auto found = requests_.find(id);
  if (found == requests_.end()) {
    return;
  }
  gone = std::move(found->second);
  requests_.erase(found);
  if (waiting_ > 0 && requests_.empty()) {
    changed_.notify_all();
  }
}

std::shared_ptr<PendingRequest> PendingRequests::find(PendingRequest::Id id) const {
  const MutexLock lock(mutex_);
  const auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<PendingRequest>> PendingRequests::all() const {
  std::vector<std::shared_ptr<PendingRequest>> requests;
  const MutexLock lock(mutex_);
  requests.reserve(requests_.size());
  for (const auto& [id, request] : requests_) {
    requests.push_back(request);
  }
  return requests;
}

std::size_t PendingRequests::size() const {
  const MutexLock lock(mutex_);
  return requests_.size();
}

bool PendingRequests::wait_for_any(const Wait& wait) {
  const MutexLock lock(mutex_);
  ++waiting_;
  const bool found =
      changed_.wait(mutex_, wait, [this]() FTPSFS_NO_ANALYSIS { return !requests_.empty(); });
  --waiting_;
  return found;
}

bool PendingRequests::wait_for_none(const Wait& wait) {
  const MutexLock lock(mutex_);
  ++waiting_;
  const bool none =
      changed_.wait(mutex_, wait, [this]() FTPSFS_NO_ANALYSIS { return requests_.empty(); });
  --waiting_;
  return none;
}

}  // namespace ftpsfs::fuse
