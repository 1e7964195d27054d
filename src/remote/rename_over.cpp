// SPDX-License-Identifier: MIT
#include "ftpsfs/remote/rename_over.hpp"

#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::remote {
namespace {

/// @param certain the old file is known to lie aside.
/// @return does it have its name again?
bool put_back(Remote& remote, const RemotePath& aside, const RemotePath& to, bool certain,
              Duration limit) {
  const auto back = remote.rename(aside, to, Wait::for_at_most(limit));
  if (back) {
    return true;
  }
  if (!certain && back.error().code == Errc::not_found &&
      remote.stat(to, Wait::for_at_most(limit))) {
    return true;  // it never left its place
  }
  log::error("{} could not be replaced, and may lie under {} now: {}", to.str(), aside.str(),
             back.error().text);
  return false;
}

}  // namespace

RenamedOver rename_over(Remote& remote, const RemotePath& from, const RemotePath& to,
                        const std::function<std::string()>& aside_name, const Wait& wait,
                        Duration own_limit) {
  // Always tried first: only this replaces without a moment in between, and whether a server does
  // it may differ from one directory to the next.
  auto renamed = remote.rename(from, to, wait);
  if (renamed || renamed.error().code != Errc::already_exists ||
      !remote.takes_any_name_beside(to)) {
    return {std::move(renamed), false};
  }
  const auto aside = to.parent().child(aside_name());
  if (!aside) {
    return {aside.error(), false};
  }
  // From here on to the end, whatever the program does.
  if (auto moved = remote.rename(to, *aside, Wait::for_at_most(own_limit)); !moved) {
    log::debug("{} cannot be moved aside: {}", to.str(), moved.error().text);
    const bool is_uncertain =
        is_link_failure(moved.error().code) || moved.error().code == Errc::cancelled;
    if (!is_uncertain) {
      return {std::move(renamed), false};
    }
    return {std::move(moved), !put_back(remote, *aside, to, false, own_limit)};
  }
  auto placed = remote.rename(from, to, Wait::for_at_most(own_limit));
  if (!placed) {
    return {std::move(placed), !put_back(remote, *aside, to, true, own_limit)};
  }
  const auto removed = remote.remove_file(*aside, Wait::for_at_most(own_limit));
  const bool stays = !removed && removed.error().code != Errc::not_found;
  if (stays) {
    log::warning("{} stays behind on the server: {}", aside->str(), removed.error().text);
  }
  return {{}, stays};
}

}  // namespace ftpsfs::remote
