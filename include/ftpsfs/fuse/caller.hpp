// SPDX-License-Identifier: MIT
//
// What the kernel's INTERRUPT does not say: does the program want to leave? It is sent for every
// signal, a timer's or a child's end included, and for a frozen or stopped process; an EINTR for
// those breaks programs that no local file ever told EINTR (git with its progress timer, any Go
// program, everything at a suspend). So the signals that wait for the caller are looked at.
// The parsers are pure; the others read /proc, which never waits for a mount.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

namespace ftpsfs::fuse {

enum class CallerIntent {
  staying,  ///< whatever woke it, it goes on afterwards
  leaving,  ///< a deadly signal, or INT, TERM or QUIT that it handles itself
  unknown,  ///< gone, or in another PID namespace
};

/// @param status the text of /proc/<tid>/status.
CallerIntent parse_caller_intent(std::string_view status);
CallerIntent find_caller_intent(pid_t thread);

/// Is the task on its way out because a signal killed it? The kernel sends FLUSH from there, and no
/// further signal can end that wait.
/// @param stat the text of /proc/<tid>/stat.
bool parse_killed(std::string_view stat);
bool find_killed(pid_t thread);

}  // namespace ftpsfs::fuse
