// SPDX-License-Identifier: MIT
//
// What names were on the server when it was last asked: the bases of changes that are accepted
// without asking it. Learns from every answer that passes; bounded. Pure. Not thread-safe.
//
// An answer may be overtaken by a change of our own. So whoever asks takes a moment() first, and an
// answer teaches nothing about a directory in which a change has been noted since.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "ftpsfs/remote/entry.hpp"
#include "ftpsfs/remote/remote_path.hpp"
#include "ftpsfs/writeback/name_index.hpp"

namespace ftpsfs::writeback {

struct KnownName {
  enum class Kind : std::uint8_t { absent, file, directory, other };
  Kind kind = Kind::absent;
  remote::FileVersion version;        ///< of a file; without `unique`
  std::optional<std::uint16_t> mode;  ///< of a file

  static KnownName of(const remote::Entry& entry);
};

class KnownNames {
 public:
  /// @param most_names beyond that, directories are forgotten, those first that were of no use for
  /// the longest time.
  explicit KnownNames(NameCase name_case, std::size_t most_names = 200'000)
      : case_(name_case), most_names_(most_names) {}

  using Moment = std::uint64_t;
  Moment moment() const noexcept { return clock_; }

  void learn(const remote::RemotePath& path, const KnownName& name, Moment asked);
  void learn_listing(const remote::RemotePath& directory, const remote::Listing& listing,
                     Moment asked);
  /// Size and time of what is known to be a file, or is one for whoever asks.
  void learn_version(const remote::RemotePath& path, const remote::FileVersion& version,
                     Moment asked);
  /// The exact time of what is known to be a file.
  void learn_time(const remote::RemotePath& path, const remote::FileTime& time, Moment asked);

  // Changes of our own, when they have ended.
  void note(const remote::RemotePath& path, const KnownName& name);
  /// A directory that nobody had made before.
  void note_new_directory(const remote::RemotePath& path);
  /// A directory that has gone.
  void note_removed_directory(const remote::RemotePath& path);
  /// There may be names in it that nobody has seen.
  void note_others_in(const remote::RemotePath& directory);
  /// Nobody knows what the name is now.
  void forget(const remote::RemotePath& path);
  /// The same of it and of all that is below; no answer that is under way teaches anything.
  void forget_tree(const remote::RemotePath& path);

  /// @return nullopt: the server has to be asked.
  std::optional<KnownName> find(const remote::RemotePath& path);
  /// Are all names in it known, but for those that were forgotten? Then it is a directory, or leads
  /// to one.
  bool is_whole(const remote::RemotePath& directory);

  using Each = std::function<void(const std::string& key, const std::optional<KnownName>&)>;
  /// Calls `take` with the names right in this directory of which anything was learnt, each with
  /// what find() says of it.
  void for_each_in(const remote::RemotePath& directory, const Each& take);

 private:
  struct Directory {
    /// By their key; nullopt: not known.
    std::unordered_map<std::string, std::optional<KnownName>> names;
    bool is_whole = false;  ///< a name that is not here is absent
    Moment changed = 0;
    std::list<std::string>::iterator use;
  };

  /// Null when there is none. Counts as use.
  Directory* find_directory(const std::string& key);
  Directory& obtain_directory(const std::string& key);
  /// Nothing of what was known of its names holds.
  void clear(const remote::RemotePath& path, bool is_whole);
  /// Null: an answer to a question of that moment is of no use.
  Directory* teachable(const std::string& key, Moment asked);
  void set(Directory& directory, const std::string& key, std::optional<KnownName> name);
  void erase(std::map<std::string, Directory>::iterator place);
  void make_room();

  const NameCase case_;
  const std::size_t most_names_;
  Moment clock_ = 0;
  Moment floor_ = 0;  ///< of directories that are forgotten, changes are known up to here
  std::size_t names_ = 0;
  std::map<std::string, Directory> directories_;
  std::list<std::string> uses_;  ///< the last used first
};

}  // namespace ftpsfs::writeback
