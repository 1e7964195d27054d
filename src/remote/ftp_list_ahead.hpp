// SPDX-License-Identifier: MIT
//
// Many directories over one session, ahead of need. Private to FtpRemote.
#pragma once

#include <span>

#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::remote {

/// Remote::list_ahead(), over this session. @errors of the session: it may be broken.
Result<void> fetch_ahead(session::Session& session, std::span<const RemotePath> directories,
                         bool times, const ListingSink& sink, const Wait& wait);

}  // namespace ftpsfs::remote
