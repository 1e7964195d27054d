// SPDX-License-Identifier: MIT
//
// One bounded line over a socket, with a deadline. For the two ends of the control socket.
#pragma once

#include <string>
#include <string_view>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::app {

/// Waits for `events` on `fd`, or for input on `wake_fd` (-1: none), which cancels.
/// @errors timed_out, cancelled, io_error.
Result<void> wait_for(int fd, short events, int wake_fd, const Wait& wait);

/// Reads up to the first '\n' and drops it. @errors as wait_for; closed; invalid_argument: too
/// long.
Result<std::string> read_line(int fd, std::size_t longest, int wake_fd, const Wait& wait);

/// The same where more lines may follow: `unread` keeps what came behind the line, for the next.
Result<std::string> read_line(int fd, std::size_t longest, int wake_fd, const Wait& wait,
                              std::string& unread);

/// @errors as wait_for; closed.
Result<void> write_all(int fd, std::string_view text, int wake_fd, const Wait& wait);

}  // namespace ftpsfs::app
