// SPDX-License-Identifier: MIT
#include "ftp_list_ahead.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "ftp_core.hpp"
#include "ftp_list_asking.hpp"
#include "ftp_operations.hpp"
#include "ftp_seal.hpp"
#include "ftp_stat_list.hpp"
#include "ftp_zone.hpp"

namespace ftpsfs::remote {
namespace {

/// Files whose times are asked in one flight: bounds how long a program that has come to one of
/// these directories meanwhile waits for all of them.
constexpr std::size_t kMostTimes = 2000;

/// Listings whose files' times are still to be asked.
struct Untimed {
  std::size_t index = 0;
  Listing listing;
};

/// All in one flight; those that the server does not list this way are left out.
/// @errors the session's. Nothing was handed on then.
Result<void> fetch_stat_lists(session::Session& session, std::span<const RemotePath> directories,
                              const std::function<void(std::size_t, Result<ReadListing>)>& sink,
                              const Wait& wait) {
  const ftp::ServerProfile known = session.profile();
  std::vector<ftp::Command> flight;
  std::vector<std::size_t> asked;  // a path that cannot be sent is not asked for
  for (std::size_t i = 0; i < directories.size(); ++i) {
    if (auto commands = stat_list_commands(known, directories[i])) {
      flight.insert(flight.end(), commands->begin(), commands->end());
      asked.push_back(i);
    }
  }
  FTPSFS_TRY_ASSIGN(const Seal seal, Seal::make());
  flight.insert(flight.end(), seal.commands().begin(), seal.commands().end());
  std::vector<ftp::Reply> replies;
  std::vector<Result<std::optional<ReadListing>>> read;
  const auto take = [&](ftp::Reply reply) {
    replies.push_back(std::move(reply));
    if (replies.size() == kStatListCommands && read.size() < asked.size()) {
      read.push_back(read_stat_list(session, directories[asked[read.size()]], replies));
      replies.clear();
    }
  };
  if (auto exchanged = session.exchange_each(flight, wait, take); !exchanged) {
    distrust_stat_lists(session, exchanged.error());
    return exchanged;
  }
  if (!seal.fits(replies)) {
    session.knowledge().forget(&ftp::ServerProfile::stat_lists);
    return make_broken(Errc::closed, "listings by STAT are out of step");
  }
  for (const auto& each : read) {
    if (!each && (is_link_failure(each.error().code) ||
                  each.error().reply_code == FtpRemote::Core::kLoggedOut)) {
      return each.error();
    }
  }
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (!read[i]) {
      sink(asked[i], std::move(read[i]).error());
    } else if (*read[i]) {
      sink(asked[i], **std::move(read[i]));
    }
  }
  return {};
}

Result<void> fetch_by_stat(session::Session& session, std::span<const RemotePath> directories,
                           const ListingSink& sink, const Wait& wait) {
  std::vector<std::optional<Result<ReadListing>>> listed(directories.size());
  const auto take = [&listed](std::size_t index, Result<ReadListing> read) {
    listed[index] = std::move(read);
  };
  const FreshUploads uploads = fresh_uploads(session);
  FTPSFS_TRY(fetch_stat_lists(session, directories, take, wait));
  std::vector<ShownTimes> shown;
  for (std::size_t i = 0; i < listed.size(); ++i) {
    if (listed[i] && *listed[i]) {
      shown.push_back({&directories[i], &(*listed[i])->facts});
    }
  }
  FTPSFS_TRY(settle_times(session, shown, uploads, wait));
  const bool exact = !session.profile().mdtm;
  for (std::size_t i = 0; i < listed.size(); ++i) {
    if (listed[i]) {
      sink(i, *listed[i] ? Result<Listing>(to_listing(std::move(**listed[i]), {}, exact))
                         : Result<Listing>(listed[i]->error()));
    }
  }
  return {};
}

/// A transfer for each that is not sooner asked for name by name; what else must be asked of all
/// has gone ahead in one flight. One alone gains nothing by that, and may be large: its transfer
/// tells.
Result<void> fetch_one_by_one(session::Session& session, std::span<const RemotePath> directories,
                              const ListingSink& sink, const Wait& wait) {
  std::vector<std::optional<ReadListing>> listed(directories.size());
  std::vector<bool> is_told(directories.size());
  if (directories.size() > 1 && lists_by_stat(session) &&
      (asks_for_names(session.knowledge()) || lists_twice(session.profile()))) {
    const auto take = [&](std::size_t index, Result<ReadListing> read) {
      if (read) {
        listed[index] = *std::move(read);
      }
    };
    FTPSFS_TRY(fetch_stat_lists(session, directories, take, wait));
    const ListingSink tell = [&](std::size_t index, Result<Listing> listing) {
      is_told[index] = true;
      sink(index, std::move(listing));
    };
    FTPSFS_TRY(complete_by_asking(session, directories, listed, tell, wait));
  }
  for (std::size_t i = 0; i < directories.size(); ++i) {
    if (is_told[i]) {
      continue;
    }
    ListingAids aids;
    aids.listed = listed[i] ? &*listed[i] : nullptr;
    auto listing = fetch_children(session, directories[i], wait, aids);
    if (!listing && (is_link_failure(listing.error().code) || wait.stop.stop_requested() ||
                     listing.error().reply_code == FtpRemote::Core::kLoggedOut)) {
      return std::move(listing).error();
    }
    sink(i, std::move(listing));
  }
  return {};
}

/// One flight for all.
Result<void> fetch_times(session::Session& session, std::span<const RemotePath> directories,
                         std::span<Untimed> listings, const Wait& wait) {
  std::vector<std::optional<RemotePath>> paths;
  std::vector<Entry*> asked;
  for (Untimed& each : listings) {
    for (Entry& entry : each.listing.entries) {
      if (has_coarse_time(entry)) {
        paths.push_back(child_of(directories[each.index], entry.name));
        asked.push_back(&entry);
      }
    }
  }
  FTPSFS_TRY_ASSIGN(const auto times, fetch_exact_times(session, paths, wait));
  for (std::size_t i = 0; i < times.size(); ++i) {
    asked[i]->mtime = times[i] ? times[i] : asked[i]->mtime;
  }
  return {};
}

std::size_t count_coarse(const Listing& listing) {
  return static_cast<std::size_t>(
      std::count_if(listing.entries.begin(), listing.entries.end(), has_coarse_time));
}

/// Hands the listings on with the times of their files, or as they are where there are too many.
Result<void> fetch_all_times(session::Session& session, std::span<const RemotePath> directories,
                             std::vector<Untimed> listings, const ListingSink& sink,
                             const Wait& wait) {
  for (std::size_t first = 0; first < listings.size();) {
    std::size_t last = first;
    std::size_t files = 0;
    while (last < listings.size()) {
      const std::size_t more = count_coarse(listings[last].listing);
      if (last > first && files + more > kMostTimes) {
        break;
      }
      files += more;
      ++last;
    }
    const std::span<Untimed> part(listings.data() + first, last - first);
    Result<void> timed;
    if (files > 0 && files <= kMostTimes) {
      timed = fetch_times(session, directories, part, wait);
    }
    for (Untimed& each : part) {
      sink(each.index, std::move(each.listing));
    }
    FTPSFS_TRY(timed);
    first = last;
  }
  return {};
}

}  // namespace

Result<void> fetch_ahead(session::Session& session, std::span<const RemotePath> directories,
                         bool times, const ListingSink& sink, const Wait& wait) {
  const ftp::ServerProfile known = session.profile();
  std::vector<Untimed> untimed;
  const ListingSink keep = [&](std::size_t index, Result<Listing> listing) {
    if (listing && count_coarse(*listing) > 0) {
      untimed.push_back({index, *std::move(listing)});
    } else {
      sink(index, std::move(listing));
    }
  };
  const ListingSink& first = times && known.mdtm ? keep : sink;
  auto listed = !known.has_mlsd && lists_by_stat(session)
                    ? fetch_by_stat(session, directories, first, wait)
                    : fetch_one_by_one(session, directories, first, wait);
  if (!listed) {
    for (Untimed& each : untimed) {
      sink(each.index, std::move(each.listing));
    }
    return listed;
  }
  return fetch_all_times(session, directories, std::move(untimed), sink, wait);
}

}  // namespace ftpsfs::remote
