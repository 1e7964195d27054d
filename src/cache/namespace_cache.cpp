// SPDX-License-Identifier: MIT
#include "ftpsfs/cache/namespace_cache.hpp"

#include <string>
#include <utility>
#include <vector>

#include "directory_records.hpp"
#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::cache {
namespace {

/// Names found absent, remembered for one directory: a program that probes random names must not
/// fill the memory.
constexpr std::size_t kMostAbsent = 4096;

std::chrono::milliseconds left(SteadyTime until, SteadyTime now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(until - now);
}

/// A coarser time that may be the finer one known for the same content never replaces it.
void keep_finer_time(remote::Entry& fresh, const remote::Entry& known) {
  if (fresh.type == known.type && fresh.size == known.size && fresh.mtime && known.mtime &&
      fresh.mtime->grain > known.mtime->grain &&
      remote::may_be_same(remote::version_of(fresh), remote::version_of(known))) {
    fresh.mtime = known.mtime;
  }
}

/// As keep_finer_time() for a whole directory that is not shared yet.
void keep_finer_times(DirectorySnapshot& fresh, const DirectorySnapshot& known) {
  if (fresh.coarse_times() == 0 || known.size() == 0) {
    return;
  }
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const CachedEntry& entry = fresh.at(i);
    if (const CachedEntry* before = known.find(entry.name())) {
      remote::Entry kept = entry.entry;
      keep_finer_time(kept, before->entry);
      if (kept.mtime != entry.entry.mtime) {
        fresh.set_time(entry, *kept.mtime);
      }
    }
  }
}

}  // namespace

struct NamespaceCache::State {
  State(const Settings& chosen, const Clock& source)
      : settings(chosen), clock(source), records(chosen.max_bytes) {}

  const CachedEntry* find_in(const DirectorySnapshot& entries, std::string_view name) const
      FTPSFS_REQUIRES(mutex);
  const CachedEntry* find_entry(const DirectoryRecord& record, std::string_view name) const
      FTPSFS_REQUIRES(mutex) {
    return find_in(record.entries.get(), name);
  }
  /// What was learnt since then is newer than a listing that took long.
  void keep_newer(DirectorySnapshot& fresh, DirectoryRecord& record, SteadyTime begun_at) const
      FTPSFS_REQUIRES(mutex);
  void forget_absent(DirectoryRecord& record, std::string_view name) const FTPSFS_REQUIRES(mutex);
  void remember_absent(DirectoryRecord& record, std::string_view name) const FTPSFS_REQUIRES(mutex);
  void put(DirectoryRecord& record, CachedEntry entry, Dropped& dropped) const
      FTPSFS_REQUIRES(mutex);
  void erase(DirectoryRecord& record, std::string_view name, Dropped& dropped) const
      FTPSFS_REQUIRES(mutex);
  /// Nothing is known of the name any more, nor which names there are.
  void forget(DirectoryRecord& record, std::string_view name, Dropped& dropped)
      FTPSFS_REQUIRES(mutex);
  /// Has the directory changed here since the ticket was taken?
  bool overtaken(const Ticket& ticket) const FTPSFS_REQUIRES(mutex) {
    return ticket.changes < records.last_change(ticket.version.directory);
  }

  const Settings settings;
  const Clock& clock;
  mutable Mutex mutex;
  DirectoryRecords records FTPSFS_GUARDED_BY(mutex);
  bool case_sensitive FTPSFS_GUARDED_BY(mutex) = true;
  std::uint64_t fetches FTPSFS_GUARDED_BY(mutex) = 0;
  std::uint64_t hits FTPSFS_GUARDED_BY(mutex) = 0;
  std::uint64_t misses FTPSFS_GUARDED_BY(mutex) = 0;
};

const CachedEntry* NamespaceCache::State::find_in(const DirectorySnapshot& entries,
                                                  std::string_view name) const {
  const CachedEntry* exact = entries.find(name);
  return exact != nullptr || case_sensitive ? exact : entries.find_folded(name);
}

void NamespaceCache::State::keep_newer(DirectorySnapshot& fresh, DirectoryRecord& record,
                                       SteadyTime begun_at) const {
  const DirectorySnapshot& known = record.entries.get();
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (known.at(i).fetched_at > begun_at) {
      CachedEntry newer = known.at(i);
      if (const CachedEntry* listed = find_in(fresh, newer.name())) {
        newer.entry.name = listed->name();
      }
      fresh.put(std::move(newer));
    }
  }
  std::erase_if(record.absent, [&](const auto& absent) FTPSFS_NO_ANALYSIS {
    const bool is_newer = absent.second.fetched_at > begun_at;
    if (const CachedEntry* listed = is_newer ? find_in(fresh, absent.first) : nullptr) {
      const std::string spelling = listed->name();
      fresh.erase(spelling);
    }
    return !is_newer;
  });
}

void NamespaceCache::State::forget_absent(DirectoryRecord& record, std::string_view name) const {
  if (!case_sensitive) {
    record.absent.clear();  // other spellings of the same name may be among them
  } else if (const auto found = record.absent.find(name); found != record.absent.end()) {
    record.absent.erase(found);
  }
}

void NamespaceCache::State::remember_absent(DirectoryRecord& record, std::string_view name) const {
  if (record.absent.size() >= kMostAbsent) {
    record.absent.clear();
  }
  const SteadyTime now = clock.now();
  record.absent[std::string(name)] = Absent{now + settings.negative_timeout, now};
}

void NamespaceCache::State::put(DirectoryRecord& record, CachedEntry entry,
                                Dropped& dropped) const {
  forget_absent(record, entry.name());
  if (const CachedEntry* known = find_entry(record, entry.name())) {
    entry.entry.name = known->name();  // its spelling, where the server folds case
  }
  record.entries.writable(dropped).put(std::move(entry));
}

void NamespaceCache::State::erase(DirectoryRecord& record, std::string_view name,
                                  Dropped& dropped) const {
  if (const CachedEntry* known = find_entry(record, name)) {
    const std::string spelling = known->name();
    record.entries.writable(dropped).erase(spelling);
  }
}

void NamespaceCache::State::forget(DirectoryRecord& record, std::string_view name,
                                   Dropped& dropped) {
  erase(record, name, dropped);
  forget_absent(record, name);
  record.complete = false;
  records.settle(record, dropped);
}

NamespaceCache::NamespaceCache(const Settings& settings, const Clock& clock)
    : state_(std::make_unique<State>(settings, clock)) {}

NamespaceCache::~NamespaceCache() = default;

void NamespaceCache::set_case_sensitive(bool sensitive) {
  State& s = *state_;
  const MutexLock lock(s.mutex);
  s.case_sensitive = sensitive;
}

std::optional<NamespaceCache::Found> NamespaceCache::find(DirectoryId directory,
                                                          std::string_view name) {
  State& s = *state_;
  const SteadyTime now = s.clock.now();
  const MutexLock lock(s.mutex);
  const auto hit = [&](std::optional<remote::Entry> entry, SteadyTime until, SteadyTime fetched_at)
                       FTPSFS_NO_ANALYSIS {
                         ++s.hits;
                         return Found{std::move(entry), left(until, now), fetched_at};
                       };
  if (const DirectoryRecord* record = s.records.find(directory)) {
    if (const CachedEntry* known = s.find_entry(*record, name)) {
      if (now < known->fresh_until) {
        return hit(known->entry, known->fresh_until, known->fetched_at);
      }
    } else if (record->complete && record->entries.get().shows_all() && s.case_sensitive &&
               now < record->complete_until) {
      return hit(std::nullopt, record->complete_until, record->fetched_at);
    } else if (const auto absent = record->absent.find(name);
               absent != record->absent.end() && now < absent->second.fresh_until) {
      return hit(std::nullopt, absent->second.fresh_until, absent->second.fetched_at);
    }
  }
  ++s.misses;
  return std::nullopt;
}

const CachedEntry* NamespaceCache::find_in(const DirectorySnapshot& listing,
                                           std::string_view name) const {
  const State& s = *state_;
  const MutexLock lock(s.mutex);
  return s.find_in(listing, name);
}

NamespaceCache::Snapshot NamespaceCache::find_listing(DirectoryId directory) {
  State& s = *state_;
  const SteadyTime now = s.clock.now();
  const MutexLock lock(s.mutex);
  DirectoryRecord* record = s.records.find(directory);
  if (record == nullptr || !record->complete || now >= record->complete_until) {
    ++s.misses;
    return nullptr;
  }
  ++s.hits;
  return record->entries.lend();
}

NamespaceCache::Snapshot NamespaceCache::peek_listing(DirectoryId directory) const {
  State& s = *state_;
  const SteadyTime now = s.clock.now();
  const MutexLock lock(s.mutex);
  DirectoryRecord* record = s.records.peek(directory);
  return record != nullptr && record->complete && now < record->complete_until
             ? record->entries.lend()
             : nullptr;
}

NamespaceCache::Snapshot NamespaceCache::recall_listing(DirectoryId directory) const {
  State& s = *state_;
  const MutexLock lock(s.mutex);
  DirectoryRecord* record = s.records.peek(directory);
  return record != nullptr && record->complete ? record->entries.lend() : nullptr;
}

bool NamespaceCache::exact_times(DirectoryId directory) const {
  const State& s = *state_;
  const MutexLock lock(s.mutex);
  const DirectoryRecord* record = s.records.peek(directory);
  return record != nullptr && record->complete &&
         (record->told_exact_times || record->entries.get().coarse_times() == 0);
}

NamespaceCache::Ticket NamespaceCache::begin_fetch(DirectoryId directory) {
  State& s = *state_;
  Ticket ticket;
  ticket.begun_at = s.clock.now();
  const MutexLock lock(s.mutex);
  ticket.version = {directory, s.records.last_change(directory)};
  ticket.changes = s.records.changes();
  ticket.number = ++s.fetches;
  return ticket;
}

NamespaceCache::Snapshot NamespaceCache::store_listing(const Ticket& ticket,
                                                       remote::Listing listing) {
  State& s = *state_;
  const DirectoryId directory = ticket.version.directory;
  const SteadyTime until = s.clock.now() + s.settings.dir_timeout;
  DirectorySnapshot fresh;
  fresh.set_shows_all(listing.shows_all);
  for (remote::Entry& entry : listing.entries) {
    fresh.put(CachedEntry{std::move(entry), until, ticket.begun_at});
  }
  // Merging a large directory takes milliseconds: done without the lock, and once more in the rare
  // case that times were refined meanwhile.
  std::uint64_t refined = 0;
  Snapshot before;
  if (fresh.coarse_times() > 0) {
    const MutexLock lock(s.mutex);
    if (DirectoryRecord* record = s.records.find(directory)) {
      before = record->entries.lend();
      refined = record->refined;
    }
  }
  if (before) {
    keep_finer_times(fresh, *before);
    before.reset();
  }
  Dropped dropped;
  const MutexLock lock(s.mutex);
  const DirectoryRecord* known = s.records.peek(directory);
  if (known != nullptr && known->refined != refined) {
    keep_finer_times(fresh, known->entries.get());
  }
  if (s.overtaken(ticket) || (known != nullptr && known->listed_by > ticket.number)) {
    return std::make_shared<const DirectorySnapshot>(std::move(fresh));
  }
  DirectoryRecord& record = s.records.obtain(directory);
  s.keep_newer(fresh, record, ticket.begun_at);
  record.entries.replace(std::move(fresh), dropped);
  record.complete = true;
  record.told_exact_times = listing.exact_times;
  record.complete_until = until;
  record.fetched_at = ticket.begun_at;
  record.listed_by = ticket.number;
  s.records.settle(record, dropped);
  return record.entries.lend();
}

void NamespaceCache::store_entry(const Ticket& ticket, remote::Entry entry) {
  State& s = *state_;
  const SteadyTime until = s.clock.now() + s.settings.attr_timeout;
  Dropped dropped;
  const MutexLock lock(s.mutex);
  if (s.overtaken(ticket)) {
    return;
  }
  DirectoryRecord& record = s.records.obtain(ticket.version.directory);
  if (const CachedEntry* known = s.find_entry(record, entry.name)) {
    if (known->fetched_at > ticket.begun_at) {
      return;
    }
    keep_finer_time(entry, known->entry);
  }
  s.put(record, CachedEntry{std::move(entry), until, ticket.begun_at}, dropped);
  s.records.settle(record, dropped);
}

void NamespaceCache::store_absent(const Ticket& ticket, std::string_view name) {
  State& s = *state_;
  Dropped dropped;
  const MutexLock lock(s.mutex);
  if (s.overtaken(ticket)) {
    return;
  }
  DirectoryRecord& record = s.records.obtain(ticket.version.directory);
  if (const CachedEntry* known = s.find_entry(record, name);
      known != nullptr && known->fetched_at > ticket.begun_at) {
    return;
  }
  s.erase(record, name, dropped);
  s.remember_absent(record, name);
  s.records.settle(record, dropped);
}

void NamespaceCache::expire_entry(DirectoryId directory, std::string_view name) {
  State& s = *state_;
  Dropped dropped;
  const MutexLock lock(s.mutex);
  if (DirectoryRecord* record = s.records.find(directory)) {
    s.forget(*record, name, dropped);
  }
}

void NamespaceCache::note_created(DirectoryId directory, remote::Entry entry) {
  State& s = *state_;
  const SteadyTime now = s.clock.now();
  Dropped dropped;
  const MutexLock lock(s.mutex);
  DirectoryRecord& record = s.records.changing(directory);
  s.put(record, CachedEntry{std::move(entry), now + s.settings.attr_timeout, now}, dropped);
  s.records.settle(record, dropped);
}

void NamespaceCache::note_removed(DirectoryId directory, std::string_view name) {
  State& s = *state_;
  Dropped dropped;
  const MutexLock lock(s.mutex);
  DirectoryRecord& record = s.records.changing(directory);
  s.erase(record, name, dropped);
  s.remember_absent(record, name);
  s.records.settle(record, dropped);
}

void NamespaceCache::note_renamed(DirectoryId from, std::string_view name, DirectoryId to,
                                  std::string_view new_name) {
  State& s = *state_;
  Dropped dropped;
  const MutexLock lock(s.mutex);
  DirectoryRecord& source = s.records.changing(from);
  DirectoryRecord& target = s.records.changing(to);
  std::optional<CachedEntry> moved;
  if (const CachedEntry* known = s.find_entry(source, name)) {
    moved = *known;
  }
  s.erase(source, name, dropped);
  s.remember_absent(source, name);
  s.erase(target, new_name, dropped);  // whatever was there; its spelling, too
  s.forget_absent(target, new_name);
  if (moved) {
    moved->entry.name = std::string(new_name);
    s.put(target, *std::move(moved), dropped);
  } else {
    target.complete = false;  // something is there, of which nothing is known
  }
  s.records.settle(target, dropped);
  if (DirectoryRecord* still_there = s.records.find(from)) {
    s.records.settle(*still_there, dropped);
  }
}

void NamespaceCache::invalidate_entry(DirectoryId directory, std::string_view name) {
  State& s = *state_;
  Dropped dropped;
  const MutexLock lock(s.mutex);
  s.forget(s.records.changing(directory), name, dropped);
}

void NamespaceCache::invalidate_directory(DirectoryId directory) {
  State& s = *state_;
  Dropped dropped;
  const MutexLock lock(s.mutex);
  DirectoryRecord& record = s.records.changing(directory);
  record.entries.replace({}, dropped);
  record.absent.clear();
  record.complete = false;
  s.records.settle(record, dropped);
}

void NamespaceCache::clear() {
  State& s = *state_;
  Dropped dropped;
  const MutexLock lock(s.mutex);
  s.records.clear(dropped);
}

void NamespaceCache::refine_times(DirectoryId directory, std::string_view name,
                                  remote::FileTime time) {
  State& s = *state_;
  Dropped dropped;
  const MutexLock lock(s.mutex);
  DirectoryRecord* record = s.records.find(directory);
  const CachedEntry* known = record != nullptr ? s.find_entry(*record, name) : nullptr;
  if (known == nullptr || (known->entry.mtime && known->entry.mtime->grain <= time.grain)) {
    return;
  }
  const std::string spelling = known->name();
  DirectorySnapshot& entries = record->entries.writable(dropped);  // may be a clone by now
  entries.set_time(*entries.find(spelling), time);
  ++record->refined;
}

NamespaceCache::Counters NamespaceCache::counters() const {
  const State& s = *state_;
  const MutexLock lock(s.mutex);
  Counters result;
  result.hits = s.hits;
  result.misses = s.misses;
  result.bytes = s.records.bytes();
  result.entries = s.records.entries();
  return result;
}

}  // namespace ftpsfs::cache
