// SPDX-License-Identifier: MIT
//
// One directory as it is known: names in a fixed order, found by name. Shared as
// shared_ptr<const DirectorySnapshot> it never changes: the cache clones it before it changes one
// that somebody holds.
//
// Thread-safety: that of a value; const members from any thread.
#pragma once

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/key_extractors.hpp>
#include <boost/multi_index/random_access_index.hpp>
#include <boost/multi_index_container.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/entry.hpp"
#include "ftpsfs/remote/folded_name.hpp"

namespace ftpsfs::cache {

struct CachedEntry {
  remote::Entry entry;
  SteadyTime fresh_until;
  SteadyTime fetched_at;  ///< no later than the moment at which the server said so

  const std::string& name() const { return entry.name; }
};

class DirectorySnapshot {
 public:
  std::size_t size() const { return entries_.size(); }
  /// @pre i < size()
  const CachedEntry& at(std::size_t i) const { return entries_[i]; }
  const CachedEntry* find(std::string_view name) const;
  /// The same, deaf to the case of ASCII letters.
  const CachedEntry* find_folded(std::string_view name) const;

  /// Where it stands in the order. @pre `entry` is in this snapshot.
  std::size_t index_of(const CachedEntry& entry) const;

  /// Is a name that is not in it certain not to be there?
  bool shows_all() const { return shows_all_; }
  void set_shows_all(bool shows_all) { shows_all_ = shows_all; }

  /// How many regular files have a time that is coarser than a second.
  std::size_t coarse_times() const { return coarse_times_; }
  /// An estimate of the memory held.
  std::size_t bytes() const { return bytes_; }

  /// Adds at the end, or takes the place of the entry with the same name. O(1).
  void put(CachedEntry entry);
  /// The last entry takes the place of the one erased: O(1), which matters to `rm -r`.
  bool erase(std::string_view name);
  /// @pre `entry` is in this snapshot.
  void set_time(const CachedEntry& entry, remote::FileTime time);

 private:
  struct ByOrder {};
  struct ByName {};
  using Entries = boost::multi_index_container<
      CachedEntry, boost::multi_index::indexed_by<
                       boost::multi_index::random_access<boost::multi_index::tag<ByOrder>>,
                       boost::multi_index::hashed_unique<
                           boost::multi_index::tag<ByName>,
                           boost::multi_index::const_mem_fun<CachedEntry, const std::string&,
                                                             &CachedEntry::name>,
                           remote::FoldedNameHash, remote::SameName>>>;

  void count(const CachedEntry& entry);
  void discount(const CachedEntry& entry);

  Entries entries_;
  std::size_t bytes_ = 0;
  std::size_t coarse_times_ = 0;
  bool shows_all_ = true;
};

}  // namespace ftpsfs::cache
