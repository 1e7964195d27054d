// SPDX-License-Identifier: MIT
#include "given_content.hpp"

#include <algorithm>
#include <utility>

#include "ftpsfs/base/fnv1a.hpp"

namespace ftpsfs::fs {
std::uint64_t digest_of(std::span<const std::byte> bytes) noexcept {
  Fnv1a digest;
  for (const std::byte each : bytes) {
    digest.add(static_cast<char>(each));
  }
  return digest.value();
}

GivenContent::Judgement GivenContent::judge(const remote::FileVersion& observed,
                                            std::uint64_t offset, transfer::Overlap overlap) const {
  const remote::FileVersion known = remote::comparable(version_);
  if (overlap == transfer::Overlap::differs) {
    return Judgement::other;
  }
  if (remote::may_be_same(known, observed)) {
    return Judgement::same;
  }
  if (!known.size || !observed.size || remote::is_older(observed, known) ||
      remote::is_another_file(observed, known)) {
    return Judgement::other;
  }
  const bool is_behind = offset >= *known.size;
  // Of the same size, but of another time, it was written over rather than added to.
  const bool may_have_grown =
      *observed.size > *known.size || (*observed.size == *known.size && (is_behind || !is_given_));
  if (!may_have_grown) {
    return Judgement::other;
  }
  const bool is_sure = !is_given_ || overlap == transfer::Overlap::agrees ||
                       (is_behind && !has_trace());  // there is nothing to compare
  return is_sure ? Judgement::grown : Judgement::in_doubt;
}

void GivenContent::follow(const remote::FileVersion& observed) {
  version_.size = observed.size ? observed.size : version_.size;
  version_.mtime = observed.mtime ? observed.mtime : version_.mtime;
  version_.unique = observed.unique.empty() ? version_.unique : observed.unique;
}

void GivenContent::note_given(std::uint64_t offset, const Slices& bytes) {
  const std::size_t total = total_bytes(bytes);
  is_given_ = is_given_ || total > 0;
  const std::size_t length = std::min(total, kMostTraced);
  if (length == 0 || length < last_.size()) {
    return;  // a longer piece tells more
  }
  last_offset_ = offset + (total - length);
  last_.clear();
  std::size_t skip = total - length;
  for (const Slice& slice : bytes) {
    const std::size_t skipped = std::min(skip, slice.bytes.size());
    skip -= skipped;
    if (skipped < slice.bytes.size()) {
      const auto piece = slice.bytes.subspan(skipped);
      last_.insert(last_.end(), piece.begin(), piece.end());
    }
  }
}

void GivenContent::note_pages(const ContentTrace& trace) {
  if (!is_given_) {
    is_given_ = true;
    earlier_ = trace;
  }
}

std::optional<ContentTrace> GivenContent::trace() const {
  if (!is_given_) {
    return std::nullopt;
  }
  if (last_.empty()) {
    return earlier_;
  }
  return ContentTrace{last_offset_, last_.size(), digest_of(last_)};
}

}  // namespace ftpsfs::fs
