// SPDX-License-Identifier: MIT
//
// Brings a file, or a part of it, beside a program that reads it at random, from its beginning to
// its end, and gives it away. It gets on by what it is granted: each jump grants as many bytes as
// the jump itself has cost, or as much time. So what nobody reads in the end has taken no longer
// than programs have waited, and two seconds.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/transfer/ranges.hpp"
#include "ftpsfs/transfer/read_stream.hpp"

namespace ftpsfs::transfer {

class Sweep {
 public:
  /// @param part of whole pages. One of which the file has only a part is not to be brought:
  /// should the file grow, the rest of that page is other bytes.
  /// @param size of the file, bytes
  /// @throws std::system_error when there is no thread for it.
  Sweep(std::unique_ptr<ReadStream> stream, Range part, std::uint64_t size, Leftovers give);
  /// Cuts its transfer.
  ~Sweep();
  Sweep(const Sweep&) = delete;
  Sweep& operator=(const Sweep&) = delete;

  /// It may bring so many bytes more. What is known of the way may be too little for the way to be
  /// full: so it may also go on for so long.
  void grant(std::uint64_t bytes, Duration time);
  /// All of it is there, or no more is to come: whoever needs bytes asks for them, and is told why.
  bool is_over() const { return is_over_; }

 private:
  void run(const std::stop_token& stop);
  bool bring(std::uint64_t begin, std::uint64_t end, const std::stop_token& stop);

  const std::unique_ptr<ReadStream> stream_;
  const Range part_;
  const std::uint64_t size_;
  const Leftovers give_;
  std::atomic<bool> is_over_ = false;

  Mutex mutex_;
  ConditionVariable granted_more_;
  std::uint64_t granted_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< from the part's beginning
  SteadyClock::duration time_granted_ FTPSFS_GUARDED_BY(mutex_){};
  SteadyClock::duration time_taken_ FTPSFS_GUARDED_BY(mutex_){};

  std::jthread thread_;  ///< the last member: it uses the others
};

}  // namespace ftpsfs::transfer
