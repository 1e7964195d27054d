// SPDX-License-Identifier: MIT
#include "ftp_list_asking.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ftp_core.hpp"
#include "ftp_operations.hpp"
#include "ftp_seal.hpp"
#include "ftp_zone.hpp"
#include "ftpsfs/ftp/mlsx.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/remote/ftp_entry.hpp"

namespace ftpsfs::remote {
namespace {

/// Bounds how long a program that has come to one of these directories meanwhile waits for all.
constexpr std::size_t kMostInFlight = 1000;

struct Question {
  std::size_t directory = 0;
  const std::string* name = nullptr;
};

/// Where MLST follows links it says nothing of the link itself: the listing does.
bool is_asked(const ftp::ServerProfile& known, const ftp::FileFacts& facts) {
  return facts.kind != ftp::FactKind::symlink || known.mlst_links == ftp::LinkView::shown;
}

/// Servers answer with the name or with the whole path.
std::string_view last_component(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// @return false: the server has no MLST after all.
Result<bool> complete(session::Session& session, std::span<const RemotePath> directories,
                      std::span<std::optional<ReadListing>> listed,
                      std::span<const std::size_t> chosen, const ListingSink& sink,
                      const Wait& wait) {
  const ftp::ServerProfile known = session.profile();
  std::vector<Question> questions;
  std::vector<ftp::Command> flight;
  for (const std::size_t each : chosen) {
    for (const ftp::FileFacts& facts : listed[each]->facts) {
      const auto path = child_of(directories[each], facts.name);
      if (!path || !is_asked(known, facts)) {
        continue;
      }
      if (auto command = ftp::Command::make("MLST", path->str())) {
        questions.push_back({each, &facts.name});
        flight.push_back(*std::move(command));
      }
    }
  }
  FTPSFS_TRY_ASSIGN(const Seal seal, Seal::make());
  flight.insert(flight.end(), seal.commands().begin(), seal.commands().end());
  FTPSFS_TRY_ASSIGN(const auto all, session.exchange(flight, wait));
  const auto replies = std::span(all).first(questions.size());
  if (!seal.fits(std::span(all).subspan(questions.size()))) {
    session.knowledge().forget(&ftp::ServerProfile::has_mlst);
    return make_broken(Errc::closed, "answers to MLST are out of step");
  }
  std::vector<Facts> exact(directories.size());
  std::size_t unknown = 0;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (replies[i].code == FtpRemote::Core::kLoggedOut) {
      return ftp::make_refusal("MLST", replies[i]);
    }
    unknown += ftp::is_unknown_command(replies[i].code) ? 1 : 0;
    // Refused: gone meanwhile, or one that only the listing shows.
    auto facts = ftp::parse_mlst(replies[i]);
    if (facts && last_component(facts->name) == *questions[i].name) {
      facts->name = *questions[i].name;
      exact[questions[i].directory].push_back(*std::move(facts));
    }
  }
  if (unknown > 0 && unknown == replies.size()) {
    session.knowledge().forget(&ftp::ServerProfile::has_mlst);
    return false;
  }
  for (const std::size_t each : chosen) {
    ReadListing whole = *std::exchange(listed[each], std::nullopt);
    compare_times(session, whole.facts, exact[each], "MLST");
    whole.facts = merge_listings(std::move(whole.facts), std::move(exact[each]));
    apply_zone(session, whole.facts);
    sink(each, to_listing(std::move(whole), {}, true));
  }
  return true;
}

}  // namespace

std::size_t names_worth_asking(const session::ServerKnowledge& knowledge) {
  const ftp::ServerProfile known = knowledge.profile();
  if (!known.has_mlsd || !known.has_mlst || !known.stat_lists || !known.pipelines) {
    return 0;
  }
  // Four round trips, in which the server could have answered so many; and a handshake.
  constexpr std::chrono::microseconds kRoundTripForOneName(50);
  constexpr std::size_t kHandshake = 4;
  constexpr std::size_t kMost = 500;
  const auto far = static_cast<std::size_t>(knowledge.round_trip() / kRoundTripForOneName);
  return std::min(kHandshake + far, kMost);
}

Result<void> complete_by_asking(session::Session& session, std::span<const RemotePath> directories,
                                std::span<std::optional<ReadListing>> listed,
                                const ListingSink& sink, const Wait& wait) {
  const std::size_t most = names_worth_asking(session.knowledge());
  std::vector<std::size_t> chosen;
  std::size_t names = 0;
  for (std::size_t i = 0; i <= listed.size(); ++i) {
    const bool fits = i < listed.size() && listed[i] && listed[i]->facts.size() <= most;
    const std::size_t more = fits ? listed[i]->facts.size() : 0;
    if (!chosen.empty() && (i == listed.size() || names + more > kMostInFlight)) {
      FTPSFS_TRY_ASSIGN(const bool worked,
                        complete(session, directories, listed, chosen, sink, wait));
      if (!worked) {
        return {};
      }
      chosen.clear();
      names = 0;
    }
    if (fits) {
      chosen.push_back(i);
      names += more;
    }
  }
  return {};
}

bool is_sooner_asked(const session::Session& session) {
  return lists_twice(session.profile()) && lists_by_stat(session) &&
         asks_for_names(session.knowledge());
}

Result<std::optional<Listing>> list_by_asking(session::Session& session,
                                              const RemotePath& directory,
                                              std::optional<ReadListing>& listed,
                                              const Wait& wait) {
  auto shown = fetch_stat_list(session, directory, {}, wait);
  if (!shown && is_link_failure(shown.error().code)) {
    return std::move(shown).error();
  }
  if (!shown || !*shown) {
    return std::optional<Listing>();
  }
  listed = **std::move(shown);
  std::optional<Listing> whole;
  const ListingSink take = [&whole](std::size_t /*index*/, Result<Listing> listing) {
    if (listing) {
      whole = *std::move(listing);
    }
  };
  FTPSFS_TRY(
      complete_by_asking(session, std::span(&directory, 1), std::span(&listed, 1), take, wait));
  return whole;
}

}  // namespace ftpsfs::remote
