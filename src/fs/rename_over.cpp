// SPDX-License-Identifier: MIT
#include "rename_over.hpp"

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::fs {
namespace {

/// @param certain the old file is known to lie aside.
void put_back(Services& services, const remote::RemotePath& aside, const remote::RemotePath& to,
              bool certain) {
  const auto back = services.remote.rename(aside, to, services.own_wait());
  if (back) {
    return;
  }
  if (!certain && back.error().code == Errc::not_found &&
      services.remote.stat(to, services.own_wait())) {
    return;  // it never left its place
  }
  ++services.left_behind;
  log::error("{} could not be replaced, and may lie under {} now: {}", to.str(), aside.str(),
             back.error().text);
}

}  // namespace

Result<void> rename_over(Services& services, const remote::RemotePath& from,
                         const remote::RemotePath& to, const Wait& wait) {
  // Always tried first: only this replaces without a moment in between, and whether a server does
  // it may differ from one directory to the next.
  auto renamed = services.remote.rename(from, to, wait);
  if (renamed || renamed.error().code != Errc::already_exists ||
      !services.remote.takes_any_name_beside(to)) {
    return renamed;
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath aside,
                    to.parent().child(services.hidden_names.aside(to.name())));
  // From here on to the end, whatever the program does.
  if (auto moved = services.remote.rename(to, aside, services.own_wait()); !moved) {
    log::debug("{} cannot be moved aside: {}", to.str(), moved.error().text);
    if (is_link_failure(moved.error().code) || moved.error().code == Errc::cancelled) {
      put_back(services, aside, to, false);
    }
    return renamed;
  }
  auto placed = services.remote.rename(from, to, services.own_wait());
  if (!placed) {
    put_back(services, aside, to, true);
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
