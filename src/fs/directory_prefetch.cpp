// SPDX-License-Identifier: MIT
#include "directory_prefetch.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::fs {
namespace {

/// More come only when the guesser is far behind: the older ones do not matter any more.
constexpr std::size_t kMostVisits = 64;
/// Where directories share flights, and where each takes a transfer.
constexpr std::size_t kFlightWorkers = 3;
constexpr std::size_t kTransferWorkers = 7;
constexpr std::size_t kMostRemembered = 4096;

/// A program that asks for so many names of a directory, each soon after the last, mostly wants
/// more of them: rather one listing than a round trip for each. Where nobody knows how large the
/// directory is, a little more patience.
constexpr std::size_t kQuestionsOfSmall = 2;
constexpr std::size_t kQuestions = 4;
constexpr std::chrono::seconds kSoon(2);
/// More names than this cost more than the questions that they spare.
constexpr std::size_t kManyNames = 2000;
constexpr std::chrono::minutes kNotSoSoon(10);

Wait until_stopped(const std::stop_token& stop) {
  return Wait::for_at_most(std::chrono::hours(1), stop);
}

}  // namespace

/// The tree as memory knows it.
class DirectoryPrefetch::View final : public KnownTree {
 public:
  explicit View(Services& services) : services_(services) {}

  cache::NamespaceCache::Snapshot listing(Ino directory) override {
    return services_.cache.recall_listing(directory);
  }
  std::optional<Location> locate(Ino ino) override {
    auto location = services_.inodes.locate(ino);
    return location ? std::optional<Location>(*std::move(location)) : std::nullopt;
  }
  std::optional<Ino> child(Ino parent, std::string_view name) override {
    return services_.inodes.foresee(parent, name, remote::FileType::directory);
  }

 private:
  Services& services_;
};

DirectoryPrefetch::DirectoryPrefetch(Services& services, Tree& tree)
    : services_(services), tree_(tree) {
  if (services.settings.prefetch) {
    guesser_ = std::jthread([this](const std::stop_token& stop) { run_guesser(stop); });
  }
}

DirectoryPrefetch::Counters DirectoryPrefetch::counters() const {
  const MutexLock lock(mutex_);
  return counters_;
}

void DirectoryPrefetch::note_visit(Ino directory) {
  if (!guesser_.joinable() || last_visited_.exchange(directory) == directory) {
    return;
  }
  const MutexLock lock(mutex_);
  counters_.used += unused_.erase(directory);
  if (visits_.size() >= kMostVisits) {
    visits_.pop_front();
  }
  visits_.push_back(directory);
  visited_.notify_one();
}

void DirectoryPrefetch::note_question(Ino directory, std::string_view name) {
  if (!guesser_.joinable()) {
    return;
  }
  const std::size_t enough = tree_.hints(directory).is_small() ? kQuestionsOfSmall : kQuestions;
  const auto earlier = services_.cache.recall_listing(directory);
  if (earlier && earlier->size() > kManyNames) {
    return;
  }
  const SteadyTime now = services_.clock.now();
  const MutexLock lock(mutex_);
  if (questions_.size() > kMostRemembered) {
    questions_.clear();
  }
  Questions& questions = questions_[directory];
  const std::size_t hash = std::hash<std::string_view>()(name);
  std::vector<std::size_t>& names = questions.names;
  if (now - questions.last >= kSoon) {
    names.clear();
  }
  questions.last = now;
  if (names.size() < enough && std::find(names.begin(), names.end(), hash) == names.end()) {
    names.push_back(hash);
  }
  if (names.size() >= enough && now >= questions.not_before && may_ask(directory)) {
    names.clear();
    put_to_work({{directory}, Tree::AheadOf::questions}, kTransferWorkers);
  }
}

bool DirectoryPrefetch::may_ask(Ino directory) {
  const SteadyTime now = services_.clock.now();
  if (now - in_vain_since_ > services_.settings.dir_cache_timeout ||
      in_vain_.size() > kMostRemembered) {
    in_vain_.clear();
    in_vain_since_ = now;
  }
  return under_way_.count(directory) == 0 && in_vain_.count(directory) == 0;
}

/// @pre may_ask() each of its directories
void DirectoryPrefetch::put_to_work(const Batch& batch, std::size_t most_workers) {
  const auto job = [this, batch](const std::stop_token& stop) {
    try {
      list(batch, stop);
    } catch (const std::exception& e) {
      log::debug("listing ahead: {}", e.what());
    }
    const MutexLock lock(mutex_);
    for (const Ino directory : batch.directories) {
      under_way_.erase(directory);
    }
  };
  if (crew_.take(job, most_workers)) {  // else the program will come again
    under_way_.insert(batch.directories.begin(), batch.directories.end());
  }
}

void DirectoryPrefetch::run_guesser(const std::stop_token& stop) {
  View view(services_);
  WalkTracker walks(view);
  while (!stop.stop_requested()) {
    Ino directory = kNoIno;
    {
      const MutexLock lock(mutex_);
      if (!visited_.wait(mutex_, until_stopped(stop),
                         [this]() FTPSFS_NO_ANALYSIS { return !visits_.empty(); })) {
        continue;
      }
      directory = visits_.front();
      visits_.pop_front();
    }
    try {
      enqueue(walks.visit(directory, services_.clock.now()));
    } catch (const std::exception& e) {
      log::debug("no guess: {}", e.what());
    }
  }
}

/// Asks for those that are not known, unless there are few of them and the walk is far from them:
/// then more of them will share a flight.
void DirectoryPrefetch::enqueue(const std::vector<Ino>& ahead) {
  std::vector<Ino> unknown;
  std::size_t known_bytes = 0;
  for (const Ino each : ahead) {
    const auto listing = services_.cache.peek_listing(each);
    known_bytes += listing ? listing->bytes() : 0;
    unknown.push_back(listing ? kNoIno : each);
  }
  // What lies ahead must not push itself out of the cache.
  if (known_bytes > services_.settings.cache_bytes / 4) {
    return;
  }
  const remote::RemoteTraits traits = services_.remote.traits();
  const std::size_t at_once = traits.listings_at_once;
  const std::size_t most_workers = traits.listings_share_flight ? kFlightWorkers : kTransferWorkers;
  const MutexLock lock(mutex_);
  std::vector<Ino> missing;
  bool is_near = false;
  for (std::size_t i = 0; i < unknown.size(); ++i) {
    const Ino each = unknown[i];
    if (each != kNoIno && may_ask(each)) {
      missing.push_back(each);
      is_near = is_near || i < unknown.size() / 4;
    }
  }
  if (missing.empty() || (missing.size() < std::min(at_once, ahead.size() / 2) && !is_near)) {
    return;
  }
  // Spread over the connections: the nearest come soonest.
  const std::size_t share = (missing.size() + most_workers - 1) / most_workers;
  const std::size_t in_batch = std::min(at_once, share);
  for (std::size_t first = 0; first < missing.size(); first += in_batch) {
    const auto begin = missing.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end =
        begin + static_cast<std::ptrdiff_t>(std::min(in_batch, missing.size() - first));
    put_to_work({{begin, end}, Tree::AheadOf::walk}, most_workers);
  }
}

void DirectoryPrefetch::list(const Batch& batch, const std::stop_token& stop) {
  tree_.list_ahead(batch.directories, batch.ahead_of, services_.wait_ahead(stop),
                   [this, &batch](Ino directory, bool came) {
                     const MutexLock lock(mutex_);
                     if (!came) {
                       in_vain_.insert(directory);
                       if (batch.ahead_of == Tree::AheadOf::questions) {
                         questions_[directory].not_before = services_.clock.now() + kNotSoSoon;
                       }
                       return;
                     }
                     if (unused_.size() >= kMostRemembered) {
                       unused_.clear();
                     }
                     if (last_visited_ != directory) {
                       unused_.insert(directory);
                     }
                     ++counters_.listed;
                   });
}

}  // namespace ftpsfs::fs
