// SPDX-License-Identifier: MIT
//
// Which client certificate a mount shows, and where the passphrase of its key comes from: what is
// written, a command, or a question on the terminal.
#pragma once

#include <memory>

#include "ftpsfs/app/credentials.hpp"
#include "ftpsfs/app/options.hpp"
#include "ftpsfs/app/password_prompt.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/net/client_identity.hpp"

namespace ftpsfs::app {

/// Do the options that name the files go together? Reads nothing.
/// @errors invalid_argument.
Result<void> check_identity_options(const Options& options);

/// Reads the files. A passphrase that was typed is kept in `credentials`.
/// @return null when the options name none.
/// @param wait for a command that tells the passphrase; a person has kPromptLimit.
/// @errors as ClientIdentity::load and run_password_command; invalid_argument: no passphrase, and
/// no terminal to ask on.
Result<std::shared_ptr<const net::ClientIdentity>> load_identity(const Options& options,
                                                                 Credentials& credentials,
                                                                 Asking asking, const Wait& wait);

}  // namespace ftpsfs::app
