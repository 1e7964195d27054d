// SPDX-License-Identifier: MIT
#include "rename_over.hpp"

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::fs {

Result<void> rename_over(Services& services, const remote::RemotePath& from,
                         const remote::RemotePath& to, const Wait& wait) {
  // Always tried first: only this replaces without a moment in between, and whether a server does
  // it may differ from one directory to the next.
  auto renamed = services.remote.rename(from, to, wait);
  if (renamed || renamed.error().code != Errc::already_exists) {
    return renamed;
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath aside,
                    to.parent().child(services.hidden_names.aside(to.name())));
  // From here on to the end, whatever the program does.
  if (auto moved = services.remote.rename(to, aside, services.own_wait()); !moved) {
    log::debug("{} cannot be moved aside: {}", to.str(), moved.error().text);
    return renamed;
  }
  auto placed = services.remote.rename(from, to, services.own_wait());
  if (!placed) {
    if (auto back = services.remote.rename(aside, to, services.own_wait()); !back) {
      ++services.left_behind;
      log::error("{} could not be replaced, and lies under {} now: {}", to.str(), aside.str(),
                 back.error().text);
    }
    return placed;
  }
  const auto removed = services.remote.remove_file(aside, services.own_wait());
  if (!removed && removed.error().code != Errc::not_found) {
    ++services.left_behind;
    log::warning("{} stays behind on the server: {}", aside.str(), removed.error().text);
  }
  return {};
}

}  // namespace ftpsfs::fs
