// SPDX-License-Identifier: MIT
//
// File operations on one leased session. None of them takes another lease. Those that only look
// never return Errc::refused: an ambiguous refusal is settled by looking at the parent directory,
// on the same session. What changes the tree leaves that to its caller, who knows whether to send
// again. Private to FtpRemote.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ftp_stat_list.hpp"
#include "ftp_target_listings.hpp"
#include "ftpsfs/ftp/file_facts.hpp"
#include "ftpsfs/remote/entry.hpp"
#include "ftpsfs/remote/ftp_remote.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/remote/remote_path.hpp"
#include "ftpsfs/session/download.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::remote {

// ---- ftp_list.cpp ----

/// Do listings of this server take two commands, one beside the other?
bool lists_twice(const ftp::ServerProfile& known);

struct ListingAids {
  ListingHints hints{};
  /// For the second of two commands, at the same time; null: one after the other. When that fails
  /// in any way, nothing is lost but time.
  session::Session* second = nullptr;
  /// What that other command would list; null: it is still to be asked.
  const ReadListing* listed = nullptr;
};

/// All children of a directory, or an error.
Result<Listing> fetch_children(session::Session& session, const RemotePath& directory,
                               const Wait& wait, const ListingAids& aids = {});

/// One child with its exact time, in one round trip, where the parent is listed by STAT.
/// @return nullopt where it is not.
Result<std::optional<Entry>> fetch_child_by_stat(session::Session& session, const RemotePath& path,
                                                 const Wait& wait);

/// Is it the name that was asked for, as this server compares names? Of non-ASCII letters it is not
/// known which ones it takes for the same.
bool is_name(const ftp::ServerProfile& known, std::string_view listed, std::string_view asked);

/// @return nullopt: no name that could stand in a path.
inline std::optional<RemotePath> child_of(const RemotePath& directory, std::string_view name) {
  auto path = directory.child(name);
  return path ? std::optional<RemotePath>(*std::move(path)) : std::nullopt;
}

// ---- ftp_times.cpp ----

/// One element for each path, absent where the server does not tell.
using Times = std::vector<std::optional<FileTime>>;
/// By MDTM, all in one flight. An absent path is not asked for.
Result<Times> fetch_exact_times(session::Session& session,
                                std::span<const std::optional<RemotePath>> paths, const Wait& wait);
/// The same; half of very many go over a second connection, where one is idle: each costs the
/// server more than it costs the link.
Result<Times> fetch_times_by_two(FtpRemote::Core& core, session::Session& session,
                                 std::span<const std::optional<RemotePath>> paths,
                                 const Wait& wait);

// ---- ftp_stat.cpp ----

Result<Entry> fetch_entry(session::Session& session, const RemotePath& path, const Wait& wait);

/// That a name does not stand in its directory's listing.
Error not_listed(const RemotePath& path);

/// A session that the server has forgotten, or one that is busy, says nothing of a name: taken for
/// "not there", an upload would empty the file.
Result<void> check_answer(std::string_view verb, const ftp::Reply& reply);

/// What can be learned of a name that its directory's listing does not show.
/// @param error what it means when nothing can.
Result<Entry> feel_for(session::Session& session, const RemotePath& path, Error error,
                       const Wait& wait);

/// MLST was refused in words that do not tell why, and its directory can be entered: the name is
/// not there.
bool proves_absence(const ftp::Reply& refused_mlst, const ftp::Reply& entered_parent);
/// Does MLST tell all of this path?
bool answers_mlst(const ftp::ServerProfile& known, const RemotePath& path);
/// What the reply to MLST says. @return nullopt when more must be asked (fetch_entry does).
std::optional<Result<Entry>> read_mlst(const ftp::ServerProfile& known, const RemotePath& path,
                                       const ftp::Reply& reply);

FileVersion to_version(const session::FileStamp& stamp);
/// Size and time of a file, in one round trip.
Result<FileVersion> fetch_version(session::Session& session, const RemotePath& path,
                                  const Wait& wait);

// ---- ftp_follow.cpp ----

/// See Remote::follow. @param known where modes are told by listings.
Result<Entry> fetch_target(session::Session& session, const RemotePath& path, const Entry& link,
                           TargetListings& known, const Wait& wait);

// ---- ftp_settle.cpp: what a refusal means, told by what is there ----
// Those of changes return a refusal whose words are clear as it is. A link failure, as of any look,
// says nothing of the refusal: ask again.

/// Is it a refusal whose words do not say which errno it is?
bool is_ambiguous(const Error& error);

Error settle_change_directory(session::Session& session, const RemotePath& directory, Error error,
                              const Wait& wait);
Error settle_read(session::Session& session, const RemotePath& path, Error error, const Wait& wait);
/// STOR, APPE, MKD and the target of a rename: something that would be made at `path`.
Error settle_creation(session::Session& session, const RemotePath& path, Error error,
                      const Wait& wait);
Error settle_make_directory(session::Session& session, const RemotePath& path, Error error,
                            const Wait& wait);
Error settle_make_symlink(session::Session& session, const std::string& target,
                          const RemotePath& path, Error error, const Wait& wait);
Error settle_remove_file(session::Session& session, const RemotePath& path, Error error,
                         const Wait& wait);
Error settle_remove_directory(session::Session& session, const RemotePath& path, Error error,
                              const Wait& wait);
/// @param begun RNFR was accepted: it was RNTO that was refused.
Error settle_rename(session::Session& session, const RemotePath& from, const RemotePath& to,
                    bool begun, Error error, const Wait& wait);
/// chmod and utimens. @param otherwise what it means when the name is there.
Error settle_change(session::Session& session, const RemotePath& path, Error error, Errc otherwise,
                    const Wait& wait);

// ---- ftp_mutations.cpp: each is sent once; refusals are told as the server put them ----

/// Would the server make something of exactly this name?
/// @errors invalid_argument: Pure-FTPd makes "x_" of "x ".
Result<void> check_new_name(const session::Session& session, const RemotePath& path);

Result<void> send_make_directory(session::Session& session, const RemotePath& path,
                                 const Wait& wait);
Result<void> send_remove_directory(session::Session& session, const RemotePath& path,
                                   const Wait& wait);
Result<void> send_remove_file(session::Session& session, const RemotePath& path, const Wait& wait);
/// @return for each, whether the server has removed it.
Result<std::vector<bool>> send_remove_files(session::Session& session,
                                            std::span<const RemotePath> paths, const Wait& wait);
/// @param begun is set when RNFR was accepted.
Result<void> send_rename(session::Session& session, const RemotePath& from, const RemotePath& to,
                         bool& begun, const Wait& wait);
/// What symlink(2) means by `target`: SITE SYMLINK would start from the server's working directory.
Result<RemotePath> link_target(const std::string& target, const RemotePath& path);
Result<void> send_make_symlink(session::Session& session, const std::string& target,
                               const RemotePath& path, const Wait& wait);
Result<Space> fetch_space(session::Session& session, const RemotePath& path, const Wait& wait);

// ---- ftp_ways.cpp ----

Result<void> send_set_mode(session::Session& session, const RemotePath& path, std::uint16_t mode,
                           const Wait& wait);
Result<void> send_set_mtime(session::Session& session, const RemotePath& path,
                            std::int64_t unix_seconds, const Wait& wait);

}  // namespace ftpsfs::remote
