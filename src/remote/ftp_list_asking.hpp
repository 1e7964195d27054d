// SPDX-License-Identifier: MIT
//
// Listings by STAT made as exact as MLSD's, by an MLST for each name, all in one flight: without
// the four round trips of a data connection. Private to FtpRemote.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "ftp_stat_list.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/remote/remote_path.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::remote {

/// The most names of one directory that are sooner asked for than listed over a data connection: a
/// question costs the server a tenth of a millisecond, and the way is what costs the other.
/// @return 0 where it cannot be done.
std::size_t names_worth_asking(const session::ServerKnowledge& knowledge);

/// Are directories of the usual size asked for name by name?
inline bool asks_for_names(const session::ServerKnowledge& knowledge) {
  constexpr std::size_t kUsual = 20;
  return names_worth_asking(knowledge) >= kUsual;
}

/// Hands on those listings that are worth it, and takes them out of `listed`.
/// @param listed by STAT, one for each directory; absent: left alone
/// @errors the session's. What was handed on is good all the same.
Result<void> complete_by_asking(session::Session& session, std::span<const RemotePath> directories,
                                std::span<std::optional<ReadListing>> listed,
                                const ListingSink& sink, const Wait& wait);

/// Would list_by_asking() answer before a transfer does?
bool is_sooner_asked(const session::Session& session);

/// A directory that is known to be tiny, in two round trips: a transfer takes twice as many.
/// @pre is_sooner_asked()
/// @param listed what STAT said of it, where asking for each name would take longer.
/// @return nullopt: by a transfer, then; it has the words for what is refused.
/// @errors the session's
Result<std::optional<Listing>> list_by_asking(session::Session& session,
                                              const RemotePath& directory,
                                              std::optional<ReadListing>& listed, const Wait& wait);

}  // namespace ftpsfs::remote
