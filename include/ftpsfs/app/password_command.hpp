// SPDX-License-Identifier: MIT
//
// A password that another program tells: `pass show partner`, `secret-tool lookup …`. Safe in a
// process with threads. Nothing that the program prints on its standard output is ever logged.
#pragma once

#include <string>
#include <string_view>

#include "ftpsfs/app/password_prompt.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/secret.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::app {

/// How long a program may take while a mount lives. At the terminal it has kPromptLimit.
inline constexpr Duration kPasswordCommandLimit = std::chrono::seconds(30);

/// Runs `sh -c command` and takes the first line of its standard output.
/// @param option names the command in errors and in the log: "password_command".
/// @param asking terminal: it has our standard input and error output, and may ask; nobody: it has
/// no input, and what it says on its error output is logged. It is killed when the wait is over,
/// and what it leaves behind in its process group in any case; but at a terminal it has our group,
/// and only itself is killed. No descriptor of ours but those three is open in it.
/// @errors io_error: it ended badly, or nobody knows how, or cannot be started; invalid_argument:
/// no password came; timed_out; cancelled.
Result<Secret> run_password_command(std::string_view option, const std::string& command,
                                    Asking asking, const Wait& wait);

/// Before an end without destructors: kills the commands that run with all that they have started.
void kill_password_commands();

}  // namespace ftpsfs::app
