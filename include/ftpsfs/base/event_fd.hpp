// SPDX-License-Identifier: MIT
//
// A flag that poll(2) can wait for. Thread-safe; raise() is async-signal-safe too.
#pragma once

#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs {

class EventFd {
 public:
  /// Throws std::system_error when the process has no descriptor left.
  EventFd();

  int fd() const noexcept { return fd_.get(); }
  /// Makes the descriptor readable, for good until clear().
  void raise() const noexcept;
  void clear() const noexcept;

 private:
  UniqueFd fd_;
};

}  // namespace ftpsfs
