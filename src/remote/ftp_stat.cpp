// SPDX-License-Identifier: MIT
//
// One name. MLST where its answer can be trusted; else the parent's listing, with MDTM for the
// exact time. Servers differ in what MLST says of symlinks: Pure-FTPd shows them; ProFTPD shows a
// file or a directory with the link's own size and mode 0777; pyftpdlib shows the target.
#include <algorithm>
#include <utility>

#include "ftp_core.hpp"
#include "ftp_list_names.hpp"
#include "ftp_operations.hpp"
#include "ftpsfs/ftp/mlsx.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/remote/folded_name.hpp"
#include "ftpsfs/remote/ftp_entry.hpp"
#include "ftpsfs/session/download.hpp"

namespace ftpsfs::remote {
namespace {

Entry unknown_directory(const RemotePath& path) {
  Entry entry;
  entry.name = std::string(path.name());
  entry.type = FileType::directory;
  return entry;
}

Result<void> refine_time(session::Session& session, const RemotePath& path, Entry& entry,
                         const Wait& wait) {
  if (!has_coarse_time(entry)) {
    return {};
  }
  const std::optional<RemotePath> paths[] = {child_of(path.parent(), entry.name)};
  FTPSFS_TRY_ASSIGN(const auto times, fetch_exact_times(session, paths, wait));
  if (times.front()) {
    entry.mtime = times.front();
  }
  return {};
}

Result<Entry> find_in_parent(session::Session& session, const RemotePath& path, const Wait& wait) {
  if (path.is_root()) {
    return unknown_directory(path);
  }
  if (lists_by_names(session)) {
    return fetch_entry_by_names(session, path, wait);
  }
  // A refusal here is settled by the longer way below.
  if (auto child = fetch_child_by_stat(session, path, wait)) {
    if (*child) {
      return **std::move(child);
    }
  } else if (child.error().code == Errc::not_found && child.error().reply_code == 0) {
    return std::move(child).error();
  } else if (is_link_failure(child.error().code) || child.error().code == Errc::cancelled) {
    return std::move(child).error();
  }
  const ftp::ServerProfile known = session.profile();
  auto listing = fetch_children(session, path.parent(), wait);
  if (!listing) {
    if (listing.error().code == Errc::access_denied || listing.error().code == Errc::io_error) {
      return feel_for(session, path, std::move(listing).error(), wait);
    }
    return std::move(listing).error();
  }
  const auto found = std::find_if(
      listing->entries.begin(), listing->entries.end(),
      [&known, &path](const Entry& entry) { return is_name(known, entry.name, path.name()); });
  if (found == listing->entries.end()) {
    Error missing = not_listed(path);
    // It may stand in a line that could not be read, or under another spelling: a create would
    // empty it.
    return listing->shows_all && !known.folds_case
               ? Result<Entry>(std::move(missing))
               : feel_for(session, path, std::move(missing), wait);
  }
  Entry entry = std::move(*found);
  FTPSFS_TRY(refine_time(session, path, entry, wait));
  return entry;
}

/// Could it be a symlink in disguise?
bool may_be_link(const ftp::ServerProfile& known, const ftp::FileFacts& facts) {
  constexpr unsigned kEveryBit = 0777;
  if (known.mlst_links == ftp::LinkView::shown || facts.kind == ftp::FactKind::symlink) {
    return false;
  }
  return !facts.unix_mode || *facts.unix_mode == kEveryBit;
}

/// MLST was refused in words that do not tell why. A directory that can be entered has no secrets
/// from stat(2): then the name is not there. From now on both are asked at once.
Result<Entry> ask_parent(session::Session& session, const RemotePath& path,
                         const ftp::Reply& refusal, const Wait& wait) {
  const Error error = ftp::make_refusal("MLST", refusal);
  if (error.code != Errc::refused) {
    return error;
  }
  session.knowledge().unlearn(&ftp::ServerProfile::mlst_says_why);
  const RemotePath parent = path.parent();
  FTPSFS_TRY_ASSIGN(const auto changed, session.command("CWD", parent.str(), wait));
  if (changed.is_completion()) {
    return make_error(Errc::not_found, error.text, error.reply_code);
  }
  Error why = ftp::make_refusal("CWD", changed);
  return is_ambiguous(why) ? settle_change_directory(session, parent, std::move(why), wait) : why;
}

}  // namespace

bool is_name(const ftp::ServerProfile& known, std::string_view listed, std::string_view asked) {
  return listed == asked || (known.folds_case && SameFoldedName()(listed, asked));
}

Result<void> check_answer(std::string_view verb, const ftp::Reply& reply) {
  return reply.code == FtpRemote::Core::kLoggedOut || reply.is_transient_negative()
             ? Result<void>(ftp::make_refusal(verb, reply))
             : Result<void>();
}

Error not_listed(const RemotePath& path) {
  return make_error(Errc::not_found, path.str() + ": no such name in its directory");
}

Result<Entry> feel_for(session::Session& session, const RemotePath& path, Error error,
                       const Wait& wait) {
  if (session.profile().cwd_proves_directory) {
    FTPSFS_TRY_ASSIGN(const auto changed, session.command("CWD", path.str(), wait));
    if (changed.is_completion()) {
      return unknown_directory(path);
    }
    FTPSFS_TRY(check_answer("CWD", changed));
  }
  FTPSFS_TRY_ASSIGN(const auto questions, session::stamp_commands(session, path.str()));
  FTPSFS_TRY_ASSIGN(const auto answers, session.exchange(questions, wait));
  for (std::size_t i = 0; i < questions.size(); ++i) {
    FTPSFS_TRY(check_answer(questions[i].verb(), answers[i]));
  }
  const auto stamp = session::read_stamp(session, questions, answers);
  if (!stamp.size && !stamp.mtime) {
    return error;
  }
  Entry entry;
  entry.name = std::string(path.name());
  entry.size = stamp.size;
  if (stamp.mtime) {
    entry.mtime = FileTime{*stamp.mtime, TimeGrain::second};
  }
  return entry;
}

FileVersion to_version(const session::FileStamp& stamp) {
  FileVersion version;
  version.size = stamp.size;
  if (stamp.mtime) {
    version.mtime = FileTime{*stamp.mtime, TimeGrain::second};
  }
  return version;
}

std::optional<Result<Entry>> read_mlst(const ftp::ServerProfile& known, const RemotePath& path,
                                       const ftp::Reply& reply) {
  if (!reply.is_completion()) {
    Error error = ftp::make_refusal("MLST", reply);
    const bool is_clear = known.mlst_links == ftp::LinkView::shown && !path.is_root() &&
                          !ftp::is_unknown_command(reply.code) && error.code != Errc::refused;
    return is_clear ? std::optional<Result<Entry>>(std::move(error)) : std::nullopt;
  }
  auto facts = ftp::parse_mlst(reply);
  if (!facts) {
    return Result<Entry>(std::move(facts).error());
  }
  const bool target_unknown = facts->kind == ftp::FactKind::symlink && !facts->symlink_target;
  if (!path.is_root() && (target_unknown || may_be_link(known, *facts))) {
    return std::nullopt;
  }
  if (facts->kind == ftp::FactKind::file && !known.tells_length_of(path.str())) {
    facts->size.reset();
  }
  return Result<Entry>(to_entry(*facts, path.name()));
}

bool proves_absence(const ftp::Reply& refused_mlst, const ftp::Reply& entered_parent) {
  return refused_mlst.is_permanent_negative() && entered_parent.is_completion() &&
         refused_mlst.code != FtpRemote::Core::kLoggedOut &&
         ftp::make_refusal("MLST", refused_mlst).code == Errc::refused;
}

bool answers_mlst(const ftp::ServerProfile& known, const RemotePath& path) {
  return known.has_mlst && (known.mlst_links != ftp::LinkView::followed || path.is_root());
}

Result<Entry> fetch_entry(session::Session& session, const RemotePath& path, const Wait& wait) {
  const ftp::ServerProfile known = session.profile();
  if (!answers_mlst(known, path)) {
    return find_in_parent(session, path, wait);
  }
  FTPSFS_TRY_ASSIGN(const auto reply, session.command("MLST", path.str(), wait));
  if (auto verdict = read_mlst(known, path, reply)) {
    return *std::move(verdict);
  }
  if (ftp::is_unknown_command(reply.code)) {
    session.knowledge().forget(&ftp::ServerProfile::has_mlst);
    return find_in_parent(session, path, wait);
  }
  if (!reply.is_completion()) {
    if (path.is_root()) {
      return unknown_directory(path);
    }
    // Where MLST follows links, a dangling one is refused too: only the listing shows it.
    return known.mlst_links == ftp::LinkView::shown ? ask_parent(session, path, reply, wait)
                                                    : find_in_parent(session, path, wait);
  }
  return find_in_parent(session, path, wait);  // a symlink, or what may be one
}

Result<FileVersion> fetch_version(session::Session& session, const RemotePath& path,
                                  const Wait& wait) {
  if (!answers_mlst(session.profile(), path)) {
    FTPSFS_TRY_ASSIGN(const auto stamp, session::fetch_stamp(session, path.str(), wait));
    if (stamp.size) {
      return to_version(stamp);
    }
  }
  FTPSFS_TRY_ASSIGN(const auto entry, fetch_entry(session, path, wait));
  if (entry.type != FileType::symlink) {
    return version_of(entry);
  }
  FTPSFS_TRY_ASSIGN(const auto stamp, session::fetch_stamp(session, path.str(), wait));
  return to_version(stamp);
}

}  // namespace ftpsfs::remote
