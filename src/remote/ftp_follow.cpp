// SPDX-License-Identifier: MIT
//
// What a symbolic link leads to. MLST says it where it follows links (pyftpdlib). Elsewhere CWD,
// SIZE and MDTM do, of every server that was tried: they say what kind it is, its size and its
// time. The mode only a listing of the place tells that the link's text names. That text may be of
// another tree than the one that the login sees (chroot), so it is heeded only where it agrees with
// the rest.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "ftp_core.hpp"
#include "ftp_list_names.hpp"
#include "ftp_operations.hpp"
#include "ftpsfs/ftp/mlsx.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/remote/ftp_entry.hpp"

namespace ftpsfs::remote {
namespace {

/// More links in a row than anybody makes; the server has its own limit.
constexpr int kMostHops = 8;

/// What a refusal to follow means: most of them that the link leads nowhere.
Error leads_nowhere(std::string_view verb, const ftp::Reply& refusal) {
  Error error = ftp::make_refusal(verb, refusal);
  constexpr int kFirstFinal = 500;
  if (refusal.code >= kFirstFinal && !FtpRemote::Core::wants_new_login(error)) {
    error.code = Errc::not_found;
  }
  return error;
}

/// A name by its directory's listing, or by itself where that costs as little.
Result<Entry> find_name(session::Session& session, const RemotePath& place, TargetListings& known,
                        const Wait& wait) {
  const ftp::ServerProfile profile = session.profile();
  if (place.is_root() || answers_mlst(profile, place) || lists_by_names(session)) {
    return fetch_entry(session, place, wait);
  }
  const RemotePath directory = place.parent();
  auto listing = known.find(directory);
  if (listing == nullptr) {
    const std::uint64_t changes = known.changes();
    FTPSFS_TRY_ASSIGN(auto fetched, fetch_children(session, directory, wait));
    listing = std::make_shared<const Listing>(std::move(fetched));
    known.keep(directory, listing, changes);
  }
  const auto found =
      std::find_if(listing->entries.begin(), listing->entries.end(),
                   [&](const Entry& each) { return is_name(profile, each.name, place.name()); });
  return found != listing->entries.end() ? Result<Entry>(*found) : not_listed(place);
}

/// By the names alone. @return nullopt: they lead elsewhere, or are not to be seen.
Result<std::optional<Entry>> walk_names(session::Session& session, const RemotePath& path,
                                        const Entry& link, TargetListings& known,
                                        const Wait& wait) {
  Entry at = link;
  RemotePath place = path;
  for (int hop = 0; at.type == FileType::symlink; ++hop) {
    if (hop == kMostHops || !at.symlink_target) {
      return std::optional<Entry>();
    }
    auto next = link_target(*at.symlink_target, place);
    if (!next) {
      return std::optional<Entry>();
    }
    place = *std::move(next);
    auto entry = find_name(session, place, known, wait);
    if (!entry) {
      if (is_link_failure(entry.error().code) || entry.error().code == Errc::cancelled) {
        return std::move(entry).error();
      }
      return std::optional<Entry>();
    }
    at = *std::move(entry);
  }
  return std::optional<Entry>(std::move(at));
}

/// Type, size and time: one round trip.
Result<Entry> feel_through(session::Session& session, const RemotePath& path, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(auto enter, ftp::Command::make("CWD", path.str()));
  FTPSFS_TRY_ASSIGN(const auto questions, session::stamp_commands(session, path.str()));
  std::vector<ftp::Command> flight{std::move(enter)};
  flight.insert(flight.end(), questions.begin(), questions.end());
  FTPSFS_TRY_ASSIGN(const std::vector<ftp::Reply> replies, session.exchange(flight, wait));
  const auto stamp = session::read_stamp(session, questions, std::span(replies).subspan(1));
  Entry entry;
  if (replies.front().is_completion()) {
    entry.type = FileType::directory;
  } else if (stamp.size || stamp.mtime) {
    entry.size = stamp.size;
  } else {
    return leads_nowhere("CWD", replies.front());
  }
  if (stamp.mtime) {
    entry.mtime = FileTime{*stamp.mtime, TimeGrain::second};
  }
  return entry;
}

}  // namespace

Result<Entry> fetch_target(session::Session& session, const RemotePath& path, const Entry& link,
                           TargetListings& known, const Wait& wait) {
  const ftp::ServerProfile profile = session.profile();
  if (profile.has_mlst && profile.mlst_links == ftp::LinkView::followed) {
    FTPSFS_TRY_ASSIGN(const auto reply, session.command("MLST", path.str(), wait));
    if (!reply.is_completion()) {
      return leads_nowhere("MLST", reply);
    }
    FTPSFS_TRY_ASSIGN(const auto facts, ftp::parse_mlst(reply));
    return to_entry(facts, path.name());
  }
  FTPSFS_TRY_ASSIGN(Entry entry, feel_through(session, path, wait));
  entry.name = std::string(path.name());
  FTPSFS_TRY_ASSIGN(const auto named, walk_names(session, path, link, known, wait));
  if (named && named->type == entry.type &&
      (entry.type == FileType::directory || named->size == entry.size)) {
    entry.mode = named->mode;
    entry.mtime = entry.mtime ? entry.mtime : named->mtime;
  }
  if (!entry.mtime) {
    entry.mtime = link.mtime;  // the best that is known
  }
  return entry;
}

}  // namespace ftpsfs::remote
