// SPDX-License-Identifier: MIT
//
// How commands end, for scripts and mount(8), and the one form of an error line.
#pragma once

#include <string_view>

namespace ftpsfs::app {

/// The numbers are those of mount(8).
enum ExitCode : int {
  kExitDone = 0,
  kExitUsage = 1,        ///< the command line, a local file, a permission
  kExitInterrupted = 8,  ///< by a signal, before the mount stood
  kExitFailure = 32      ///< connection, TLS, login, remote path; a mount that is busy or silent
};

/// Writes "ftpsfs: TEXT" to stderr as one line: control characters (a server's words may be inside)
/// become blanks.
void print_error(std::string_view text);

}  // namespace ftpsfs::app
