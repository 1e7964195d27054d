// SPDX-License-Identifier: MIT
//
// Long listings told before their end. Private to FtpRemote.
#pragma once

#include "ftpsfs/ftp/server_profile.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/session/download.hpp"

namespace ftpsfs::remote {

/// A tap that hands the entries of a long MLSD listing to `sink` as they come. Empty where nobody
/// wants them, or where only the end tells what they are. `sink` must outlive it.
session::ListingTap tap_for(const ArrivalSink& sink, const ftp::ServerProfile& known);

/// For what comes behind such a listing: nothing of it is told, but each part of it renews the
/// limit.
session::ListingTap keep_on(const ArrivalSink& sink);

}  // namespace ftpsfs::remote
