// SPDX-License-Identifier: MIT
//
// How fast this server and the way to it are, as the downloads of a mount have seen it: what a new
// transfer costs, told in the bytes that a running one would have brought meanwhile. Whoever jumps
// in a file compares the two. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace ftpsfs::transfer {

class Pace {
 public:
  /// @param assumed restart_bytes() before anything was seen
  /// @param learns off: for tests
  explicit Pace(std::uint64_t assumed = 2ULL << 20, bool learns = true)
      : assumed_(assumed), learns_(learns) {}

  using Seconds = std::chrono::duration<double>;

  /// From the wish for a transfer to its first byte.
  void note_restart(Seconds took);
  /// Bytes that came one after the other while nothing held them up here.
  void note_flow(std::uint64_t bytes, Seconds took);

  /// What a running transfer brings while another one would begin.
  std::uint64_t restart_bytes() const;

 private:
  const std::uint64_t assumed_;
  const bool learns_;
  std::atomic<double> restart_seconds_{0};   ///< 0: not seen yet
  std::atomic<double> bytes_per_second_{0};  ///< the same
};

}  // namespace ftpsfs::transfer
