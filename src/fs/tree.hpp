// SPDX-License-Identifier: MIT
//
// Names and attributes: what memory knows (`find_…`) and what the server must be asked (`fetch_…`).
// Asks once for many who want the same, and never caches what a local change has overtaken.
// Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/cache/namespace_cache.hpp"
#include "ftpsfs/cache/single_flight.hpp"
#include "open_listing.hpp"
#include "services.hpp"
#include "times_demand.hpp"

namespace ftpsfs::fs {

class Tree {
 public:
  using Snapshot = std::shared_ptr<const cache::DirectorySnapshot>;

  /// What is known of a name. `entry` absent: the name does not exist.
  struct Known {
    std::optional<remote::Entry> entry;
    std::chrono::milliseconds valid_for{0};
    SteadyTime fetched_at;
  };

  explicit Tree(Services& services);

  /// Called with each name that the server is about to be asked for all by itself. Set before use.
  using Question = std::function<void(Ino parent, std::string_view name)>;
  void on_question(Question question) { on_question_ = std::move(question); }

  /// Called with the names in a whole listing that are ours, as far as there are any. Set before
  /// use.
  using HiddenSeen = std::function<void(Ino directory, const std::vector<std::string>& names)>;
  void on_hidden(HiddenSeen seen) { on_hidden_ = std::move(seen); }

  /// From memory; nullopt when the server must be asked, or when only a coarse time is known, or
  /// only a link that is to be followed.
  std::optional<Known> find(Ino parent, std::string_view name);
  /// @errors those of Remote::stat and Remote::list, but not_found is an answer (`entry` absent).
  Result<Known> fetch(Ino parent, const std::string& name, const Wait& wait);
  /// The server's word, however fresh memory is.
  Result<Known> fetch_anew(Ino parent, const std::string& name, const Wait& wait);

  TimesDemand& times_demand() noexcept { return times_demand_; }
  /// @param timed a name whose exact time is wanted as well, where that costs nothing more.
  Result<Snapshot> fetch_listing(Ino directory, const Wait& wait, std::string_view timed = {});

  /// A listing for readdir. One that is long is told as it arrives, where the server can: then
  /// `early` is called with it, by this thread, and the call goes on until the listing is whole,
  /// as long as parts of it come.
  using EarlyListing = std::function<void(const std::shared_ptr<OpenListing>&)>;
  Result<std::shared_ptr<OpenListing>> open_listing(Ino directory, const Wait& wait,
                                                    const EarlyListing& early);

  /// Of what a listing is fetched ahead: then only directories that are not large, or, of questions
  /// for single names, not known to be.
  enum class AheadOf : std::uint8_t { walk, questions };
  /// Fetches the listings of these directories into memory, as far as that disturbs nobody.
  /// @param note called with each: did it come? Not for those that were not asked for this time.
  void list_ahead(std::span<const Ino> directories, AheadOf ahead_of, const Wait& wait,
                  const std::function<void(Ino, bool)>& note);

  /// What the listing above tells of the directory.
  remote::ListingHints hints(Ino directory) const;
  Result<remote::RemotePath> path(Ino directory) const {
    return services_.inodes.path(directory, services_.settings.root);
  }

  /// Must be asked of the server: a coarse time of a file whose exact one MDTM can tell.
  bool needs_exact_time(const remote::Entry& entry) const;
  /// Must be asked of the server: a symbolic link that is shown as what it leads to.
  bool needs_following(const remote::Entry& entry) const;

  /// The root of the mount, which no listing shows: as old as the mount.
  remote::Entry root_entry() const;

 private:
  Result<Known> follow(Ino parent, const remote::Entry& link, const Wait& wait);
  Result<Known> stat_one(Ino parent, const std::string& name, const Wait& wait);
  Result<Known> stat_unlisted(Ino parent, const std::string& name, const Wait& wait);
  Result<Known> keep_answer(const cache::NamespaceCache::Ticket& ticket, const std::string& name,
                            Result<remote::Entry> entry);
  Result<Known> find_in_listing(Ino parent, const std::string& name, const Wait& wait);
  class Arriving;
  using Arrivals = std::function<std::optional<Wait>(const cache::NamespaceCache::Ticket& ticket,
                                                     std::vector<remote::Entry> arrived)>;
  Result<Snapshot> fetch_listing(Ino directory, const Wait& wait, std::string_view timed,
                                 const Arrivals& arrivals);

  Result<void> refine(Ino directory, const std::string& name, const Wait& wait);
  Result<void> refine_all(Ino directory, const Wait& wait);
  Snapshot keep_listing(const cache::NamespaceCache::Ticket& ticket, remote::Listing listing);

  Services& services_;
  const std::int64_t mounted_at_;  ///< Unix time
  cache::SingleFlight<cache::DirectoryVersion, Snapshot> listings_;
  cache::SingleFlight<Ino, bool> refinements_;
  TimesDemand times_demand_;
  Question on_question_;
  HiddenSeen on_hidden_;

  Mutex mutex_;
  /// Those that are asked for, for whoever opens the directory meanwhile.
  std::unordered_map<cache::DirectoryVersion, std::shared_ptr<OpenListing>> arriving_
      FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::fs
