// SPDX-License-Identifier: MIT
#include "ftp_target_listings.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

namespace ftpsfs::remote {
namespace {

/// Of what others change meanwhile, a link shows the old mode so long.
constexpr std::chrono::seconds kBelievedFor(5);
constexpr std::size_t kMostListings = 8;
constexpr std::size_t kMostKeptEntries = 50'000;

}  // namespace

std::shared_ptr<const Listing> TargetListings::find(const RemotePath& directory) const {
  const SteadyTime now = clock_.now();
  const MutexLock lock(mutex_);
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&directory, now](const Kept& each) {
    return each.directory == directory && now < each.until;
  });
  return found != kept_.end() ? found->listing : nullptr;
}

std::uint64_t TargetListings::changes() const {
  const MutexLock lock(mutex_);
  return changes_;
}

void TargetListings::keep(const RemotePath& directory, std::shared_ptr<const Listing> listing,
                          std::uint64_t since) {
  const SteadyTime now = clock_.now();
  const MutexLock lock(mutex_);
  if (since != changes_) {
    return;
  }
  std::erase_if(kept_, [&directory, now](const Kept& each) {
    return each.directory == directory || each.until <= now;
  });
  kept_.push_back({directory, std::move(listing), now + kBelievedFor});
  std::size_t entries = 0;
  for (const Kept& each : kept_) {
    entries += each.listing->entries.size();
  }
  while (!kept_.empty() && (kept_.size() > kMostListings || entries > kMostKeptEntries)) {
    entries -= kept_.front().listing->entries.size();
    kept_.erase(kept_.begin());
  }
}

void TargetListings::note_change() {
  const MutexLock lock(mutex_);
  ++changes_;
  kept_.clear();
}

}  // namespace ftpsfs::remote
