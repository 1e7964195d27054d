// SPDX-License-Identifier: MIT
//
// Listings that stand in the reply to STAT: one round trip, no data connection, and many of them in
// one flight. And what all listings have in common between the parser and Listing. Private to
// FtpRemote.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ftpsfs/ftp/command.hpp"
#include "ftpsfs/ftp/file_facts.hpp"
#include "ftpsfs/ftp/listing.hpp"
#include "ftpsfs/ftp/reply.hpp"
#include "ftpsfs/remote/entry.hpp"
#include "ftpsfs/remote/remote_path.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::remote {

using Facts = std::vector<ftp::FileFacts>;

/// One listing as it was read.
struct ReadListing {
  Facts facts;
  bool shows_all = true;
  std::optional<FileTime> timed;  ///< of the name that was asked for
};

Listing to_listing(ReadListing&& read, std::string_view timed, bool exact_times);

/// What the session knows of the listings that it gets.
ftp::ListContext list_context(const session::Session& session);

/// Logs what of a listing cannot be shown, and remembers what it tells of its dates.
void report_unread(session::Session& session, const RemotePath& directory,
                   const ftp::ListingNotes& notes);

/// Sizes that are not the lengths of their files become unknown.
void drop_untrue_sizes(const ftp::ServerProfile& known, const RemotePath& directory, Facts& facts);

/// "LIST -a" and "STAT -a ." show "." at least, in a directory that may be read.
Result<void> check_not_denied(const ftp::ServerProfile& known, const std::string& command,
                              const Facts& facts, const ftp::ListingNotes& notes);

bool lists_by_stat(const session::Session& session);

/// CWD, STAT, and NOOP: its 200 behind the listing proves that no name with a line break has forged
/// the end of the reply.
constexpr std::size_t kStatListCommands = 3;
Result<std::vector<ftp::Command>> stat_list_commands(const ftp::ServerProfile& known,
                                                     const RemotePath& directory);

/// What the replies to these commands say. @return nullopt when the server does not list this way
/// after all.
Result<std::optional<ReadListing>> read_stat_list(session::Session& session,
                                                  const RemotePath& directory,
                                                  std::span<const ftp::Reply> replies);

/// Both, in one round trip. @param timed a name whose exact time is asked, too.
Result<std::optional<ReadListing>> fetch_stat_list(session::Session& session,
                                                   const RemotePath& directory,
                                                   std::string_view timed, const Wait& wait);

/// A line that is no reply ended a flight of such listings: another session would meet the same
/// one.
void distrust_stat_lists(session::Session& session, const Error& error);

}  // namespace ftpsfs::remote
