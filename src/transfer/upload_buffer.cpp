// SPDX-License-Identifier: MIT
#include "upload_buffer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

namespace ftpsfs::transfer {
namespace {

/// What a slice costs in memory besides its bytes: its place in the queue, and its owner's block.
constexpr std::size_t kSliceCost = 96;

/// So many bytes are kept of what the ring loses, as a proof: nobody else's file has them there.
constexpr std::size_t kProofBytes = 4096;

}  // namespace

std::size_t UploadBuffer::cost_of(const Slice& slice) {
  return slice.bytes.size() + kSliceCost;
}

bool UploadBuffer::has_room(const Slice& data, std::size_t limit) const {
  return queue_.empty() || queue_cost_ + cost_of(data) <= limit;
}

void UploadBuffer::push(const Slice& data) {
  queue_.push_back(data);
  queue_cost_ += cost_of(data);
  accepted_ += data.bytes.size();
}

/// Small writes that wait together leave together: a TLS record and a system call for each would
/// cost more than the copy.
Slice UploadBuffer::pop() {
  constexpr std::size_t kSmall = 64ULL << 10;
  constexpr std::size_t kMerged = 256ULL << 10;
  Slice piece = std::move(queue_.front());
  queue_.pop_front();
  queue_cost_ -= cost_of(piece);
  if (piece.bytes.size() < kSmall && !queue_.empty()) {
    auto merged = std::make_shared<std::vector<std::byte>>(piece.bytes.begin(), piece.bytes.end());
    while (!queue_.empty() && merged->size() + queue_.front().bytes.size() <= kMerged) {
      const auto next = queue_.front().bytes;
      queue_cost_ -= cost_of(queue_.front());
      merged->insert(merged->end(), next.begin(), next.end());
      queue_.pop_front();
    }
    piece.bytes = *merged;
    piece.owner = std::move(merged);
  }
  return piece;
}

Slice UploadBuffer::send_next(std::size_t ring_room) {
  Slice piece = pop();
  sent_ += piece.bytes.size();
  ring_.push_back(piece);
  ring_bytes_ += piece.bytes.size();
  while (ring_bytes_ > ring_room && ring_.size() > 1) {
    drop_front();
  }
  return piece;
}

void UploadBuffer::drop_front() {
  const auto bytes = ring_.front().bytes;
  const auto last = bytes.last(std::min(bytes.size(), kProofBytes));
  before_ring_.insert(before_ring_.end(), last.begin(), last.end());
  const auto spare =
      static_cast<std::ptrdiff_t>(before_ring_.size() - std::min(before_ring_.size(), kProofBytes));
  before_ring_.erase(before_ring_.begin(), before_ring_.begin() + spare);
  ring_bytes_ -= bytes.size();
  ring_.pop_front();
}

void UploadBuffer::clear_ring() {
  ring_.clear();
  ring_bytes_ = 0;
  before_ring_.clear();
}

UploadBuffer::Proof UploadBuffer::proof() const {
  Proof proof{ring_begin() - before_ring_.size(), ring_};
  if (!before_ring_.empty()) {
    proof.bytes.push_front(copy_of(before_ring_));
  }
  return proof;
}

void UploadBuffer::confirm(Confirmed bytes) {
  if (bytes == Confirmed::kept && has_all()) {
    head_.insert(head_.end(), std::make_move_iterator(ring_.begin()),
                 std::make_move_iterator(ring_.end()));
    head_bytes_ = sent_;
  } else {
    drop_head();
  }
  confirmed_ = sent_;
  clear_ring();
}

void UploadBuffer::drop_head() {
  head_.clear();
  head_bytes_ = 0;
}

Result<void> UploadBuffer::rewind_to(std::uint64_t arrived, const Error& failure, Confirmed bytes) {
  if (arrived > sent_ || arrived < confirmed_) {
    return make_error(Errc::io_error,
                      fmt::format("{}; the server has {} bytes of the {} that were sent: somebody "
                                  "else writes there, too",
                                  failure.text, arrived, sent_));
  }
  if (arrived < ring_begin()) {
    Error lost = failure;
    lost.text += fmt::format(
        "; of {} bytes only {} have arrived, and those behind are not here "
        "any more",
        sent_, arrived);
    return lost;
  }
  const bool had_all = has_all();
  std::uint64_t skip = arrived - ring_begin();
  std::deque<Slice> there;
  std::deque<Slice> missing;
  for (Slice& piece : ring_) {
    const auto gone = static_cast<std::size_t>(std::min<std::uint64_t>(skip, piece.bytes.size()));
    skip -= gone;
    if (gone > 0) {
      there.push_back({piece.owner, piece.bytes.first(gone)});
    }
    piece.bytes = piece.bytes.subspan(gone);
    if (!piece.bytes.empty()) {
      missing.push_back(std::move(piece));
    }
  }
  send_again(missing);
  ring_ = std::move(there);
  ring_bytes_ = had_all ? static_cast<std::size_t>(arrived - head_bytes_) : 0;
  sent_ = arrived;
  confirm(had_all ? bytes : Confirmed::dropped);
  return {};
}

void UploadBuffer::begin_again() {
  send_again(ring_);
  send_again(head_);
  sent_ = 0;
  clear_ring();
  confirm();
}

/// In front of what waits.
void UploadBuffer::send_again(std::deque<Slice>& slices) {
  for (const Slice& slice : slices) {
    queue_cost_ += cost_of(slice);
  }
  queue_.insert(queue_.begin(), std::make_move_iterator(slices.begin()),
                std::make_move_iterator(slices.end()));
  slices.clear();
}

Slices UploadBuffer::take_back() {
  Slices result(queue_.begin(), queue_.end());
  queue_.clear();
  queue_cost_ = 0;
  accepted_ = 0;
  return result;
}

}  // namespace ftpsfs::transfer
