// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/removals.hpp"

#include <cstddef>
#include <stop_token>
#include <string>
#include <utility>

namespace ftpsfs::writeback {
namespace {

using Outcomes = std::vector<std::optional<Result<Delivered>>>;
using Shown = std::vector<std::optional<KnownName>>;

bool is_coarse(const std::optional<KnownName>& shown) {
  return shown && shown->kind == KnownName::Kind::file && shown->version.mtime &&
         shown->version.mtime->grain != remote::TimeGrain::second;
}

/// What says nothing of one file's removal fails them all; else each is looked at for itself.
bool fails_all(const Error& error) {
  return is_link_failure(error.code) || error.code == Errc::cancelled;
}

/// Where the listing tells times in minutes or days, they are asked for, all in one flight.
Result<void> refine_times(remote::Remote& remote, const remote::RemotePath& directory,
                          std::span<const remote::RemotePath> paths, Shown& shown,
                          const Wait& wait) {
  std::vector<std::size_t> coarse;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (is_coarse(shown[i])) {
      coarse.push_back(i);
      names.emplace_back(paths[i].name());
    }
  }
  if (coarse.empty()) {
    return {};
  }
  FTPSFS_TRY_ASSIGN(const auto times, remote.exact_times(directory, names, wait));
  for (std::size_t i = 0; i < coarse.size() && i < times.size(); ++i) {
    if (times[i]) {
      shown[coarse[i]]->version.mtime = times[i];
    } else {
      shown[coarse[i]].reset();
    }
  }
  return {};
}

/// Nobody looks at it once more: size and time must both be told.
bool is_as_accepted(const std::optional<KnownName>& shown, const Base& base) {
  return shows(shown, base) && shown->version.size && shown->version.mtime;
}

}  // namespace

Outcomes remove_together(remote::Remote& remote, SharedLooks& looks,
                         std::span<const Queue::Started> removals, Duration timeout,
                         const std::stop_token& stop) {
  // Each step has a time of its own: a listing of a large directory takes long.
  const auto wait = [&] { return Wait::for_at_most(timeout, stop); };
  Outcomes outcomes(removals.size());
  if (removals.empty()) {
    return outcomes;
  }
  const remote::RemotePath directory = removals.front().intention.path.parent();
  std::vector<remote::RemotePath> paths;
  paths.reserve(removals.size());
  for (const Queue::Started& each : removals) {
    paths.push_back(each.intention.path);
  }
  Shown shown = looks.look(directory, paths, wait());
  const auto refined = refine_times(remote, directory, paths, shown, wait());
  if (!refined) {
    if (fails_all(refined.error())) {
      outcomes.assign(removals.size(), std::optional<Result<Delivered>>(refined.error()));
    }
    return outcomes;
  }
  std::vector<std::size_t> together;
  std::vector<remote::RemotePath> chosen;
  for (std::size_t i = 0; i < removals.size(); ++i) {
    if (is_as_accepted(shown[i], removals[i].intention.base)) {
      together.push_back(i);
      chosen.push_back(paths[i]);
    }
  }
  if (chosen.empty()) {
    return outcomes;
  }
  const auto removed = remote.remove_files(chosen, wait());
  for (std::size_t i = 0; i < together.size(); ++i) {
    if (!removed && fails_all(removed.error())) {
      outcomes[together[i]] = removed.error();
    } else if (removed && i < removed->size() && (*removed)[i]) {
      outcomes[together[i]] = Delivered{};
    }
  }
  return outcomes;
}

}  // namespace ftpsfs::writeback
