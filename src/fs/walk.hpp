// SPDX-License-Identifier: MIT
//
// Guesses which directories a program will come to next. A walk (find, ls -R, du, tar, rsync, git
// status) visits directories in an order that the listings seen so far foretell: each directory
// before those in it, the children in the listing's order or sorted by name, or one level alone.
// After two right guesses it is a walk, and the guess grows longer as long as it is right.
//
// Pure: knows no cache, no server and no thread. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string_view>
#include <vector>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/cache/namespace_cache.hpp"
#include "ftpsfs/fs/inode_table.hpp"

namespace ftpsfs::fs {

/// What is known of the tree, in memory.
class KnownTree {
 public:
  virtual ~KnownTree() = default;
  /// Null: not known.
  virtual cache::NamespaceCache::Snapshot listing(Ino directory) = 0;
  virtual std::optional<Location> locate(Ino ino) = 0;
  /// The number of a directory that a listing shows; nullopt: it is none any more.
  virtual std::optional<Ino> child(Ino parent, std::string_view name) = 0;
};

/// An order of visiting directories.
struct Route {
  bool sorted = false;  ///< children by name; else in the listing's order
  bool deep = true;     ///< into each child before the next; else one level alone

  friend bool operator==(const Route&, const Route&) = default;
};

/// The directories behind `last` on a route, as far as listings are known.
/// @param most how many at most.
std::vector<Ino> directories_ahead(KnownTree& tree, Ino last, Route route, std::size_t most);

class WalkTracker {
 public:
  explicit WalkTracker(KnownTree& tree) : tree_(tree) {}

  static constexpr std::size_t kFirstWindow = 8;
  static constexpr std::size_t kLargestWindow = 128;

  /// A program has come to this directory, whose listing is known.
  /// @return where the walk that it is on leads next, nearest first; none when it is on none.
  std::vector<Ino> visit(Ino directory, SteadyTime now);

 private:
  struct Walk {
    Ino last = kNoIno;
    Route route;
    unsigned right = 0;  ///< guesses in a row
    std::size_t window = kFirstWindow;
    SteadyTime seen_at;
  };

  bool follow(Walk& walk, Ino directory);

  KnownTree& tree_;
  std::list<Walk> walks_;  ///< the one seen last first
};

}  // namespace ftpsfs::fs
