// SPDX-License-Identifier: MIT
//
// The bytes of an upload that may still be needed here: a queue of those that wait to be sent, and
// behind it a ring of the last that were sent, until the server is known to have them.
//
//     0 ... confirmed ... ring_begin ... sent ... accepted      (offsets in what the stream writes)
//                             |--- ring ---|-- queue --|
//
// Where it is not known whether the server goes on behind what it has, what is confirmed is kept,
// too (the head), as long as it is all that was sent before: then the upload can begin again.
//
// Not thread-safe. Private to src/transfer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/slice.hpp"

namespace ftpsfs::transfer {

class UploadBuffer {
 public:
  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t sent() const { return sent_; }
  /// By the server's verdict, or by the file's size.
  std::uint64_t confirmed() const { return confirmed_; }
  /// From here on what was sent can be sent again.
  std::uint64_t ring_begin() const { return sent_ - ring_bytes_; }

  bool is_all_sent() const { return queue_.empty(); }
  /// What the queue takes of memory, in bytes, with what its slices cost besides their content.
  std::size_t queue_cost() const { return queue_cost_; }
  /// All that is kept here, sent or not.
  std::uint64_t held_bytes() const { return queue_cost_ + ring_bytes_ + head_bytes_; }
  /// What a slice adds to the queue's cost.
  static std::size_t cost_of(const Slice& slice);
  /// A slice larger than `limit` has room in an empty queue.
  bool has_room(const Slice& data, std::size_t limit) const;

  /// Behind all earlier bytes.
  void push(const Slice& data);

  /// Takes the next bytes to send out of the queue, small slices that wait together as one, and
  /// keeps them in the ring. @pre not is_all_sent().
  /// @param ring_room bytes that the ring may hold; the last piece it holds whatever its size.
  Slice send_next(std::size_t ring_room);

  /// By what it is seen whether a file that ends at ring_begin() or behind it is ours: the bytes in
  /// the ring, and some in front of it.
  struct Proof {
    std::uint64_t begin = 0;  ///< confirmed(), unless bytes are gone that nobody has confirmed
    std::deque<Slice> bytes{};
  };
  Proof proof() const;

  /// All that was sent has arrived.
  enum class Confirmed : std::uint8_t { dropped, kept };
  void confirm(Confirmed bytes = Confirmed::dropped);
  /// Nobody will begin again: what is confirmed is not needed any more.
  void drop_head();

  /// Only the first `arrived` bytes have arrived: those behind are to be sent again.
  /// @param failure what ended the transfer, for the words of an error.
  /// @errors that failure when they are not kept any more; io_error when `arrived` cannot be true
  /// of our own upload. Then nothing has changed.
  Result<void> rewind_to(std::uint64_t arrived, const Error& failure,
                         Confirmed bytes = Confirmed::dropped);

  /// Is every byte that was sent still here?
  bool has_all() const { return head_bytes_ + ring_bytes_ == sent_; }
  /// All is to be sent again from the first byte. @pre has_all().
  void begin_again();

  /// All that was accepted; the buffer is as new. @pre nothing was sent.
  Slices take_back();
  /// What was not sent; it stays here, too.
  Slices unsent() const { return {queue_.begin(), queue_.end()}; }

 private:
  Slice pop();
  void drop_front();
  void clear_ring();
  void send_again(std::deque<Slice>& slices);

  std::deque<Slice> queue_;
  std::size_t queue_cost_ = 0;
  std::deque<Slice> ring_;  ///< none that are confirmed
  std::size_t ring_bytes_ = 0;
  std::vector<std::byte> before_ring_;  ///< the last of those that the ring has lost
  std::deque<Slice> head_;              ///< all that is confirmed, or nothing
  std::uint64_t head_bytes_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t confirmed_ = 0;
};

}  // namespace ftpsfs::transfer
