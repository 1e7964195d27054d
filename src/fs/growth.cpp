// SPDX-License-Identifier: MIT
#include "growth.hpp"

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
}

std::optional<std::uint64_t> Growth::limit(SteadyTime now) const {
  if (!dropped_ || now < dropped_->rests_until) {
    return limit_;
  }
  return dropped_->steps == steps_ ? std::nullopt : std::optional(dropped_->known);
}

std::optional<SteadyTime> Growth::rests_until() const {
  return dropped_ ? std::optional(dropped_->rests_until) : std::nullopt;
}

std::optional<std::uint64_t> Growth::begin_dropping(std::uint64_t known, SteadyTime now) {
  advance(now);
  if (!limit_ || dropping_ || dropped_) {
    return std::nullopt;
  }
  dropping_ = Dropping{steps_, known, {}};
  return steps_;
}

void Growth::end_dropping(std::uint64_t ticket, bool is_done, SteadyTime rests_until) {
  if (!dropping_ || dropping_->steps != ticket) {
    return;
  }
  if (is_done) {
    dropped_ = dropping_;
    dropped_->rests_until = rests_until;
  }
  dropping_.reset();
}

/// Pages that were read since the dropping began end with what was known then, or later.
void Growth::advance(SteadyTime now) {
  if (dropped_ && now >= dropped_->rests_until) {
    limit_ = limit(now);
    dropped_.reset();
  }
}

}  // namespace ftpsfs::fs
