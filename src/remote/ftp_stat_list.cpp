// SPDX-License-Identifier: MIT
#include "ftp_stat_list.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "ftp_operations.hpp"
#include "ftp_zone.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/remote/ftp_entry.hpp"

namespace ftpsfs::remote {

Listing to_listing(ReadListing&& read, std::string_view timed, bool exact_times) {
  Listing listing;
  listing.exact_times = exact_times;
  listing.shows_all = read.shows_all;
  listing.entries.reserve(read.facts.size());
  for (ftp::FileFacts& each : read.facts) {
    const ftp::FileFacts facts = std::move(each);  // of a million not all need be there twice
    Entry entry = to_entry(facts, facts.name);
    if (read.timed && facts.name == timed && entry.type == FileType::regular) {
      entry.mtime = read.timed;
    }
    listing.entries.push_back(std::move(entry));
  }
  return listing;
}

ftp::ListContext list_context(const session::Session& session) {
  ftp::ListContext context;
  context.now = std::chrono::system_clock::now();
  context.expected = session.profile().dialect;
  // Where it is still to be found, times stay as they are shown until settle_times().
  context.zone = session.settings().server.zone.value_or(ftp::ServerZone());
  context.date_order = session.settings().server.date_order;
  context.usual_order = session.knowledge().date_order();
  return context;
}

void report_unread(session::Session& session, const RemotePath& directory,
                   const ftp::ListingNotes& notes) {
  if (notes.date_order != ftp::DateOrder::unknown) {
    session.knowledge().note_date_order(notes.date_order, notes.date_order_proved);
  }
  if (notes.hostile_names > 0 || notes.unparsed_lines > 0) {
    log::warning("{}: {} names cannot be shown, {} lines of the listing are not understood{}{}",
                 directory.str(), notes.hostile_names, notes.unparsed_lines,
                 notes.unparsed_lines > 0 ? ", the first: " : "", notes.first_unparsed);
  }
}

Result<void> check_not_denied(const ftp::ServerProfile& known, const std::string& command,
                              const Facts& facts, const ftp::ListingNotes& notes) {
  if (known.empty_listing_may_be_denial && facts.empty() && !notes.self &&
      ftp::shows_dot_names(command)) {
    return make_error(Errc::access_denied, "the directory may not be read (an empty listing)");
  }
  return {};
}

void drop_untrue_sizes(const ftp::ServerProfile& known, const RemotePath& directory, Facts& facts) {
  // What is said of one name holds for its whole directory.
  if (facts.empty() || known.tells_length_of(directory.str() + "/" + facts.front().name)) {
    return;
  }
  for (ftp::FileFacts& each : facts) {
    if (each.kind == ftp::FactKind::file) {
      each.size.reset();
    }
  }
}

bool lists_by_stat(const session::Session& session) {
  return session.profile().stat_lists && session.settings().stat_listing;
}

Result<std::vector<ftp::Command>> stat_list_commands(const ftp::ServerProfile& known,
                                                     const RemotePath& directory) {
  const std::size_t blank = known.stat_command.find(' ');
  FTPSFS_TRY_ASSIGN(auto change, ftp::Command::make("CWD", directory.str()));
  FTPSFS_TRY_ASSIGN(auto stat, ftp::Command::make(known.stat_command.substr(0, blank),
                                                  known.stat_command.substr(blank + 1)));
  FTPSFS_TRY_ASSIGN(auto noop, ftp::Command::make("NOOP"));
  return std::vector<ftp::Command>{std::move(change), std::move(stat), std::move(noop)};
}

Result<std::optional<ReadListing>> read_stat_list(session::Session& session,
                                                  const RemotePath& directory,
                                                  std::span<const ftp::Reply> replies) {
  constexpr int kOkay = 200;
  if (replies[2].code != kOkay) {
    session.knowledge().forget(&ftp::ServerProfile::stat_lists);
    return make_broken(Errc::closed, "a listing by STAT is out of step: " + replies[2].text());
  }
  if (!replies[0].is_completion()) {
    return ftp::make_refusal("CWD", replies[0]);
  }
  if (!replies[1].is_completion()) {
    if (ftp::is_unknown_command(replies[1].code)) {
      session.knowledge().forget(&ftp::ServerProfile::stat_lists);
    }
    return std::optional<ReadListing>();
  }
  const ftp::ServerProfile known = session.profile();
  ftp::ListingNotes notes;
  auto facts = ftp::parse_list(replies[1].body(), list_context(session), &notes,
                               session.settings().listing.entries);
  // Pure-FTPd confesses behind LIST and MLSD alone that it has cut a listing.
  const bool may_be_cut =
      facts && known.listing_limit > 0 && facts->size() + 2 >= known.listing_limit;
  if (!facts || notes.unparsed_lines > 0 || may_be_cut) {
    log::debug("{}: the reply to STAT is no clean listing", directory.str());
    return std::optional<ReadListing>();
  }
  report_unread(session, directory, notes);
  FTPSFS_TRY(check_not_denied(known, known.stat_command, *facts, notes));
  drop_untrue_sizes(known, directory, *facts);
  return std::optional(ReadListing{*std::move(facts), true, std::nullopt});
}

void distrust_stat_lists(session::Session& session, const Error& error) {
  if (error.code == Errc::protocol_error) {
    session.knowledge().forget(&ftp::ServerProfile::stat_lists);
  }
}

Result<std::optional<ReadListing>> fetch_stat_list(session::Session& session,
                                                   const RemotePath& directory,
                                                   std::string_view timed, const Wait& wait) {
  const ftp::ServerProfile known = session.profile();
  FTPSFS_TRY_ASSIGN(auto flight, stat_list_commands(known, directory));
  if (const auto path = directory.child(timed); !timed.empty() && path && known.mdtm) {
    FTPSFS_TRY_ASSIGN(auto mdtm, ftp::Command::make("MDTM", path->str()));
    flight.push_back(std::move(mdtm));
  }
  const auto replies = session.exchange(flight, wait);
  if (!replies) {
    distrust_stat_lists(session, replies.error());
    return replies.error();
  }
  FTPSFS_TRY_ASSIGN(auto listing, read_stat_list(session, directory, *replies));
  if (listing && replies->size() > kStatListCommands) {
    if (const auto seconds = ftp::parse_mdtm(replies->back())) {
      listing->timed = FileTime{*seconds, TimeGrain::second};
      compare_time(session, listing->facts, timed, *seconds);
    }
  }
  return listing;
}

Result<std::optional<Entry>> fetch_child_by_stat(session::Session& session, const RemotePath& path,
                                                 const Wait& wait) {
  const ftp::ServerProfile known = session.profile();
  if (known.has_mlsd || known.stat_slow_when_large || !lists_by_stat(session)) {
    return std::optional<Entry>();
  }
  const RemotePath parent = path.parent();
  const FreshUploads uploads = fresh_uploads(session);
  FTPSFS_TRY_ASSIGN(auto listing, fetch_stat_list(session, parent, path.name(), wait));
  if (!listing) {
    return std::optional<Entry>();
  }
  Facts& facts = listing->facts;
  FTPSFS_TRY(settle_times(session, std::array{ShownTimes{&parent, &facts}}, uploads, wait));
  const auto found =
      std::find_if(facts.begin(), facts.end(), [&known, &path](const ftp::FileFacts& each) {
        return is_name(known, each.name, path.name());
      });
  if (found == facts.end()) {
    // Where names are folded, a listing does not prove that one is absent.
    return known.folds_case ? Result<std::optional<Entry>>(std::optional<Entry>())
                            : Result<std::optional<Entry>>(not_listed(path));
  }
  Entry entry = to_entry(*found, found->name);
  if (listing->timed && entry.type == FileType::regular) {
    entry.mtime = listing->timed;
  }
  return std::optional<Entry>(std::move(entry));
}

}  // namespace ftpsfs::remote
