// SPDX-License-Identifier: MIT
#include "line_io.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace ftpsfs::app {

Result<void> wait_for(int fd, short events, int wake_fd, const Wait& wait) {
  for (;;) {
    std::array<pollfd, 2> items = {pollfd{fd, events, 0}, pollfd{wake_fd, POLLIN, 0}};
    const int ready = ::poll(items.data(), items.size(), wait.poll_timeout_ms());
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready < 0) {
      return make_error(Errc::io_error, std::strerror(errno));
    }
    if (ready == 0 && !wait.expired()) {
      continue;  // one poll waits for an hour at most
    }
    if (ready == 0) {
      return make_error(Errc::timed_out, "no answer in time");
    }
    if (items[1].revents != 0) {
      return make_error(Errc::cancelled, "stopped");
    }
    return {};
  }
}

Result<std::string> read_line(int fd, std::size_t longest, int wake_fd, const Wait& wait) {
  std::string unread;
  return read_line(fd, longest, wake_fd, wait, unread);
}

Result<std::string> read_line(int fd, std::size_t longest, int wake_fd, const Wait& wait,
                              std::string& unread) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const std::size_t end = unread.find('\n');
    if (std::min(end, unread.size()) > longest) {
      return make_error(Errc::invalid_argument, "the line is too long");
    }
    if (end != std::string::npos) {
      std::string line = unread.substr(0, end);
      unread.erase(0, end + 1);
      return line;
    }
    FTPSFS_TRY(wait_for(fd, POLLIN, wake_fd, wait));
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      continue;
    }
    if (got <= 0) {
      return make_error(Errc::closed, "the other side went away");
    }
    unread.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<void> write_all(int fd, std::string_view text, int wake_fd, const Wait& wait) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      FTPSFS_TRY(wait_for(fd, POLLOUT, wake_fd, wait));
    } else if (errno != EINTR) {
      return make_error(Errc::closed, std::strerror(errno));
    }
  }
  return {};
}

}  // namespace ftpsfs::app
