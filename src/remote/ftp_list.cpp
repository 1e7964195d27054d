// SPDX-License-Identifier: MIT
//
// Directories. CWD and an argument-less MLSD or LIST: CWD's refusal has the clearest words on every
// server, and a path in a listing's argument is read as options (vsftpd) or as a pattern (ProFTPD,
// Pure-FTPd).
#include <algorithm>
#include <chrono>
#include <utility>

#include "ftp_operations.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/listing.hpp"
#include "ftpsfs/remote/ftp_entry.hpp"
#include "ftpsfs/session/download.hpp"

namespace ftpsfs::remote {
namespace {

using Facts = std::vector<ftp::FileFacts>;

bool is_gone(int code) {
  return code == 500 || code == 502 || code == 504;
}

/// A 2xx is not always a success.
Result<void> check_verdict(const ftp::Reply& verdict) {
  const std::string words = verdict.text();
  // vsftpd: "226 Transfer done (but failed to open directory)."
  if (words.find("failed to open directory") != std::string::npos) {
    return make_error(Errc::access_denied, "the directory may not be read: " + words, verdict.code);
  }
  // Pure-FTPd: "226 Output truncated to 10000 matches".
  if (words.find("truncated") != std::string::npos) {
    return make_error(Errc::io_error, "the server does not list the whole directory: " + words,
                      verdict.code);
  }
  return {};
}

void report(const RemotePath& directory, const ftp::ListingNotes& notes) {
  if (notes.hostile_names > 0 || notes.unparsed_lines > 0) {
    log::warning("{}: {} names cannot be shown, {} lines of the listing are not understood",
                 directory.str(), notes.hostile_names, notes.unparsed_lines);
  }
}

/// ProFTPD may call an empty directory "450 No files found".
bool says_empty(const Error& error) {
  return error.reply_code == 450 && error.text.find("o files found") != std::string::npos;
}

Result<Facts> fetch_list(session::Session& session, const RemotePath& directory, bool change,
                         const Wait& wait) {
  const ftp::ServerProfile known = session.profile();
  auto body = session::fetch_listing(session, change ? directory.str() : std::string(),
                                     known.list_command, wait);
  if (!body) {
    if (says_empty(body.error())) {
      return Facts();
    }
    return std::move(body).error();
  }
  FTPSFS_TRY(check_verdict(body->verdict));
  ftp::ListingNotes notes;
  FTPSFS_TRY_ASSIGN(auto facts,
                    ftp::parse_list(body->text, std::chrono::system_clock::now(), &notes));
  report(directory, notes);
  // "LIST -a" shows "." at least, in a directory that may be read.
  if (known.empty_listing_may_be_denial && facts.empty() && !notes.self &&
      known.list_command.find("-a") != std::string::npos) {
    return make_error(Errc::access_denied, "the directory may not be read (an empty listing)");
  }
  return facts;
}

Result<Facts> fetch_mlsd(session::Session& session, const RemotePath& directory, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const auto body,
                    session::fetch_listing(session, directory.str(), "MLSD", wait));
  FTPSFS_TRY(check_verdict(body.verdict));
  ftp::ListingNotes notes;
  FTPSFS_TRY_ASSIGN(auto facts, ftp::parse_mlsd(body.text, &notes));
  report(directory, notes);
  if (session.profile().empty_listing_may_be_denial && facts.empty() && !notes.self) {
    return make_error(Errc::access_denied, "the directory may not be read (an empty listing)");
  }
  return facts;
}

/// Does MLSD leave open what the symlinks of this directory are?
bool needs_list_too(const ftp::ServerProfile& known, const Facts& facts) {
  return known.mlsd_links != ftp::LinkView::shown || known.mlsd_hides_dangling_links ||
         std::any_of(facts.begin(), facts.end(), [](const ftp::FileFacts& each) {
           return each.kind == ftp::FactKind::symlink && !each.symlink_target;
         });
}

struct Fetched {
  Facts facts;
  bool exact_times = false;
};

Result<Fetched> fetch_facts(session::Session& session, const RemotePath& directory,
                            const Wait& wait) {
  const ftp::ServerProfile known = session.profile();
  if (known.has_mlsd) {
    auto facts = fetch_mlsd(session, directory, wait);
    if (facts) {
      if (!needs_list_too(known, *facts)) {
        return Fetched{*std::move(facts), true};
      }
      // Still in the directory that the CWD before MLSD went to.
      auto listed = fetch_list(session, directory, false, wait);
      if (listed) {
        return Fetched{merge_listings(*std::move(listed), *std::move(facts)), true};
      }
      if (is_link_failure(listed.error().code) || listed.error().code == Errc::cancelled) {
        return std::move(listed).error();
      }
      log::debug("{}: no LIST beside MLSD: {}", directory.str(), listed.error().text);
      return Fetched{*std::move(facts), true};
    }
    if (!is_gone(facts.error().reply_code)) {
      return std::move(facts).error();
    }
    session.knowledge().forget(&ftp::ServerProfile::has_mlsd);
  }
  FTPSFS_TRY_ASSIGN(auto facts, fetch_list(session, directory, true, wait));
  return Fetched{std::move(facts), !known.mdtm};
}

}  // namespace

Result<Listing> fetch_children(session::Session& session, const RemotePath& directory,
                               const Wait& wait) {
  auto fetched = fetch_facts(session, directory, wait);
  if (!fetched) {
    Error error = std::move(fetched).error();
    return is_ambiguous(error) ? settle_change_directory(session, directory, std::move(error), wait)
                               : error;
  }
  Listing listing;
  listing.exact_times = fetched->exact_times;
  listing.entries.reserve(fetched->facts.size());
  for (const ftp::FileFacts& facts : fetched->facts) {
    listing.entries.push_back(to_entry(facts, facts.name));
  }
  return listing;
}

Result<std::vector<std::optional<FileTime>>> fetch_exact_times(session::Session& session,
                                                               const RemotePath& directory,
                                                               std::span<const std::string> names,
                                                               const Wait& wait) {
  std::vector<std::optional<FileTime>> times(names.size());
  if (!session.profile().mdtm) {
    return times;
  }
  std::vector<ftp::Command> commands;
  std::vector<std::size_t> asked;  // a name that cannot be sent is not asked for
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto path = directory.child(names[i]);
    if (!path) {
      continue;
    }
    if (auto command = ftp::Command::make("MDTM", path->str())) {
      commands.push_back(*std::move(command));
      asked.push_back(i);
    }
  }
  FTPSFS_TRY_ASSIGN(const auto replies, session.exchange(commands, wait));
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (is_gone(replies[i].code)) {
      session.knowledge().forget(&ftp::ServerProfile::mdtm);
      break;
    }
    if (const auto seconds = ftp::parse_mdtm(replies[i])) {
      times[asked[i]] = FileTime{*seconds, TimeGrain::second};
    }
  }
  return times;
}

}  // namespace ftpsfs::remote
