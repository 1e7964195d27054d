// SPDX-License-Identifier: MIT
//
// What the server shows of a directory, for all the deliveries of one moment: where many are owed
// in one directory, a listing takes fewer round trips than a question for each name.
//
// It only confirms what is expected: whoever finds something else asks for that name alone, as
// what a listing shows may be a moment old. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/writeback/known_names.hpp"

namespace ftpsfs::writeback {

/// Is what is shown the very file that a change was accepted for, as far as its version tells?
bool shows(const std::optional<KnownName>& shown, const Base& base);

class SharedLooks {
 public:
  /// `remote` must outlive it.
  explicit SharedLooks(remote::Remote& remote);

  /// @param paths names in `directory`. The first that asks for a single one within a moment is
  /// sent away: a question for that one is cheaper.
  /// @return one for each; nullopt: that name has to be asked for alone.
  std::vector<std::optional<KnownName>> look(const remote::RemotePath& directory,
                                             std::span<const remote::RemotePath> paths,
                                             const Wait& wait);

  /// A change of our own was made, or may have been: what was shown of the name, or will be by a
  /// listing that is under way, says nothing any more. Nor does what was shown below it: the name
  /// may be that of another directory now.
  void note_change(const remote::RemotePath& path);
  /// The same for all names.
  void forget_all();

 private:
  struct Shown {
    std::unordered_map<std::string, KnownName> names;  ///< by their key
    bool is_whole = false;                             ///< a name that is not here is absent
  };
  struct View {
    Shown shown;
    std::set<std::string> changed;  ///< since the listing was asked for
    bool is_under_way = false;
    bool is_void = false;  ///< what is under way is of no use
    SteadyTime asked{};    ///< by anybody, of late
    SteadyTime until{};    ///< it may be believed
  };

  Shown ask(const remote::RemotePath& directory, const Wait& wait);
  void list(const remote::RemotePath& directory, View& view, const Wait& wait)
      FTPSFS_REQUIRES(mutex_);
  std::optional<KnownName> find(const View& view, const remote::RemotePath& path) const;
  static void forget(View& view);
  void drop_old(SteadyTime now) FTPSFS_REQUIRES(mutex_);

  remote::Remote& remote_;
  const NameCase case_;
  Mutex mutex_;
  ConditionVariable listed_;
  std::map<std::string, std::shared_ptr<View>> views_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::writeback
