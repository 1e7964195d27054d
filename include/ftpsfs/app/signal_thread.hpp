// SPDX-License-Identifier: MIT
//
// Signals as calls on a thread of their own: there, unlike in a handler, locks may be taken.
// libfuse installs no handlers of its own in ftpsfs (it would take SIGHUP as "quit").
#pragma once

#include <csignal>
#include <functional>
#include <thread>

#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::app {

class SignalThread {
 public:
  using Handler = std::function<void(int)>;

  /// Blocks SIGTERM, SIGINT, SIGHUP and SIGUSR1 in this thread and all that it starts from now on,
  /// and ignores SIGPIPE. To be called before any other thread exists.
  static void block_signals();

  /// Calls `handler` for each signal, one after the other.
  /// @pre block_signals() was called.
  explicit SignalThread(Handler handler);
  ~SignalThread();
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

 private:
  void run(const Handler& handler) noexcept;

  UniqueFd signals_;
  UniqueFd wake_;
  std::thread thread_;
};

}  // namespace ftpsfs::app
