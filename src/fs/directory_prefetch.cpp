// SPDX-License-Identifier: MIT
#include "directory_prefetch.hpp"

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::fs {
namespace {

/// More come only when the guesser is far behind: the older ones do not matter any more.
constexpr std::size_t kMostVisits = 64;
/// Where directories share flights, and where each takes a transfer.
constexpr std::size_t kFlightWorkers = 2;
constexpr std::size_t kTransferWorkers = 7;
constexpr std::size_t kMostRemembered = 4096;
/// Programs may come to wait for what is asked ahead: less than they would wait for their own.
constexpr std::chrono::seconds kPatience(5);

Wait until_stopped(const std::stop_token& stop) {
  return Wait::for_at_most(std::chrono::hours(1), stop);
}

}  // namespace

/// The tree as memory knows it.
class DirectoryPrefetch::View final : public KnownTree {
 public:
  explicit View(Services& services) : services_(services) {}

  cache::NamespaceCache::Snapshot listing(Ino directory) override {
    return services_.cache.peek_listing(directory);
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

DirectoryPrefetch::~DirectoryPrefetch() {
  guesser_ = {};  // it starts the workers
  std::vector<std::jthread> workers;
  {
    const MutexLock lock(mutex_);
    workers.swap(workers_);
  }
  for (std::jthread& worker : workers) {
    worker.request_stop();
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
  const SteadyTime now = services_.clock.now();
  const MutexLock lock(mutex_);
  if (now - in_vain_since_ > services_.settings.dir_cache_timeout ||
      in_vain_.size() > kMostRemembered) {
    in_vain_.clear();
    in_vain_since_ = now;
  }
  std::vector<Ino> missing;
  bool is_near = false;
  for (std::size_t i = 0; i < unknown.size(); ++i) {
    const Ino each = unknown[i];
    if (each != kNoIno && under_way_.count(each) == 0 && in_vain_.count(each) == 0) {
      missing.push_back(each);
      is_near = is_near || i < unknown.size() / 4;
    }
  }
  if (missing.empty() || (missing.size() < std::min(at_once, ahead.size() / 2) && !is_near)) {
    return;
  }
  // Those that take a transfer each are spread over the connections.
  const std::size_t share = (missing.size() + most_workers - 1) / most_workers;
  const std::size_t in_batch = traits.listings_share_flight ? at_once : std::min(at_once, share);
  for (std::size_t first = 0; first < missing.size(); first += in_batch) {
    if (batches_.size() >= most_workers) {
      break;  // the walk will ask again
    }
    const auto begin = missing.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end =
        begin + static_cast<std::ptrdiff_t>(std::min(in_batch, missing.size() - first));
    under_way_.insert(begin, end);
    batches_.emplace_back(begin, end);
    work_.notify_one();
  }
  while (batches_.size() > idle_workers_ && workers_.size() < most_workers) {
    try {
      workers_.emplace_back([this](const std::stop_token& stop) { run_worker(stop); });
      ++idle_workers_;
    } catch (const std::system_error& e) {
      log::debug("no thread to list ahead: {}", e.what());
      break;
    }
  }
}

void DirectoryPrefetch::run_worker(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Batch batch;
    {
      const MutexLock lock(mutex_);
      if (!work_.wait(mutex_, until_stopped(stop),
                      [this]() FTPSFS_NO_ANALYSIS { return !batches_.empty(); })) {
        continue;
      }
      --idle_workers_;
      batch = std::move(batches_.front());
      batches_.pop_front();
    }
    try {
      list(batch, stop);
    } catch (const std::exception& e) {
      log::debug("listing ahead: {}", e.what());
    }
    const MutexLock lock(mutex_);
    ++idle_workers_;
    for (const Ino directory : batch) {
      under_way_.erase(directory);
    }
  }
}

void DirectoryPrefetch::list(const Batch& batch, const std::stop_token& stop) {
  const Wait wait =
      Wait::for_at_most(services_.limits.stall_timeout, stop).no_longer_than(kPatience);
  tree_.list_ahead(batch, wait, [this](Ino directory, bool came) {
    const MutexLock lock(mutex_);
    if (!came) {
      in_vain_.insert(directory);
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
