// SPDX-License-Identifier: MIT
#include "walk.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace ftpsfs::fs {
namespace {

/// Several programs may walk at a time.
constexpr std::size_t kMostWalks = 4;
/// A walker that has not been seen for so long has ended, or waits for something else.
constexpr std::chrono::seconds kWalkEnds(10);
/// Guesses that must have been right before anything is asked ahead; one where it leads to many.
constexpr unsigned kBelief = 2;
constexpr std::size_t kMany = 4;
/// Bounds the work of one guess, in directories of many files.
constexpr std::size_t kMostEntries = 20'000;
constexpr int kDeepest = 64;

constexpr std::array<Route, 4> kRoutes{Route{false, true}, Route{true, true}, Route{false, false},
                                       Route{true, false}};

bool is_directory(const cache::CachedEntry& entry) {
  return entry.entry.type == remote::FileType::directory;
}

class Guess {
 public:
  Guess(KnownTree& tree, Route route, std::size_t most) : tree_(tree), route_(route), most_(most) {}

  std::vector<Ino> from(Ino last) {
    if (route_.deep) {
      descend(last, 0);
    }
    for (Ino at = last; !is_full() && at != kRootIno;) {
      const auto location = tree_.locate(at);
      if (!location) {
        break;
      }
      pass(location->parent, location->name, 0);
      if (!route_.deep) {
        break;
      }
      at = location->parent;
    }
    return std::move(found_);
  }

 private:
  bool is_full() const { return found_.size() >= most_ || looked_at_ >= kMostEntries; }

  void descend(Ino directory, int depth) {
    if (depth < kDeepest && !is_full()) {
      pass(directory, {}, depth);
    }
  }

  /// The children behind the one of this name; all of them when it is empty.
  void pass(Ino directory, std::string_view behind, int depth) {
    const auto listing = tree_.listing(directory);
    if (!listing) {
      return;
    }
    if (route_.sorted) {
      pass_sorted(directory, *listing, behind, depth);
    } else {
      pass_listed(directory, *listing, behind, depth);
    }
  }

  void pass_listed(Ino directory, const cache::DirectorySnapshot& listing, std::string_view behind,
                   int depth) {
    std::size_t i = 0;
    if (!behind.empty()) {
      const cache::CachedEntry* const known = listing.find(behind);
      if (known == nullptr) {
        return;
      }
      i = listing.index_of(*known) + 1;
    }
    for (; i < listing.size() && !is_full(); ++i) {
      ++looked_at_;
      if (is_directory(listing.at(i))) {
        add(directory, listing.at(i).name(), depth);
      }
    }
  }

  void pass_sorted(Ino directory, const cache::DirectorySnapshot& listing, std::string_view behind,
                   int depth) {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < listing.size() && !is_full(); ++i) {
      ++looked_at_;
      if (is_directory(listing.at(i)) && listing.at(i).name() > behind) {
        names.push_back(listing.at(i).name());
      }
    }
    const std::size_t wanted = std::min(names.size(), most_ - found_.size());
    std::partial_sort(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(wanted),
                      names.end());
    for (std::size_t i = 0; i < wanted && found_.size() < most_; ++i) {
      add(directory, names[i], depth);
    }
  }

  void add(Ino parent, std::string_view name, int depth) {
    if (const auto directory = tree_.child(parent, name)) {
      found_.push_back(*directory);
      if (route_.deep) {
        descend(*directory, depth + 1);
      }
    }
  }

  KnownTree& tree_;
  const Route route_;
  const std::size_t most_;
  std::vector<Ino> found_;
  std::size_t looked_at_ = 0;
};

}  // namespace

std::vector<Ino> directories_ahead(KnownTree& tree, Ino last, Route route, std::size_t most) {
  return Guess(tree, route, most).from(last);
}

/// Has this walk come to the directory? Then it goes on from there.
bool WalkTracker::follow(Walk& walk, Ino directory) {
  const auto is_next = [&](Route route) {
    const auto next = directories_ahead(tree_, walk.last, route, 1);
    return !next.empty() && next.front() == directory;
  };
  if (is_next(walk.route)) {
    walk.last = directory;
    walk.window = ++walk.right > kBelief ? std::min(2 * walk.window, kLargestWindow) : walk.window;
    return true;
  }
  for (const Route& route : kRoutes) {
    if (!(route == walk.route) && is_next(route)) {
      walk.last = directory;
      walk.route = route;
      walk.right = std::max(walk.right, 1U);
      return true;
    }
  }
  // Some were left out: it leads on, but less far may be foretold.
  if (walk.right >= kBelief) {
    const auto ahead = directories_ahead(tree_, walk.last, walk.route, walk.window);
    if (std::find(ahead.begin(), ahead.end(), directory) != ahead.end()) {
      walk.last = directory;
      walk.window = std::max(walk.window / 2, kFirstWindow);
      return true;
    }
  }
  return false;
}

std::vector<Ino> WalkTracker::visit(Ino directory, SteadyTime now) {
  walks_.remove_if([now](const Walk& walk) { return now - walk.seen_at > kWalkEnds; });
  for (auto walk = walks_.begin(); walk != walks_.end(); ++walk) {
    if (walk->last == directory) {
      walk->seen_at = now;
      return {};
    }
  }
  for (auto walk = walks_.begin(); walk != walks_.end(); ++walk) {
    if (follow(*walk, directory)) {
      walk->seen_at = now;
      walks_.splice(walks_.begin(), walks_, walk);
      auto ahead = directories_ahead(tree_, walk->last, walk->route, walk->window);
      const bool is_believed = walk->right >= kBelief || (walk->right > 0 && ahead.size() >= kMany);
      return is_believed ? std::move(ahead) : std::vector<Ino>();
    }
  }
  if (walks_.size() >= kMostWalks) {
    walks_.pop_back();
  }
  walks_.push_front(Walk{directory, {}, 0, kFirstWindow, now});
  return {};
}

}  // namespace ftpsfs::fs
