// SPDX-License-Identifier: MIT
//
// Directories. CWD and an argument-less MLSD or LIST: CWD's refusal has the clearest words on every
// server, and a path in a listing's argument is read as options (vsftpd) or as a pattern (ProFTPD,
// Pure-FTPd).
#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "beside.hpp"
#include "ftp_list_arriving.hpp"
#include "ftp_list_names.hpp"
#include "ftp_list_verdict.hpp"
#include "ftp_operations.hpp"
#include "ftp_stat_list.hpp"
#include "ftp_zone.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/ftp/listing.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/remote/ftp_entry.hpp"
#include "ftpsfs/session/download.hpp"

namespace ftpsfs::remote {
namespace {

/// A listing that ends inside a line was cut, however properly the rest of it ended. LIST has no
/// standard: there a last line that can be read is believed to be one.
Result<void> check_end(const ftp::ListingNotes& notes, bool is_mlsd) {
  if (notes.unterminated && (is_mlsd || notes.unparsed_lines > 0)) {
    return make_error(Errc::truncated, "the server's listing ends inside a line");
  }
  return {};
}

Result<ReadListing> fetch_list_by(session::Session& session, const std::string& command,
                                  const RemotePath& directory, bool change, const Wait& wait,
                                  const session::ListingTap& tap) {
  const ftp::ServerProfile known = session.profile();
  auto body =
      session::fetch_listing(session, change ? directory.str() : std::string(), command, wait, tap);
  if (!body) {
    return settle_refused_list(session, directory, change, std::move(body).error(), wait);
  }
  FTPSFS_TRY(check_verdict(body->verdict));
  ftp::ListingNotes notes;
  FTPSFS_TRY_ASSIGN(auto facts, ftp::parse_list(body->text, list_context(session), &notes,
                                                session.settings().listing.entries));
  FTPSFS_TRY(check_end(notes, false));
  report_unread(session, directory, notes);
  FTPSFS_TRY(check_not_denied(known, command, facts, notes));
  return ReadListing{std::move(facts), notes.unparsed_lines == 0, std::nullopt};
}

/// @errors also unsupported: there is no LIST; the profile's `lists` says so then.
Result<ReadListing> fetch_list(session::Session& session, const RemotePath& directory, bool change,
                               const Wait& wait, const session::ListingTap& tap = {}) {
  const ftp::ServerProfile known = session.profile();
  if (!known.lists) {
    return make_error(Errc::unsupported, "the server has no LIST");
  }
  auto fetched = fetch_list_by(session, known.list_command, directory, change, wait, tap);
  if (!fetched && ftp::is_unknown_command(fetched.error().reply_code)) {
    // If it was the CWD that was refused so, LIST was not tried.
    FTPSFS_TRY(enter(session, directory, wait));
    session.knowledge().forget(&ftp::ServerProfile::lists);
  }
  FTPSFS_TRY_ASSIGN(ReadListing listing, std::move(fetched));
  if (known.whole_list_command.empty()) {
    return listing;
  }
  if (listing.facts.empty() && known.empty_listing_may_be_denial) {
    // Empty, or not to be read: only a listing that shows "." can tell.
    FTPSFS_TRY(fetch_list_by(session, known.whole_list_command, directory, false, wait, {}));
  }
  listing.shows_all = false;
  return listing;
}

/// By STAT where the server lists that way and the directory is not too large for it, else by LIST.
/// @errors as fetch_list().
/// @param in_it the session's working directory is `directory` already.
Result<ReadListing> fetch_classic(session::Session& session, const RemotePath& directory,
                                  bool in_it, bool is_large, std::string_view timed,
                                  const Wait& wait, const session::ListingTap& tap = {}) {
  if (lists_by_stat(session) && !is_large) {
    FTPSFS_TRY_ASSIGN(auto listing, fetch_stat_list(session, directory, timed, wait));
    if (listing) {
      return *std::move(listing);
    }
  }
  return fetch_list(session, directory, !in_it, wait, tap);
}

struct Mlsd {
  ReadListing listing;
  bool is_told = false;  ///< names were shown already: nobody waits for the whole any more
  Wait limit;            ///< of what is still to be asked
};

Result<Mlsd> fetch_mlsd(session::Session& session, const RemotePath& directory, const Wait& wait,
                        const session::ListingTap& tap) {
  FTPSFS_TRY_ASSIGN(const auto body,
                    session::fetch_listing(session, directory.str(), "MLSD", wait, tap));
  FTPSFS_TRY(check_verdict(body.verdict));
  ftp::ListingNotes notes;
  FTPSFS_TRY_ASSIGN(auto facts,
                    ftp::parse_mlsd(body.text, &notes, session.settings().listing.entries));
  FTPSFS_TRY(check_end(notes, true));
  report_unread(session, directory, notes);
  if (session.profile().empty_listing_may_be_denial && facts.empty() && !notes.self) {
    return make_error(Errc::access_denied, "the directory may not be read (an empty listing)");
  }
  const bool is_told = body.limit.deadline != wait.deadline;
  return Mlsd{{std::move(facts), notes.unparsed_lines == 0, std::nullopt},
              is_told,
              is_told && body.limit.deadline > wait.deadline ? body.limit : wait};
}

/// Does MLSD leave open what the symlinks of this directory are?
bool needs_list_too(const ftp::ServerProfile& known, const Facts& facts) {
  return lists_twice(known) ||
         std::any_of(facts.begin(), facts.end(), [](const ftp::FileFacts& each) {
           return each.kind == ftp::FactKind::symlink && !each.symlink_target;
         });
}

struct Fetched {
  ReadListing listing;
  bool exact_times = false;
};

/// Without MLSD: by whatever is left.
Result<Fetched> fetch_without_mlsd(session::Session& session, const RemotePath& directory,
                                   const Wait& wait, const ListingHints& hints) {
  const ftp::ServerProfile known = session.profile();
  const bool may_be_large = known.stat_slow_when_large && !hints.is_small();
  auto listing = fetch_classic(session, directory, false, may_be_large, hints.timed, wait);
  if (!listing && listing.error().code == Errc::unsupported && !session.profile().lists) {
    FTPSFS_TRY_ASSIGN(ReadListing names, fetch_by_names(session, directory, wait));
    return Fetched{std::move(names), true};
  }
  FTPSFS_TRY(listing);
  return Fetched{*std::move(listing), !known.mdtm};
}

/// LIST over another session, while MLSD runs. Nothing but a little time is lost when it fails or
/// hangs: it is not waited for much longer than MLSD took, and MLSD that is told as it arrives may
/// take longer than whoever asked for it would wait.
class ListBeside {
 public:
  ListBeside(session::Session* session, const RemotePath& directory, const Wait& wait,
             bool is_told) {
    if (session == nullptr || !lists_twice(session->profile())) {
      return;
    }
    knowledge_ = &session->knowledge();
    constexpr std::chrono::minutes kLongest(10);
    list_.emplace(Wait{is_told ? began_ + kLongest : wait.deadline, wait.stop},
                  [session, &directory](const Wait& own_wait) {
                    return fetch_list(*session, directory, true, own_wait);
                  });
  }

  /// @return nullopt when there is none: one after the other, then.
  std::optional<ReadListing> take(const Wait& limit) {
    if (!list_ || !list_->is_running()) {
      return std::nullopt;
    }
    constexpr std::chrono::seconds kPatience(1);
    const SteadyTime now = SteadyClock::now();
    const auto patience = std::min(  // with time left for the other way
        std::max<SteadyClock::duration>(kPatience, 2 * (now - began_)), (limit.deadline - now) / 2);
    auto listed = list_->take(patience);
    if (!listed || *listed || is_link_failure(listed->error().code)) {
      knowledge_->note(session::ServerKnowledge::Way::list_beside, listed && *listed);
    }
    if (!listed || !*listed) {
      log::debug("no LIST beside MLSD: {}", listed ? listed->error().text : "too slow");
      return std::nullopt;
    }
    return **std::move(listed);
  }

 private:
  const SteadyTime began_ = SteadyClock::now();
  session::ServerKnowledge* knowledge_ = nullptr;
  std::optional<Beside<ReadListing>> list_;
};

Result<Fetched> fetch_facts(session::Session& session, const RemotePath& directory,
                            const Wait& wait, const ListingAids& aids) {
  const ftp::ServerProfile known = session.profile();
  if (known.has_mlsd) {
    // Shown as they arrive they would still be in the server's character set.
    const bool is_utf8 = session.settings().server.charset.empty();
    const session::ListingTap tap =
        is_utf8 ? tap_for(aids.hints.arriving, known) : session::ListingTap();
    ListBeside beside(aids.listed != nullptr ? nullptr : aids.second, directory, wait,
                      static_cast<bool>(tap));
    auto fetched = fetch_mlsd(session, directory, wait, tap);
    if (fetched) {
      ReadListing& mlsd = fetched->listing;
      const Wait& limit = fetched->limit;
      if (!needs_list_too(known, mlsd.facts)) {
        return Fetched{std::move(mlsd), true};
      }
      // Still in the directory that the CWD before MLSD went to.
      constexpr std::size_t kLarge = 500;
      const bool is_large = mlsd.facts.size() > kLarge;
      auto side = aids.listed != nullptr ? std::optional(*aids.listed) : beside.take(limit);
      auto listed = side ? Result<ReadListing>(*std::move(side))
                         : fetch_classic(session, directory, true, is_large, {}, limit,
                                         fetched->is_told ? keep_on(aids.hints.arriving) : nullptr);
      if (listed) {
        const bool shows_all = listed->shows_all && mlsd.shows_all;
        compare_times(session, listed->facts, mlsd.facts, "MLSD");
        Facts merged = merge_listings(std::move(listed->facts), std::move(mlsd.facts));
        return Fetched{{std::move(merged), shows_all, std::nullopt}, true};
      }
      if (fetched->is_told && listed.error().code == Errc::timed_out) {
        mlsd.shows_all = false;  // better than to lose what was shown
      } else if (is_link_failure(listed.error().code) || listed.error().code == Errc::cancelled) {
        return std::move(listed).error();
      }
      log::debug("{}: no LIST beside MLSD: {}", directory.str(), listed.error().text);
      return Fetched{std::move(mlsd), true};
    }
    if (!ftp::is_unknown_command(fetched.error().reply_code)) {
      return std::move(fetched).error();
    }
    session.knowledge().forget(&ftp::ServerProfile::has_mlsd);
  }
  return fetch_without_mlsd(session, directory, wait, aids.hints);
}

}  // namespace

bool lists_twice(const ftp::ServerProfile& known) {
  return known.has_mlsd && (known.lists || known.stat_lists) &&
         (known.mlsd_links != ftp::LinkView::shown || known.mlsd_hides_dangling_links);
}

Result<Listing> fetch_children(session::Session& session, const RemotePath& directory,
                               const Wait& wait, const ListingAids& aids) {
  const FreshUploads uploads = fresh_uploads(session);
  auto fetched = fetch_facts(session, directory, wait, aids);
  if (!fetched) {
    Error error = std::move(fetched).error();
    return is_ambiguous(error) ? settle_change_directory(session, directory, std::move(error), wait)
                               : error;
  }
  Facts& facts = fetched->listing.facts;
  FTPSFS_TRY(settle_times(session, std::array{ShownTimes{&directory, &facts}}, uploads, wait));
  drop_untrue_sizes(session.profile(), directory, facts);
  return to_listing(std::move(fetched->listing), aids.hints.timed, fetched->exact_times);
}

}  // namespace ftpsfs::remote
