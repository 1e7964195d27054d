// SPDX-License-Identifier: MIT
#include "growth.hpp"

namespace ftpsfs::fs {

void Growth::follow(std::uint64_t from) {
  ++steps_;
  first_ = first_.value_or(from);
  limit_ = limit_.value_or(from);
}

void Growth::reset() {
  ++steps_;
  first_.reset();
  limit_.reset();
  dropping_.reset();
}

std::optional<std::uint64_t> Growth::begin_dropping(std::uint64_t known) {
  if (!limit_ || dropping_) {
    return std::nullopt;
  }
  dropping_ = Dropping{steps_, known};
  return steps_;
}

void Growth::dropped(std::uint64_t ticket, bool is_done) {
  if (!dropping_ || dropping_->ticket != ticket) {
    return;
  }
  if (is_done) {
    // Pages that were read meanwhile end with what was known when this began, or later.
    limit_ = ticket == steps_ ? std::nullopt : std::optional(dropping_->known);
  }
  dropping_.reset();
}

}  // namespace ftpsfs::fs
