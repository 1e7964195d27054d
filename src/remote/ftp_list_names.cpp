// SPDX-License-Identifier: MIT
#include "ftp_list_names.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ftp_core.hpp"
#include "ftp_list_verdict.hpp"
#include "ftp_operations.hpp"
#include "ftpsfs/ftp/listing.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/remote/ftp_entry.hpp"
#include "ftpsfs/session/download.hpp"

namespace ftpsfs::remote {
namespace {

/// Names that are asked for in one flight: bounds the memory that its replies take.
constexpr std::size_t kNamesInFlight = 500;

/// SIZE and MDTM, as far as the server has them, and CWD.
struct NameQuestion {
  ftp::FileFacts* facts = nullptr;
  std::size_t begin = 0;  ///< in the flight
  std::size_t end = 0;    ///< behind the CWD
};

/// A name that cannot be sent is not asked for.
void add_question(const session::Session& session, const RemotePath& directory,
                  ftp::FileFacts& facts, std::vector<ftp::Command>& flight,
                  std::vector<NameQuestion>& questions) {
  const auto path = child_of(directory, facts.name);
  if (!path) {
    return;
  }
  auto stamp = session::stamp_commands(session, path->str());
  auto change = ftp::Command::make("CWD", path->str());
  if (!stamp || !change) {
    return;
  }
  NameQuestion question{&facts, flight.size(), 0};
  flight.insert(flight.end(), stamp->begin(), stamp->end());
  flight.push_back(*std::move(change));
  question.end = flight.size();
  questions.push_back(question);
}

/// @return false: nothing but the name's being listed says that it is there.
bool take_answers(session::Session& session, std::span<const ftp::Command> commands,
                  std::span<const ftp::Reply> replies, ftp::FileFacts& facts) {
  const bool is_entered = replies.back().is_completion();
  const auto stamp = session::read_stamp(session, commands.first(commands.size() - 1), replies);
  // Some servers tell sizes of directories, too; others can change to what is no directory.
  const bool is_directory = is_entered && (session.profile().cwd_proves_directory || !stamp.size);
  facts.kind = is_directory ? ftp::FactKind::dir : ftp::FactKind::file;
  facts.size = is_directory ? std::nullopt : stamp.size;
  if (stamp.mtime) {
    facts.modify = ftp::FactTime{*stamp.mtime, ftp::FactGrain::second};
  }
  return is_entered || stamp.size || stamp.mtime;
}

/// @return is there more than their names that says that they are there? One for each.
Result<std::vector<bool>> ask_names(session::Session& session, const RemotePath& directory,
                                    std::span<ftp::FileFacts> names, const Wait& wait) {
  std::vector<bool> found(names.size());
  for (std::size_t first = 0; first < names.size(); first += kNamesInFlight) {
    const auto part = names.subspan(first, std::min(kNamesInFlight, names.size() - first));
    std::vector<ftp::Command> flight;
    std::vector<NameQuestion> questions;
    for (ftp::FileFacts& facts : part) {
      add_question(session, directory, facts, flight, questions);
    }
    FTPSFS_TRY_ASSIGN(const auto replies, session.exchange(flight, wait));
    if (FtpRemote::Core::is_logged_out(replies)) {
      return ftp::make_refusal("CWD", replies.front());
    }
    for (const NameQuestion& each : questions) {
      const std::size_t count = each.end - each.begin;
      found[static_cast<std::size_t>(each.facts - names.data())] =
          take_answers(session, std::span(flight).subspan(each.begin, count),
                       std::span(replies).subspan(each.begin, count), *each.facts);
    }
  }
  return found;
}

struct ReadNames {
  Facts facts;
  bool shows_itself = false;  ///< "."
};

/// @param change else the directory is the session's own already
Result<ReadNames> fetch_names_by(session::Session& session, const std::string& command,
                                 const RemotePath& directory, bool change, const Wait& wait) {
  auto body =
      session::fetch_listing(session, change ? directory.str() : std::string(), command, wait);
  if (!body) {
    FTPSFS_TRY(settle_refused_list(session, directory, change, std::move(body).error(), wait));
    return ReadNames{{}, true};  // its emptiness was put into words
  }
  FTPSFS_TRY(check_verdict(body->verdict));
  ftp::ListingNotes notes;
  FTPSFS_TRY_ASSIGN(auto facts, ftp::parse_names(body->text, directory.str(), &notes));
  report_unread(session, directory, notes);
  return ReadNames{std::move(facts), notes.self.has_value()};
}

Result<Facts> fetch_names(session::Session& session, const RemotePath& directory,
                          const Wait& wait) {
  const ftp::ServerProfile known = session.profile();
  FTPSFS_TRY_ASSIGN(ReadNames names,
                    fetch_names_by(session, known.names_command, directory, true, wait));
  if (!names.facts.empty() || names.shows_itself || !known.empty_listing_may_be_denial) {
    return std::move(names.facts);
  }
  // Empty, or not to be read: only a listing that shows "." can tell.
  FTPSFS_TRY_ASSIGN(names, fetch_names_by(session, "NLST -a", directory, false, wait));
  if (!names.shows_itself) {
    return make_error(Errc::access_denied, "the directory may not be read (an empty listing)");
  }
  return std::move(names.facts);
}

}  // namespace

bool lists_by_names(const session::Session& session) {
  const ftp::ServerProfile known = session.profile();
  return !known.has_mlsd && !known.lists && !lists_by_stat(session);
}

Result<ReadListing> fetch_by_names(session::Session& session, const RemotePath& directory,
                                   const Wait& wait) {
  FTPSFS_TRY_ASSIGN(Facts names, fetch_names(session, directory, wait));
  FTPSFS_TRY(ask_names(session, directory, names, wait));
  return ReadListing{std::move(names), false, std::nullopt};
}

Result<Entry> fetch_entry_by_names(session::Session& session, const RemotePath& path,
                                   const Wait& wait) {
  ftp::FileFacts facts;
  facts.name = path.name();
  const RemotePath directory = path.parent();
  FTPSFS_TRY_ASSIGN(const auto found, ask_names(session, directory, std::span(&facts, 1), wait));
  if (found.front()) {
    return to_entry(facts, facts.name);
  }
  auto names = fetch_names(session, directory, wait);
  if (!names) {
    Error error = std::move(names).error();
    return is_ambiguous(error) ? settle_change_directory(session, directory, std::move(error), wait)
                               : error;
  }
  const ftp::ServerProfile known = session.profile();
  const auto listed =
      std::find_if(names->begin(), names->end(), [&known, &path](const ftp::FileFacts& each) {
        return is_name(known, each.name, path.name());
      });
  return listed != names->end() ? Result<Entry>(to_entry(facts, listed->name)) : not_listed(path);
}

}  // namespace ftpsfs::remote
