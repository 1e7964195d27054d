// SPDX-License-Identifier: MIT
//
// The last resort, where neither MLSD nor STAT nor LIST is to be had: names by NLST, and then what
// each of them is, by SIZE, MDTM and CWD. NLST leaves names with a dot in front out, on most
// servers, and on some directories: what it does not show may be there all the same. Private to
// FtpRemote.
#pragma once

#include "ftp_stat_list.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/entry.hpp"
#include "ftpsfs/remote/remote_path.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::remote {

/// Are names all that this server lists?
bool lists_by_names(const session::Session& session);

/// @errors as of other listings.
Result<ReadListing> fetch_by_names(session::Session& session, const RemotePath& directory,
                                   const Wait& wait);

/// One name: asked for itself, before its directory is listed. @pre not the root.
Result<Entry> fetch_entry_by_names(session::Session& session, const RemotePath& path,
                                   const Wait& wait);

}  // namespace ftpsfs::remote
