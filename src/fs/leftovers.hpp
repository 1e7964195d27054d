// SPDX-License-Identifier: MIT
//
// What mounts that died have left on the server: files moved aside are put back when nothing has
// their name, and deleted when something has; uploads that never got their name and removed files
// are deleted. What decides is what the server has when nothing is owed for the name, not what was
// only accepted. Only behind mounts of which it is certain that they are dead
// (Settings::dead_mounts); everything else under a hidden name may be in use, here or on another
// machine, and is left alone.
//
// Leftovers are seen in the listings that programs ask for; one thread deals with them, each once.
// Thread-safe.
#pragma once

#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "crew.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "services.hpp"

namespace ftpsfs::fs {

class Leftovers {
 public:
  /// `services` must outlive it.
  explicit Leftovers(Services& services);

  /// Hidden names were seen in a directory. Does not wait.
  void note(Ino directory, const std::vector<std::string>& names);

 private:
  struct Leftover {
    std::string name;
    HiddenName meaning;
  };
  void clear(Ino directory, const std::vector<Leftover>& leftovers, const std::stop_token& stop);
  Result<void> clear_one(Ino ino, const remote::RemotePath& directory, const Leftover& leftover,
                         const Wait& wait);
  /// @return true: it has its name again; false: another file has, and it is gone.
  Result<bool> put_back(const remote::RemotePath& directory, const Leftover& leftover,
                        const Wait& wait);

  Services& services_;
  const std::unordered_set<std::uint64_t> dead_;

  Mutex mutex_;
  std::set<std::pair<Ino, std::string>> seen_ FTPSFS_GUARDED_BY(mutex_);
  Crew crew_;  // last: its end waits for what is at work
};

}  // namespace ftpsfs::fs
