// SPDX-License-Identifier: MIT
//
// Asks for a password on the terminal without showing it. The terminal is put right again also
// when a signal ends the question. For a process with one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/secret.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::app {

/// In bytes: fits a command line of every server.
inline constexpr std::size_t kLongestPassword = 1024;

/// How long a question waits for its answer.
inline constexpr Duration kPromptLimit = std::chrono::minutes(5);

/// May somebody be asked, for a password or a passphrase?
enum class Asking : unsigned char { terminal, nobody };

/// Is there a terminal to ask on?
bool can_prompt();

/// @errors unsupported: no terminal; timed_out; cancelled: end of input or an empty line.
/// A signal that ends programs ends this one, with the terminal restored.
Result<Secret> prompt_password(const std::string& question, const Wait& wait);

}  // namespace ftpsfs::app
