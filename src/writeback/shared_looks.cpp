// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/shared_looks.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

namespace ftpsfs::writeback {
namespace {

/// For as long a listing is believed, and four times as long as it took.
constexpr Duration kBelieved{1'000};
constexpr int kWorth = 4;

}  // namespace

bool shows(const std::optional<KnownName>& shown, const Base& base) {
  return shown && shown->kind == KnownName::Kind::file && base.kind == Base::Kind::version &&
         remote::may_be_same(remote::comparable(base.version), remote::comparable(shown->version));
}

SharedLooks::SharedLooks(remote::Remote& remote)
    : remote_(remote),
      case_(remote.traits().case_sensitive ? NameCase::sensitive : NameCase::folded) {}

std::vector<std::optional<KnownName>> SharedLooks::look(const remote::RemotePath& directory,
                                                        std::span<const remote::RemotePath> paths,
                                                        const Wait& wait) {
  std::vector<std::optional<KnownName>> found(paths.size());
  const MutexLock lock(mutex_);
  const SteadyTime now = SteadyClock::now();
  drop_old(now);
  std::shared_ptr<View>& place = views_[name_key(case_, directory)];
  if (!place) {
    place = std::make_shared<View>();
  }
  const std::shared_ptr<View> kept = place;
  View& view = *kept;
  const bool is_alone = paths.size() == 1 && now >= std::exchange(view.asked, now) + kBelieved;
  if (is_alone && now >= view.until && !view.is_under_way) {
    return found;
  }
  if (view.is_under_way) {
    if (!listed_.wait(mutex_, wait, [&view] { return !view.is_under_way; })) {
      return found;
    }
  } else if (now >= view.until) {
    list(directory, view, wait);
  }
  std::transform(paths.begin(), paths.end(), found.begin(),
                 [&](const remote::RemotePath& path) { return find(view, path); });
  return found;
}

/// What the server shows of a directory. Without the mutex.
SharedLooks::Shown SharedLooks::ask(const remote::RemotePath& directory, const Wait& wait) {
  Shown shown;
  const auto listing = remote_.list(directory, wait);
  if (!listing) {
    return shown;
  }
  for (const remote::Entry& entry : listing->entries) {
    if (const auto child = directory.child(entry.name)) {
      shown.names.insert_or_assign(name_key(case_, *child), KnownName::of(entry));
    }
  }
  shown.is_whole = listing->shows_all;
  return shown;
}

/// An exception of the remote is the caller's; who waits for this listing asks for itself.
void SharedLooks::list(const remote::RemotePath& directory, View& view, const Wait& wait) {
  view.is_under_way = true;
  view.changed.clear();
  view.is_void = false;
  mutex_.unlock();
  const SteadyTime begun = SteadyClock::now();
  Shown shown;
  std::exception_ptr failure;
  try {
    shown = ask(directory, wait);
  } catch (...) {
    failure = std::current_exception();
  }
  const SteadyTime ended = SteadyClock::now();
  mutex_.lock();
  view.is_under_way = false;
  view.shown = view.is_void ? Shown{} : std::move(shown);
  // One that failed is not tried again at once.
  view.until = begun + std::max<SteadyClock::duration>(kBelieved, kWorth * (ended - begun));
  listed_.notify_all();
  if (failure) {
    std::rethrow_exception(failure);
  }
}

std::optional<KnownName> SharedLooks::find(const View& view, const remote::RemotePath& path) const {
  const std::string key = name_key(case_, path);
  if (view.changed.contains(key)) {
    return std::nullopt;
  }
  if (const auto shown = view.shown.names.find(key); shown != view.shown.names.end()) {
    return shown->second;
  }
  // Where letters do not tell names apart, the server may take another for it.
  return view.shown.is_whole && case_ == NameCase::sensitive ? std::optional(KnownName{})
                                                             : std::nullopt;
}

void SharedLooks::note_change(const remote::RemotePath& path) {
  const MutexLock lock(mutex_);
  if (const auto view = views_.find(name_key(case_, path.parent())); view != views_.end()) {
    view->second->changed.insert(name_key(case_, path));
  }
  const std::string key = name_key(case_, path);
  if (const auto view = views_.find(key); view != views_.end()) {
    forget(*view->second);
  }
  const std::string below = key + '/';
  for (auto view = views_.lower_bound(below);
       view != views_.end() && view->first.starts_with(below); ++view) {
    forget(*view->second);
  }
}

void SharedLooks::forget_all() {
  const MutexLock lock(mutex_);
  for (auto& [key, view] : views_) {
    forget(*view);
  }
}

void SharedLooks::forget(View& view) {
  view.is_void = true;
  view.until = {};
  view.shown = {};
}

/// A large directory takes much memory.
void SharedLooks::drop_old(SteadyTime now) {
  std::erase_if(views_, [now](const auto& each) {
    const View& view = *each.second;
    return !view.is_under_way && now >= view.until && now >= view.asked + kBelieved;
  });
}

}  // namespace ftpsfs::writeback
