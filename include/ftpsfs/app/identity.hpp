// SPDX-License-Identifier: MIT
//
// Which client certificate a mount shows, and where the passphrase of its key comes from: the
// credentials file, else a question on the terminal.
#pragma once

#include <memory>

#include "ftpsfs/app/credentials.hpp"
#include "ftpsfs/app/options.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/net/client_identity.hpp"

namespace ftpsfs::app {

/// Do the options that name the files go together? Reads nothing.
/// @errors invalid_argument.
Result<void> check_identity_options(const Options& options);

/// May somebody be asked for a passphrase?
enum class Asking : unsigned char { terminal, nobody };

/// Reads the files. A passphrase that was typed is kept in `credentials`.
/// @return null when the options name none.
/// @errors as ClientIdentity::load; invalid_argument: no passphrase, and no terminal to ask on.
Result<std::shared_ptr<const net::ClientIdentity>> load_identity(const Options& options,
                                                                 Credentials& credentials,
                                                                 Asking asking);

}  // namespace ftpsfs::app
