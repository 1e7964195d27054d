// SPDX-License-Identifier: MIT
#include "leftovers.hpp"

#include <algorithm>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/pause.hpp"

namespace ftpsfs::fs {
namespace {

/// Directories that may wait for their turn; the next listing shows the others again.
constexpr std::size_t kMostWaiting = 1;
/// A file that does not change for so many pauses is nobody's upload under way.
constexpr int kPausesUntilSettled = 20;

}  // namespace

Leftovers::Leftovers(Services& services)
    : services_(services),
      dead_(services.settings.dead_mounts.begin(), services.settings.dead_mounts.end()) {}

void Leftovers::note(Ino directory, const std::vector<std::string>& names) {
  if (dead_.empty() || services_.settings.read_only) {
    return;
  }
  std::vector<Leftover> found;
  {
    const MutexLock lock(mutex_);
    for (const std::string& name : names) {
      auto meaning = HiddenNames::parse(name);
      if (meaning && meaning->mount && dead_.contains(*meaning->mount) &&
          seen_.emplace(directory, name).second) {
        found.push_back({name, *std::move(meaning)});
      }
    }
  }
  if (found.empty()) {
    return;
  }
  // What was moved aside first: the rest can wait.
  std::stable_partition(found.begin(), found.end(), [](const Leftover& leftover) {
    return leftover.meaning.kind == HiddenName::Kind::aside;
  });
  const auto work = [this, directory, found](const std::stop_token& stop) {
    clear(directory, found, stop);
  };
  if (!crew_.take(work, kMostWaiting)) {
    const MutexLock lock(mutex_);
    for (const Leftover& leftover : found) {
      seen_.erase({directory, leftover.name});
    }
  }
}

void Leftovers::clear(Ino directory, const std::vector<Leftover>& leftovers,
                      const std::stop_token& stop) {
  const auto path = services_.inodes.path(directory, services_.settings.root);
  if (!path) {
    return;
  }
  for (const Leftover& leftover : leftovers) {
    if (stop.stop_requested()) {
      return;
    }
    const Wait wait = Wait::for_at_most(services_.limits.stall_timeout, stop);
    if (auto cleared = clear_one(directory, *path, leftover, wait); !cleared) {
      log::warning("{} in {}, left by a mount that died, stays there: {}", leftover.name,
                   path->str(), cleared.error().text);
      // A refusal stays one; anything else may be over when the directory is listed again.
      if (is_link_failure(cleared.error().code) || cleared.error().code == Errc::busy) {
        const MutexLock lock(mutex_);
        seen_.erase({directory, leftover.name});
      }
    }
  }
  services_.cache.invalidate_directory(directory);
}

Result<void> Leftovers::clear_one(Ino ino, const remote::RemotePath& directory,
                                  const Leftover& leftover, const Wait& wait) {
  if (leftover.meaning.kind == HiddenName::Kind::aside) {
    FTPSFS_TRY_ASSIGN(const bool is_back, put_back(directory, leftover, wait));
    if (is_back) {
      // At once: who takes the name for free would write over it.
      services_.cache.invalidate_entry(ino, leftover.meaning.original);
      services_.kernel.invalidate_entry(ino, leftover.meaning.original);
    }
    return {};
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, directory.child(leftover.name));
  FTPSFS_TRY(services_.remote.remove_file(path, wait));
  log::info("{}, left by a mount that died, is removed", path.str());
  return {};
}

Result<bool> Leftovers::put_back(const remote::RemotePath& directory, const Leftover& leftover,
                                 const Wait& wait) {
  if (leftover.meaning.original.empty()) {
    return make_error(Errc::invalid_argument, "its former name was too long to be told");
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath aside, directory.child(leftover.name));
  FTPSFS_TRY_ASSIGN(const remote::RemotePath original, directory.child(leftover.meaning.original));
  const auto settled = services_.remote.settle(original, wait);
  if (!settled &&
      (is_link_failure(settled.error().code) || settled.error().code == Errc::cancelled)) {
    return settled.error();
  }
  const auto there = services_.remote.stat_settled(original, wait);
  if (there) {
    // What is there may be the beginning of what was refused.
    FTPSFS_TRY(settled);
    // The new one got its place, or somebody has made another since. What lies aside is the only
    // whole copy as long as that is on its way.
    pause_for(Wait::for_at_most(kPausesUntilSettled * services_.limits.settle_pause, wait.stop));
    FTPSFS_TRY_ASSIGN(const remote::Entry later, services_.remote.stat_settled(original, wait));
    if (later.size != there->size || later.mtime != there->mtime) {
      return make_error(Errc::busy, original.str() + " may be written just now");
    }
    if (later.size.value_or(0) == 0) {
      return make_error(Errc::already_exists, original.str() +
                                                  " is empty, or tells no size: remove the one "
                                                  "of the two that is not wanted");
    }
    FTPSFS_TRY(services_.remote.remove_file(aside, wait));
    log::info("{}, left by a mount that died, is removed: the new file has its place", aside.str());
    return false;
  }
  if (there.error().code != Errc::not_found) {
    return there.error();
  }
  FTPSFS_TRY(services_.remote.rename(aside, original, wait));
  log::warning("{} is back: a mount that died had moved it aside", original.str());
  return true;
}

}  // namespace ftpsfs::fs
