// SPDX-License-Identifier: MIT
//
// What the replies to a listing's commands mean: which success is none, and which refusal is an
// empty directory. Private to FtpRemote.
#pragma once

#include "ftp_stat_list.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/ftp/reply.hpp"
#include "ftpsfs/remote/remote_path.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::remote {

/// A 2xx is not always a success.
Result<void> check_verdict(const ftp::Reply& verdict);

/// CWD. @errors its refusal.
Result<void> enter(session::Session& session, const RemotePath& directory, const Wait& wait);

/// @param change the listing's command stood behind a CWD.
/// @param error of both, or of the command alone.
Result<ReadListing> settle_refused_list(session::Session& session, const RemotePath& directory,
                                        bool change, Error error, const Wait& wait);

}  // namespace ftpsfs::remote
