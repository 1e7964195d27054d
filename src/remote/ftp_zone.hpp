// SPDX-License-Identifier: MIT
//
// Times of listings that the server shows by its own clock, in a zone that it does not tell: the
// zone is found by comparing them with exact ones, and they become UTC. Where the user has named
// the zone, their parser has done that, and all of this does nothing. Private to FtpRemote.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ftp_stat_list.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/ftp/fresh_uploads.hpp"
#include "ftpsfs/remote/remote_path.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::remote {

/// A listing by LIST or STAT, as it was read.
struct ShownTimes {
  const RemotePath* directory;
  Facts* facts;
};

/// What this mount has uploaded a moment ago. Of these alone it is certain that a listing that is
/// asked for from now on shows them, and not what they have replaced.
using FreshUploads = std::vector<ftp::FreshUpload>;
FreshUploads fresh_uploads(const session::Session& session);

/// The step between a listing's text and what is told of it. Where files of a season are shown of
/// which no exact time has been seen yet, and the server has MDTM, it is asked for some of them, in
/// one flight (times=listing: in two, so that the nights in which clocks are changed are found;
/// else what it answers is told as the exact time that it is). Where it bears no flights of several
/// records: in three rounds, for fewer where commands travel singly. Where it has none, fresh
/// uploads tell.
/// @param before fresh_uploads(), from before the listings were asked for
/// @errors the session's. After two the server is not asked again.
Result<void> settle_times(session::Session& session, std::span<const ShownTimes> listings,
                          const FreshUploads& before, const Wait& wait);

/// The same with what is known already.
void apply_zone(const session::Session& session, Facts& facts);

/// Exact times that came anyway: of some of the files in `shown`, which is not settled yet.
/// @param verb that told them.
void compare_times(session::Session& session, Facts& shown, const Facts& exact, const char* verb);
/// By MDTM, of one file. @param exact Unix seconds.
void compare_time(session::Session& session, const Facts& shown, std::string_view name,
                  std::int64_t exact);

}  // namespace ftpsfs::remote
