// SPDX-License-Identifier: MIT
//
// A file that grows on the server while it is open here (a log): which of its sizes may still turn
// up in answers to what was asked before, and which of them the kernel may be told. The kernel
// fills the last page of a file with zeros, and shows them as content between the moment it is told
// of a larger size and the moment it has dropped that page: so it drops the page first. A program
// that had found the page before may not have had the processor since, to look how much of it is
// the file's: so the larger size is told a moment later.
//
// The kernel also fills with zeros, from a size on that it has just been told, the page in which
// that lies, and waits with it for a READ of that page, whose answer may bring more of the file by
// then. It must not believe any size, therefore, from the dropping on until the larger one is told:
// answers in between are held, and what the last dropping allowed has a while of its own (fresh_),
// to be heard of before the next begins, and one more (settles_), so that whoever brought it to the
// kernel has got to that page before the next dropping takes it away under his hands: he would look
// for the one in its place, and wait for its bytes as long as the link takes. Where others have
// taken it (open() does), that may be so all the same: no READ that began before the larger size
// could be told is under way when it is.
//
// Not thread-safe: guarded by the file's mutex.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/fs/types.hpp"

namespace ftpsfs::fs {

class Growth {
 public:
  /// The size that was known, `from`, is followed by a larger one.
  void follow(std::uint64_t from, SteadyTime now);
  /// The content was changed here: what was before says nothing any more.
  void reset();

  /// Tells what was asked before a step from what was asked behind it.
  std::uint64_t steps() const { return steps_; }
  /// Is that a size which the file had since `steps`, and has grown from?
  bool was_size(std::uint64_t size, std::uint64_t known, std::uint64_t steps) const {
    return steps != steps_ && first_ && size >= *first_ && size <= known;
  }

  /// The most that the kernel may be told. Absent: whatever is known.
  std::optional<std::uint64_t> limit(SteadyTime now);
  /// When something is going to be allowed that is not now.
  std::optional<SteadyTime> changes_at(SteadyTime now);

  /// A READ has come, and is going to be answered.
  void begin_read(SteadyTime now) { reads_.insert(now); }
  void end_read(SteadyTime begun, SteadyTime now);

  struct Answer {
    std::uint64_t size;  ///< that may be told
    bool is_held;        ///< and the kernel must not believe it
  };
  /// What may be told of a size.
  /// @param asker the kernel takes the answer as it is; a program may wait for a better one.
  Answer answer(std::uint64_t size, Asker asker, SteadyTime now);

  /// The kernel is to drop its pages from limit() on, now that `known` is known.
  /// @return what to give to end_dropping(); absent: there is nothing to do, or it is being done,
  /// or the kernel is to hear first what the last time has allowed, and to be done with that.
  std::optional<std::uint64_t> begin_dropping(std::uint64_t known, SteadyTime now);
  /// @param is_done off: the kernel could not be asked.
  /// @param rest before its end nothing larger is told.
  void end_dropping(std::uint64_t ticket, bool is_done, SteadyTime now, Duration rest);

 private:
  struct Dropping {
    std::uint64_t steps;
    std::uint64_t known;
    SteadyTime end;  ///< READs that begin later do not matter
    SteadyTime rests_until;
  };
  void advance(SteadyTime now);

  std::uint64_t steps_ = 0;
  std::optional<std::uint64_t> first_;  ///< the size before the first step
  std::optional<std::uint64_t> limit_;
  std::optional<Dropping> dropping_;  ///< the kernel is about it
  std::optional<Dropping> dropped_;   ///< it has
  /// The kernel has not heard yet what it may be told since it has dropped its pages. Where it does
  /// not ask, the next dropping begins behind this time all the same.
  std::optional<SteadyTime> fresh_;
  std::uint64_t told_ = 0;             ///< the largest that was
  std::optional<SteadyTime> settles_;  ///< by then the kernel is done with what it was told
  std::multiset<SteadyTime> reads_;    ///< under way, by when they began
  Duration rest_{};                    ///< of the last dropping
};

}  // namespace ftpsfs::fs
