// SPDX-License-Identifier: MIT
#include "file_prefetch.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::fs {
namespace {

constexpr std::size_t kMostWorkers = 16;
constexpr std::size_t kMostQueued = 2 * RowTracker::kLargestWindow;
/// So many that do not come one after the other are no accident.
constexpr unsigned kInVain = 8;
constexpr std::chrono::minutes kLeftAlone(10);
/// Rows in larger directories cost more to keep in order than they are worth.
constexpr std::size_t kMostNames = 20'000;

std::vector<RowFile> files_of(const cache::NamespaceCache::Snapshot& listing) {
  std::vector<RowFile> files;
  for (std::size_t i = 0; listing && listing->size() <= kMostNames && i < listing->size(); ++i) {
    const remote::Entry& entry = listing->at(i).entry;
    if (entry.type == remote::FileType::regular) {
      files.push_back({entry.name, entry.size.value_or(0)});
    }
  }
  return files;
}

}  // namespace

void FilePrefetch::note_open(Ino directory, std::string_view name, Ino file) {
  if (!services_.settings.prefetch) {
    return;
  }
  services_.files_ahead.want(file);
  const auto files = [&] { return files_of(services_.cache.recall_listing(directory)); };
  std::size_t waiting = 0;
  {
    const MutexLock lock(mutex_);
    if (services_.clock.now() < not_before_) {
      return;
    }
    for (const RowFile* next : rows_.visit(directory, name, files, services_.clock.now())) {
      plan(directory, *next);
    }
    for (; queue_.size() > kMostQueued; queue_.pop_front()) {
      queue_.front().ahead->withdraw();  // the older guess
    }
    waiting = queue_.size();
  }
  for (; waiting > 0; --waiting) {
    if (!crew_.take([this](const std::stop_token& stop) { work(stop); }, most_workers())) {
      break;
    }
  }
}

std::size_t FilePrefetch::most_workers() const {
  return std::min<std::size_t>(services_.settings.connections, kMostWorkers);
}

void FilePrefetch::plan(Ino directory, const RowFile& next) {
  if (next.size == 0 || next.size > kLargest) {
    return;
  }
  const auto file = services_.inodes.foresee(directory, next.name, remote::FileType::regular);
  if (!file || (services_.clock.now() >= doubted_until_.load() && has_pages_(*file, next.size))) {
    return;
  }
  if (auto ahead = services_.files_ahead.plan(*file, next.size)) {
    queue_.push_back({directory, next.name, *file, std::move(ahead)});
  }
}

bool FilePrefetch::await_news(Ino file, const Wait& wait) {
  const auto ahead = services_.files_ahead.find(file);
  if (!ahead || ahead->withdraw()) {
    return false;
  }
  const auto content = ahead->await(wait.no_longer_than(Services::kAheadPatience));
  return content && *content;
}

bool FilePrefetch::bring_news(Ino directory, std::string_view name, Ino file, std::uint64_t size,
                              const Wait& wait) {
  if (!services_.settings.prefetch || size == 0 || size > kLargest || has_pages_(file, size)) {
    return false;
  }
  {
    const MutexLock lock(mutex_);
    if (services_.clock.now() < not_before_) {
      return false;
    }
  }
  const Wanted wanted{directory, std::string(name), file, services_.files_ahead.plan(file, size)};
  if (!wanted.ahead || !wanted.ahead->begin()) {
    return false;
  }
  wanted.ahead->want();
  const auto fetch = [this, wanted](const std::stop_token& stop) {
    bool is_left = true;
    fetch_one([&] { return std::exchange(is_left, false) ? std::optional(wanted) : std::nullopt; },
              stop);
    wanted.ahead->settle(nullptr, services_.clock.now());  // there may have been no connection
  };
  // The server's verdict comes a round trip behind the content: somebody else may await that.
  if (!crew_.take_at_once(fetch, most_workers())) {
    fetch(wait.stop);
  }
  const auto content = wanted.ahead->await(wait.no_longer_than(Services::kAheadPatience));
  return content && *content;
}

std::optional<FilePrefetch::Wanted> FilePrefetch::take_next() {
  const MutexLock lock(mutex_);
  while (!queue_.empty()) {
    Wanted wanted = std::move(queue_.front());
    queue_.pop_front();
    if (wanted.ahead->begin()) {
      return wanted;
    }
  }
  return std::nullopt;
}

void FilePrefetch::work(const std::stop_token& stop) {
  const TakeWanted next = [this] { return take_next(); };
  while (!stop.stop_requested() && fetch_one(next, stop)) {
  }
}

/// @return false: nothing to do, or no connection to do it with.
bool FilePrefetch::fetch_one(const TakeWanted& take, const std::stop_token& stop) {
  std::optional<Wanted> wanted;
  /// Whatever happens, nobody waits for it any longer than for this.
  const std::shared_ptr<void> end(nullptr, [this, &wanted](void*) {
    if (wanted) {
      wanted->ahead->settle(nullptr, services_.clock.now());
    }
  });
  cache::NamespaceCache::Ticket ticket;
  const std::uint64_t renames = services_.renames;
  const auto choose = [&]() -> std::optional<remote::RemotePath> {
    while ((wanted = take())) {
      ticket = services_.cache.begin_fetch(wanted->directory);
      auto path = services_.inodes.path(wanted->file, services_.settings.root);
      if (path) {
        return *std::move(path);
      }
      wanted->ahead->settle(nullptr, services_.clock.now());
    }
    return std::nullopt;
  };
  bool is_kept = false;
  const auto on_bytes = [&](const remote::WholeFile& whole) {
    if (services_.renames == renames) {
      keep(*wanted, ticket, whole);
      is_kept = true;
    }
  };
  const auto read = services_.remote.read_ahead(
      {choose, kLargest, services_.files_ahead.has_wanted(), on_bytes}, services_.wait_ahead(stop));
  if (!wanted) {
    return false;
  }
  const bool came = read && *read;
  if (is_kept && !came) {
    services_.files_ahead.drop(wanted->file);
  }
  note_outcome(came);
  return true;
}

/// Where files never come this way (their sizes are not told, or wrong), each would be read twice.
void FilePrefetch::note_outcome(bool came) {
  const MutexLock lock(mutex_);
  in_vain_ = came ? 0 : in_vain_ + 1;
  if (in_vain_ >= kInVain) {
    in_vain_ = 0;
    not_before_ = services_.clock.now() + kLeftAlone;
    log::info("small files cannot be read ahead here: none is for {} minutes", kLeftAlone.count());
  }
}

/// What is known of the name comes before the content, which spares the question. Where it was
/// another file the opening asks: size and time alone do not tell which one.
void FilePrefetch::keep(const Wanted& wanted, const cache::NamespaceCache::Ticket& ticket,
                        const remote::WholeFile& whole) {
  auto known = services_.cache.find(wanted.directory, wanted.name);
  if (known && known->entry && known->entry->type == remote::FileType::regular &&
      remote::may_be_same(remote::comparable(remote::version_of(*known->entry)), whole.version)) {
    remote::Entry entry = *std::move(known->entry);
    const bool told_coarsely = !services_.settings.exact_times && has_coarse_time(entry);
    if (whole.version.mtime && !told_coarsely) {
      entry.mtime = whole.version.mtime;
    }
    services_.cache.store_entry(ticket, std::move(entry));
  }
  services_.files_ahead.count_read();
  const std::span<const std::byte> bytes(whole.bytes.get(),
                                         static_cast<std::size_t>(whole.version.size.value_or(0)));
  auto content = std::make_shared<const FetchedFile>(
      FetchedFile{whole.version, std::nullopt, {{whole.bytes, bytes}}, nullptr});
  wanted.ahead->settle(std::move(content), services_.clock.now());
}

}  // namespace ftpsfs::fs
