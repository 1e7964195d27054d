// SPDX-License-Identifier: MIT
//
// The thread that reads requests from the kernel. It waits for nothing but the fuse descriptor and
// its own wake-up: were it to block, no INTERRUPT would be seen and killed programs would hang.
//
// run() is for one thread; stop() for any. There must be one loop for a session only: the once-only
// replies to interrupts rest on requests and interrupts being processed in turn.
#pragma once

#include <atomic>

#include "ftpsfs/base/event_fd.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/fuse/libfuse.hpp"
#include "ftpsfs/fuse/request_buffers.hpp"

namespace ftpsfs::fuse {

enum class LoopEnd { unmounted, stopped };

class ReceiveLoop {
 public:
  /// Both must outlive the loop. The session has its descriptor already.
  ReceiveLoop(fuse_session* session, RequestBuffers& buffers);

  /// Serves until the kernel ends the connection or stop() is called.
  /// @errors protocol_error (INIT was not agreed on), io_error (the device failed).
  Result<LoopEnd> run();

  void stop() noexcept;

  /// Raised when the first request, INIT, has been answered.
  const EventFd& initialized() const noexcept { return initialized_; }

 private:
  Result<void> wait_for_request() const;

  fuse_session* session_;
  RequestBuffers& buffers_;
  EventFd wake_;
  EventFd initialized_;
  std::atomic<bool> stopping_{false};
};

}  // namespace ftpsfs::fuse
