// SPDX-License-Identifier: MIT
#include "open_listing.hpp"

#include <utility>

namespace ftpsfs::fs {

void OpenListing::add(const std::vector<remote::Entry>& arrived) {
  const MutexLock lock(mutex_);
  for (const remote::Entry& entry : arrived) {
    if (names_.contains(entry.name)) {
      continue;
    }
    // All else of it is in the cache, as long as it may be believed.
    remote::Entry& shown = arrived_.emplace_back();
    shown.name = entry.name;
    shown.type = entry.type;
    shown.mode = entry.mode;
    names_.insert(shown.name);
  }
  changed_.notify_all();
}

void OpenListing::finish(Result<Snapshot> end) {
  const MutexLock lock(mutex_);
  if (end && !arrived_.empty()) {
    const cache::DirectorySnapshot& whole = **end;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const remote::Entry& entry = whole.at(i).entry;
      if (!names_.contains(entry.name)) {
        arrived_.push_back(entry);
        names_.insert(arrived_.back().name);
      }
    }
  }
  end_ = std::move(end);
  changed_.notify_all();
}

Result<OpenListing::Extent> OpenListing::await(std::size_t position, const Wait& wait) const {
  const MutexLock lock(mutex_);
  const bool came = changed_.wait(mutex_, wait, [this, position]() FTPSFS_NO_ANALYSIS {
    return end_ || arrived_.size() > position;
  });
  if (!came) {
    return wait.give_up("the rest of a listing");
  }
  if (end_ && !*end_ && arrived_.size() <= position) {
    return end_->error();
  }
  const bool is_whole = end_ && *end_;
  const bool came_whole = is_whole && arrived_.empty();
  return Extent{came_whole ? (**end_)->size() : arrived_.size(), is_whole};
}

void OpenListing::join() {
  const MutexLock lock(mutex_);
  ++readers_;
  unread_since_.reset();
}

void OpenListing::leave() {
  const MutexLock lock(mutex_);
  if (--readers_ == 0) {
    unread_since_ = SteadyClock::now();
  }
}

std::optional<SteadyTime> OpenListing::unread_since() const {
  const MutexLock lock(mutex_);
  return unread_since_;
}

bool OpenListing::tells_all() const {
  const MutexLock lock(mutex_);
  return arrived_.empty();
}

const remote::Entry& OpenListing::at(std::size_t position) const {
  const MutexLock lock(mutex_);
  return arrived_.empty() ? (**end_)->at(position).entry : arrived_[position];
}

bool OpenListing::contains(std::string_view name) const {
  const MutexLock lock(mutex_);
  if (!arrived_.empty()) {
    return names_.contains(name);
  }
  if (!end_ || !*end_) {
    return false;
  }
  const cache::DirectorySnapshot& whole = ***end_;
  return (case_sensitive_ ? whole.find(name) : whole.find_folded(name)) != nullptr;
}

}  // namespace ftpsfs::fs
