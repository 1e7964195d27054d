// SPDX-License-Identifier: MIT
#include "directory_records.hpp"

#include <algorithm>
#include <utility>

namespace ftpsfs::cache {
namespace {

/// With the snapshot, the links and the control blocks.
constexpr std::size_t kRecordBytes = sizeof(DirectoryRecord) + sizeof(DirectorySnapshot) + 160;
/// A negative whose name is short, with its node and its bucket.
constexpr std::size_t kAbsentBytes = 96;

}  // namespace

NamespaceCache::Snapshot LentSnapshot::lend() {
  if (auto lent = lent_.lock()) {
    return lent;
  }
  own_->lent.fetch_add(1, std::memory_order_relaxed);
  NamespaceCache::Snapshot fresh(&own_->snapshot, [own = own_](const DirectorySnapshot*) {
    own->lent.fetch_sub(1, std::memory_order_release);
  });
  lent_ = fresh;
  return fresh;
}

DirectorySnapshot& LentSnapshot::writable(Dropped& dropped) {
  if (own_->lent.load(std::memory_order_acquire) != 0) {
    replace(own_->snapshot, dropped);
  }
  return own_->snapshot;
}

void LentSnapshot::replace(DirectorySnapshot snapshot, Dropped& dropped) {
  dropped.push_back(std::exchange(own_, std::make_shared<Own>(std::move(snapshot))));
  lent_.reset();
}

DirectoryRecord* DirectoryRecords::find(DirectoryId directory) {
  const auto& ids = records_.get<ById>();
  const auto found = ids.find(directory);
  if (found == ids.end()) {
    return nullptr;
  }
  records_.relocate(records_.end(), records_.project<ByUse>(found));
  return found->get();
}

const DirectoryRecord* DirectoryRecords::peek(DirectoryId directory) const {
  const auto& ids = records_.get<ById>();
  const auto found = ids.find(directory);
  return found == ids.end() ? nullptr : found->get();
}

DirectoryRecord* DirectoryRecords::peek(DirectoryId directory) {
  const auto& ids = records_.get<ById>();
  const auto found = ids.find(directory);
  return found == ids.end() ? nullptr : found->get();
}

DirectoryRecord& DirectoryRecords::obtain(DirectoryId directory) {
  if (DirectoryRecord* known = find(directory)) {
    return *known;
  }
  auto fresh = std::make_shared<DirectoryRecord>(directory);
  fresh->changed = forgotten_changes_;
  return **records_.push_back(std::move(fresh)).first;
}

DirectoryRecord& DirectoryRecords::changing(DirectoryId directory) {
  DirectoryRecord& record = obtain(directory);
  record.changed = ++changes_;
  return record;
}

std::uint64_t DirectoryRecords::last_change(DirectoryId directory) const {
  const DirectoryRecord* known = peek(directory);
  return known != nullptr ? known->changed : forgotten_changes_;
}

void DirectoryRecords::discharge(const DirectoryRecord& record) {
  bytes_ -= record.charged_bytes;
  entries_ -= record.charged_entries;
}

void DirectoryRecords::settle(DirectoryRecord& record, Dropped& dropped) {
  discharge(record);
  const DirectorySnapshot& snapshot = record.entries.get();
  record.charged_bytes = kRecordBytes + snapshot.bytes() + record.absent.size() * kAbsentBytes;
  record.charged_entries = snapshot.size();
  bytes_ += record.charged_bytes;
  entries_ += record.charged_entries;
  // The newest record stays, however large: it is in use.
  while (bytes_ > max_bytes_ && records_.size() > 1) {
    const std::shared_ptr<DirectoryRecord> oldest = records_.front();
    forgotten_changes_ = std::max(forgotten_changes_, oldest->changed);
    discharge(*oldest);
    dropped.push_back(oldest);
    records_.pop_front();
  }
}

void DirectoryRecords::clear(Dropped& dropped) {
  dropped.insert(dropped.end(), records_.begin(), records_.end());
  records_.clear();
  bytes_ = 0;
  entries_ = 0;
  forgotten_changes_ = ++changes_;
}

}  // namespace ftpsfs::cache
