// SPDX-License-Identifier: MIT
#include "ftp_list_names.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ftp_list_verdict.hpp"
#include "ftp_operations.hpp"
#include "ftpsfs/base/parts_wait.hpp"
#include "ftpsfs/ftp/listing.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/remote/ftp_entry.hpp"
#include "ftpsfs/session/download.hpp"

namespace ftpsfs::remote {
namespace {

/// Names that are asked for at once. Where flights are answered, their number bounds the memory
/// that replies take; else each of these parts takes few round trips, and is progress.
std::size_t names_at_once(const session::Session& session) {
  if (!session.settings().pipelining) {
    return 5;
  }
  return session.profile().pipelines ? 500 : 20;
}

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

/// What was answered of a name.
struct Told {
  bool is_there = false;  ///< more than its being listed says so
  /// An answer that says nothing of it, where no other one says that it is there.
  std::optional<Error> unanswered{};
};

/// @errors the CWD's answer does not say whether it is a directory.
Result<Told> take_answers(session::Session& session, std::span<const ftp::Command> commands,
                          std::span<const ftp::Reply> replies, ftp::FileFacts& facts) {
  FTPSFS_TRY(check_answer("CWD", replies.back()));
  const bool is_entered = replies.back().is_completion();
  const auto stamp = session::read_stamp(session, commands.first(commands.size() - 1), replies);
  // Some servers tell sizes of directories, too; others can change to what is no directory.
  const bool is_directory = is_entered && (session.profile().cwd_proves_directory || !stamp.size);
  facts.kind = is_directory ? ftp::FactKind::dir : ftp::FactKind::file;
  facts.size = is_directory ? std::nullopt : stamp.size;
  if (stamp.mtime) {
    facts.modify = ftp::FactTime{*stamp.mtime, ftp::FactGrain::second};
  }
  Told told{is_entered || stamp.size || stamp.mtime, std::nullopt};
  for (std::size_t i = 0; !told.is_there && !told.unanswered && i < commands.size(); ++i) {
    if (auto said = check_answer(commands[i].verb(), replies[i]); !said) {
      told.unanswered = std::move(said).error();
    }
  }
  return told;
}

/// @return one for each name.
Result<std::vector<Told>> ask_names(session::Session& session, const RemotePath& directory,
                                    std::span<ftp::FileFacts> names, const Wait& wait) {
  std::vector<Told> told(names.size());
  const std::size_t at_once = names_at_once(session);
  constexpr std::chrono::minutes kLongest(10);
  PartsWait parts(wait, session.settings().timeout, kLongest);
  for (std::size_t first = 0; first < names.size(); first += at_once) {
    const auto part = names.subspan(first, std::min(at_once, names.size() - first));
    std::vector<ftp::Command> flight;
    std::vector<NameQuestion> questions;
    for (ftp::FileFacts& facts : part) {
      add_question(session, directory, facts, flight, questions);
    }
    FTPSFS_TRY_ASSIGN(const auto replies, session.exchange(flight, parts.limit()));
    parts.progress();
    for (const NameQuestion& each : questions) {
      const std::size_t count = each.end - each.begin;
      FTPSFS_TRY_ASSIGN(told[static_cast<std::size_t>(each.facts - names.data())],
                        take_answers(session, std::span(flight).subspan(each.begin, count),
                                     std::span(replies).subspan(each.begin, count), *each.facts));
    }
  }
  return told;
}

struct ReadNames {
  Facts facts;
  bool shows_itself = false;  ///< "."
  /// RFC 959 has line ends between names only. So the last one may be whole, or cut.
  bool is_unterminated = false;
};

Error ends_inside_a_name() {
  return make_error(Errc::truncated, "the server's list of names ends inside a name");
}

/// @param change else the directory is the session's own already
Result<ReadNames> fetch_names_by(session::Session& session, const std::string& command,
                                 const RemotePath& directory, bool change, const Wait& wait) {
  auto body =
      session::fetch_listing(session, change ? directory.str() : std::string(), command, wait);
  if (!body) {
    FTPSFS_TRY(settle_refused_list(session, directory, change, std::move(body).error(), wait));
    return ReadNames{{}, true, false};  // its emptiness was put into words
  }
  FTPSFS_TRY(check_verdict(body->verdict));
  ftp::ListingNotes notes;
  FTPSFS_TRY_ASSIGN(auto facts, ftp::parse_names(body->text, directory.str(), &notes,
                                                 session.settings().listing.entries));
  report_unread(session, directory, notes);
  return ReadNames{std::move(facts), notes.self.has_value(), notes.unterminated};
}

Result<ReadNames> fetch_names(session::Session& session, const RemotePath& directory,
                              const Wait& wait) {
  const ftp::ServerProfile known = session.profile();
  FTPSFS_TRY_ASSIGN(ReadNames names,
                    fetch_names_by(session, known.names_command, directory, true, wait));
  if (!names.facts.empty() || names.shows_itself || !known.empty_listing_may_be_denial) {
    return names;
  }
  // Empty, or not to be read: only a listing that shows "." can tell.
  FTPSFS_TRY_ASSIGN(names, fetch_names_by(session, "NLST -a", directory, false, wait));
  if (!names.shows_itself) {
    return make_error(Errc::access_denied, "the directory may not be read (an empty listing)");
  }
  return names;
}

}  // namespace

bool lists_by_names(const session::Session& session) {
  const ftp::ServerProfile known = session.profile();
  return !known.has_mlsd && !known.lists && !lists_by_stat(session);
}

Result<ReadListing> fetch_by_names(session::Session& session, const RemotePath& directory,
                                   const Wait& wait) {
  FTPSFS_TRY_ASSIGN(ReadNames names, fetch_names(session, directory, wait));
  FTPSFS_TRY_ASSIGN(const auto told, ask_names(session, directory, names.facts, wait));
  if (names.is_unterminated && !told.empty() && !told.back().is_there) {
    return ends_inside_a_name();
  }
  return ReadListing{std::move(names.facts), false, std::nullopt};
}

Result<Entry> fetch_entry_by_names(session::Session& session, const RemotePath& path,
                                   const Wait& wait) {
  ftp::FileFacts facts;
  facts.name = path.name();
  const RemotePath directory = path.parent();
  FTPSFS_TRY_ASSIGN(const auto told, ask_names(session, directory, std::span(&facts, 1), wait));
  if (told.front().is_there) {
    return to_entry(facts, facts.name);
  }
  if (told.front().unanswered) {
    return *told.front().unanswered;
  }
  auto names = fetch_names(session, directory, wait);
  if (!names) {
    Error error = std::move(names).error();
    return is_ambiguous(error) ? settle_change_directory(session, directory, std::move(error), wait)
                               : error;
  }
  const ftp::ServerProfile known = session.profile();
  const auto listed = std::find_if(names->facts.begin(), names->facts.end(),
                                   [&known, &path](const ftp::FileFacts& each) {
                                     return is_name(known, each.name, path.name());
                                   });
  if (listed != names->facts.end()) {
    return to_entry(facts, listed->name);
  }
  if (names->is_unterminated && !names->facts.empty()) {
    FTPSFS_TRY_ASSIGN(const auto last,
                      ask_names(session, directory, std::span(&names->facts.back(), 1), wait));
    if (!last.front().is_there) {
      return ends_inside_a_name();
    }
  }
  return not_listed(path);
}

}  // namespace ftpsfs::remote
