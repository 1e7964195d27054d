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

std::optional<std::uint64_t> Growth::limit(SteadyTime now) const {
  if (!dropped_ || now < dropped_->rests_until) {
    return limit_;
  }
  return dropped_->steps == steps_ ? std::nullopt : std::optional(dropped_->known);
}

std::optional<SteadyTime> Growth::changes_at(SteadyTime now) const {
  if (dropped_) {
    return now < dropped_->rests_until ? dropped_->rests_until : dropped_->fresh_until;
  }
  const auto next = std::max(fresh_, settles_);  // none is the least
  return next && now < *next ? next : std::nullopt;
}

Growth::Answer Growth::answer(std::uint64_t size, bool is_for_kernel, SteadyTime now) {
  advance(now);
  const std::uint64_t most = std::min(size, limit_.value_or(size));
  const bool is_consumed = is_for_kernel && std::exchange(fresh_, std::nullopt);
  const bool is_fresh = is_consumed || (fresh_ && now < *fresh_);
  const bool is_held = dropping_ || dropped_ || (most < size && !is_fresh);
  if (!is_held && (is_consumed || most > told_)) {
    told_ = most;
    settles_ = now + rest_;
  }
  return {most, is_held};
}

std::optional<std::uint64_t> Growth::begin_dropping(std::uint64_t known, SteadyTime now) {
  advance(now);
  if (!limit_ || dropping_ || dropped_ || now < std::max(fresh_, settles_).value_or(now)) {
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
    dropped_->rests_until = now + rest;
    dropped_->fresh_until = now + 2 * rest;
  }
  dropping_.reset();
}

/// Pages that were read since the dropping began end with what was known then, or later.
void Growth::advance(SteadyTime now) {
  if (dropped_ && now >= dropped_->rests_until) {
    limit_ = limit(now);
    fresh_ = dropped_->fresh_until;
    dropped_.reset();
  }
}

}  // namespace ftpsfs::fs
