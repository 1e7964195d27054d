// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/ranges.hpp"

#include <algorithm>
#include <iterator>

namespace ftpsfs::transfer {

std::optional<Range> Ranges::first_gap(Range range) const {
  auto next = ends_.upper_bound(range.begin);
  if (next != ends_.begin()) {
    range.begin = std::max(range.begin, std::prev(next)->second);
  }
  if (next != ends_.end()) {
    range.end = std::min(range.end, next->first);
  }
  return range.begin < range.end ? std::optional(range) : std::nullopt;
}

std::uint64_t Ranges::missing(Range range) const {
  std::uint64_t count = 0;
  while (const auto gap = first_gap(range)) {
    count += gap->end - gap->begin;
    range.begin = gap->end;
  }
  return count;
}

std::uint64_t Ranges::add(Range range) {
  if (range.begin >= range.end) {
    return 0;
  }
  const std::uint64_t added = missing(range);
  auto next = ends_.upper_bound(range.begin);
  if (next != ends_.begin() && std::prev(next)->second >= range.begin) {
    --next;
    range.begin = next->first;
  }
  while (next != ends_.end() && next->first <= range.end) {
    range.end = std::max(range.end, next->second);
    next = ends_.erase(next);
  }
  ends_.emplace(range.begin, range.end);
  return added;
}

std::uint64_t Ranges::remove(Range range) {
  if (range.begin >= range.end) {
    return 0;
  }
  const std::uint64_t removed = range.end - range.begin - missing(range);
  auto at = ends_.upper_bound(range.begin);
  if (at != ends_.begin() && std::prev(at)->second > range.begin) {
    --at;
  }
  while (at != ends_.end() && at->first < range.end) {
    const Range old{at->first, at->second};
    at = ends_.erase(at);
    if (old.begin < range.begin) {
      ends_.emplace(old.begin, range.begin);
    }
    if (old.end > range.end) {
      ends_.emplace(range.end, old.end);
    }
  }
  return removed;
}

}  // namespace ftpsfs::transfer
