// SPDX-License-Identifier: MIT
#include "growth.hpp"

#include <algorithm>
#include <utility>

namespace ftpsfs::fs {

void Growth::follow(std::uint64_t from, SteadyTime now) {
  advance(now);
  ++steps_;
  first_ = first_.value_or(from);
  limit_ = limit_.value_or(from);
}

void Growth::reset() {
  ++steps_;
  first_.reset();
  limit_.reset();
  dropping_.reset();
  dropped_.reset();
  fresh_.reset();
  told_ = 0;
  settles_.reset();
}

std::optional<std::uint64_t> Growth::limit(SteadyTime now) {
  advance(now);
  return limit_;
}

std::optional<SteadyTime> Growth::changes_at(SteadyTime now) {
  advance(now);
  const auto next = dropped_ ? std::optional(dropped_->rests_until)
                             : std::max(fresh_, settles_);  // none is the least
  return next && now < *next ? next : std::nullopt;
}

Growth::Answer Growth::answer(std::uint64_t size, Asker asker, SteadyTime now) {
  advance(now);
  const std::uint64_t most = std::min(size, limit_.value_or(size));
  const bool is_consumed = asker == Asker::kernel && std::exchange(fresh_, std::nullopt);
  const bool is_fresh = is_consumed || (fresh_ && now < *fresh_);
  const bool is_held = dropping_ || dropped_ || (most < size && !is_fresh);
  if (!is_held && (is_consumed || most > told_)) {
    told_ = most;
    settles_ = now + rest_;
  }
  return {most, is_held};
}

std::optional<std::uint64_t> Growth::begin_dropping(std::uint64_t known, SteadyTime now) {
  if (!limit(now) || dropping_ || dropped_ || changes_at(now)) {
    return std::nullopt;
  }
  fresh_.reset();
  dropping_ = Dropping{steps_, known, {}, {}};
  return steps_;
}

void Growth::end_dropping(std::uint64_t ticket, bool is_done, SteadyTime now, Duration rest) {
  if (!dropping_ || dropping_->steps != ticket) {
    return;
  }
  rest_ = rest;
  if (is_done) {
    dropped_ = dropping_;
    dropped_->end = dropped_->rests_until = now + rest;
  }
  dropping_.reset();
}

void Growth::end_read(SteadyTime begun, SteadyTime now) {
  reads_.erase(reads_.find(begun));
  if (dropped_ && begun < dropped_->end) {
    dropped_->rests_until = std::max(dropped_->rests_until, now + rest_);
  }
}

/// Pages that were read since the dropping began end with what was known then, or later.
void Growth::advance(SteadyTime now) {
  if (!dropped_ || now < dropped_->rests_until ||
      (!reads_.empty() && *reads_.begin() < dropped_->end)) {
    return;
  }
  limit_ = dropped_->steps == steps_ ? std::nullopt : std::optional(dropped_->known);
  fresh_ = dropped_->rests_until + rest_;
  dropped_.reset();
}

}  // namespace ftpsfs::fs
