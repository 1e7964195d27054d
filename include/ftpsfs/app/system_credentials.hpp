// SPDX-License-Identifier: MIT
//
// What systemd hands to a service (LoadCredential=, SetCredentialEncrypted=): files in
// $CREDENTIALS_DIRECTORY. Reads the environment; no state.
#pragma once

#include "ftpsfs/app/credentials.hpp"
#include "ftpsfs/base/result.hpp"

namespace ftpsfs::app {

/// From the files ftpsfs.username, ftpsfs.password, ftpsfs.account, ftpsfs.key_password and
/// ftpsfs.proxy_password, as far as they are there; each is one line. Nothing when the variable is
/// not set.
/// @errors invalid_argument, access_denied: a file that is there cannot be used.
Result<Credentials> read_system_credentials();

}  // namespace ftpsfs::app
