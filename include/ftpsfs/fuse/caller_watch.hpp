// SPDX-License-Identifier: MIT
//
// Interrupts requests whose callers are being killed without the kernel saying so. It sends one
// INTERRUPT for a request: after one that was ignored (see caller.hpp) a kill -9 comes silently,
// and so it does for the FLUSH of a program that is ending already. While requests are pending,
// those that have waited for a while are looked at a few times a second.
#pragma once

#include <stop_token>
#include <thread>

#include "ftpsfs/fuse/pending_requests.hpp"

namespace ftpsfs::fuse {

class CallerWatch {
 public:
  static constexpr Duration kInterval{200};

  /// Starts the thread. `requests` must outlive this object.
  explicit CallerWatch(PendingRequests& requests);
  ~CallerWatch();  ///< joins it
  CallerWatch(const CallerWatch&) = delete;
  CallerWatch& operator=(const CallerWatch&) = delete;

 private:
  void run(const std::stop_token& stop) noexcept;
  void look() const;

  PendingRequests& requests_;
  std::stop_source stop_;
  std::thread thread_;
};

}  // namespace ftpsfs::fuse
