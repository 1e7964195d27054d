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

#include "ftpsfs/cache/namespace_cache.hpp"
#include "ftpsfs/cache/single_flight.hpp"
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

  /// From memory; nullopt when the server must be asked, or when only a coarse time is known.
  std::optional<Known> find(Ino parent, std::string_view name);
  /// @errors those of Remote::stat and Remote::list, but not_found is an answer (`entry` absent).
  Result<Known> fetch(Ino parent, const std::string& name, const Wait& wait);
  /// The server's word, however fresh memory is.
  Result<Known> fetch_anew(Ino parent, const std::string& name, const Wait& wait);

  Snapshot find_listing(Ino directory);
  TimesDemand& times_demand() noexcept { return times_demand_; }
  /// @param timed a name whose exact time is wanted as well, where that costs nothing more.
  Result<Snapshot> fetch_listing(Ino directory, const Wait& wait, std::string_view timed = {});

  /// Fetches the listings of these directories into memory, as far as that disturbs nobody.
  /// @param note called with each: did it come? Not for those that were not asked for this time.
  void list_ahead(std::span<const Ino> directories, const Wait& wait,
                  const std::function<void(Ino, bool)>& note);

  Result<remote::RemotePath> path(Ino directory) const {
    return services_.inodes.path(directory, services_.settings.root);
  }

  /// Must be asked of the server: a coarse time of a file whose exact one MDTM can tell.
  bool needs_exact_time(const remote::Entry& entry) const;

  /// The root of the mount, which no listing shows.
  static remote::Entry root_entry();

 private:
  Result<Known> stat_one(Ino parent, const std::string& name, const Wait& wait);
  Result<Known> stat_unlisted(Ino parent, const std::string& name, const Wait& wait);
  Result<Known> keep_answer(const cache::NamespaceCache::Ticket& ticket, const std::string& name,
                            Result<remote::Entry> entry);
  Result<Known> find_in_listing(Ino parent, const std::string& name, const Wait& wait);
  Result<void> refine(Ino directory, const std::string& name, const Wait& wait);
  Result<void> refine_all(Ino directory, const Wait& wait);
  remote::ListingHints hints(Ino directory) const;
  Snapshot keep_listing(const cache::NamespaceCache::Ticket& ticket, remote::Listing listing);

  Services& services_;
  cache::SingleFlight<cache::DirectoryVersion, Snapshot> listings_;
  cache::SingleFlight<Ino, bool> refinements_;
  TimesDemand times_demand_;
};

}  // namespace ftpsfs::fs
