// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/receive_loop.hpp"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace ftpsfs::fuse {
namespace {

Error device_error(const char* what, int error) {
  return make_error(Errc::io_error,
                    std::string("/dev/fuse: ") + what + ": " + std::strerror(error));
}

Result<void> make_non_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    return device_error("cannot be made non-blocking", errno);
  }
  return {};
}

}  // namespace

ReceiveLoop::ReceiveLoop(fuse_session* session, RequestBuffers& buffers)
    : session_(session), buffers_(buffers) {}

Result<LoopEnd> ReceiveLoop::run() {
  FTPSFS_TRY(make_non_blocking(fuse_session_fd(session_)));
  bool first = true;
  while (!stopping_.load(std::memory_order_relaxed)) {
    fuse_buf& buffer = buffers_.current();
    const int received = fuse_session_receive_buf(session_, &buffer);
    if (received > 0) {
      fuse_session_process_buf(session_, &buffer);
      buffers_.next();
      if (fuse_session_exited(session_) != 0) {
        return make_error(Errc::protocol_error,
                          "kernel and libfuse could not agree on how to speak (INIT)");
      }
      if (std::exchange(first, false)) {
        initialized_.raise();
      }
    } else if (received == 0) {
      return LoopEnd::unmounted;
    } else if (received == -EAGAIN) {
      FTPSFS_TRY(wait_for_request());
    } else if (received != -EINTR) {
      return device_error("reading a request", -received);
    }
  }
  return LoopEnd::stopped;
}

Result<void> ReceiveLoop::wait_for_request() const {
  pollfd fds[] = {{fuse_session_fd(session_), POLLIN, 0}, {wake_.fd(), POLLIN, 0}};
  // Without a limit: a mount that nobody uses has nothing else to do, and stop() wakes it. An
  // unmount shows as POLLERR; the next read then tells ENODEV.
  if (::poll(fds, 2, -1) < 0 && errno != EINTR) {
    return device_error("poll", errno);
  }
  return {};
}

void ReceiveLoop::stop() noexcept {
  stopping_.store(true, std::memory_order_relaxed);
  wake_.raise();
}

}  // namespace ftpsfs::fuse
