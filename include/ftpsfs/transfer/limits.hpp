// SPDX-License-Identifier: MIT
//
// The numbers that bound the streams. The memory that they share is in memory_budget.hpp.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::transfer {

struct Limits {
  /// No byte moved for this long: the transfer has failed. kNoLimit: whoever moves the bytes finds
  /// out by himself, and the link is waited for.
  Duration stall_timeout{30'000};
  /// A transfer that nobody has used for this long gives its session back. Below the shortest data
  /// timeout of the servers that we know (60 s).
  Duration idle_timeout{15'000};
  /// May an upload end its transfer before its time, and go on by APPE? Else it keeps its session
  /// until it is finished.
  bool parks = true;
  /// Kept behind the reading position: the kernel's parallel reads arrive out of order.
  std::uint64_t retain_bytes = 1ULL << 20;
  /// The most that is read ahead of a program; 0: about twice what is on its way at a time, as the
  /// pace tells.
  std::uint64_t readahead = 0;
  /// The most that an upload holds in memory.
  std::uint64_t upload_queue = 8ULL << 20;
  /// Transfers of one open file at a time, for programs that read it at random.
  unsigned lanes = 4;
  /// The same beside it, for the rest of the file.
  unsigned sweeps = 3;
  /// An upload begins when this much waits, or at finish(): smaller files travel in one piece, and
  /// can be sent again from memory.
  std::size_t start_bytes = 512ULL << 10;
  /// Of what was sent, the most that is kept until the server is known to have it: an upload that
  /// the link cuts goes on from there.
  std::uint64_t upload_ring = 8ULL << 20;
  /// A server's process that lost its client may still write what it had received: its file's size
  /// is believed when it has not changed for so long.
  Duration settle_pause{250};
  /// How often a transfer is taken up again after a link failure without progress. Where the link
  /// is waited for, downloads do not count what its absence ends.
  int retries = 2;
  /// From then on, between two of them, where the link is waited for.
  Duration link_pause{1000};
  /// Counts the transfers that were taken up again; null: nobody does. Outlives the streams.
  std::atomic<std::uint64_t>* taken_up = nullptr;

  bool waits_for_link() const { return stall_timeout >= kNoLimit; }

  void note_taken_up() const {
    if (taken_up != nullptr) {
      ++*taken_up;
    }
  }
};

}  // namespace ftpsfs::transfer
