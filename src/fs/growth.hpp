// SPDX-License-Identifier: MIT
//
// A file that grows on the server while it is open here (a log): which of its sizes may still turn
// up in answers to what was asked before, and which of them the kernel may be told. The kernel
// fills the last page of a file with zeros, and shows them as content between the moment it is told
// of a larger size and the moment it has dropped that page: so it drops the page first.
//
// Not thread-safe: guarded by the file's mutex.
#pragma once

#include <cstdint>
#include <optional>

namespace ftpsfs::fs {

class Growth {
 public:
  /// The size that was known, `from`, is followed by a larger one.
  void follow(std::uint64_t from);
  /// The content was changed here: what was before says nothing any more.
  void reset();

  /// Tells what was asked before a step from what was asked behind it.
  std::uint64_t steps() const { return steps_; }
  /// Is that a size which the file had since `steps`, and has grown from?
  bool was_size(std::uint64_t size, std::uint64_t known, std::uint64_t steps) const {
    return steps != steps_ && first_ && size >= *first_ && size <= known;
  }

  /// The most that the kernel may be told. Absent: whatever is known.
  std::optional<std::uint64_t> limit() const { return limit_; }
  /// The kernel is to drop its pages from limit() on, now that `known` is known.
  /// @return what to give to dropped(); absent: there is nothing to do, or it is being done.
  std::optional<std::uint64_t> begin_dropping(std::uint64_t known);
  /// It has. @param is_done off: it could not be asked.
  void dropped(std::uint64_t ticket, bool is_done);

 private:
  struct Dropping {
    std::uint64_t ticket;
    std::uint64_t known;
  };
  std::uint64_t steps_ = 0;
  std::optional<std::uint64_t> first_;  ///< the size before the first step
  std::optional<std::uint64_t> limit_;
  std::optional<Dropping> dropping_;
};

}  // namespace ftpsfs::fs
