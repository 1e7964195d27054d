// SPDX-License-Identifier: MIT
#include "ftpsfs/cache/directory_snapshot.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace ftpsfs::cache {
namespace {

std::size_t cost(const CachedEntry& entry) {
  // The node with its three links, its places in the array and among the buckets, and what malloc
  // adds to each.
  constexpr std::size_t kNode = sizeof(CachedEntry) + 5 * sizeof(void*) + 16;
  const auto outside = [](const std::string& text) {
    constexpr std::size_t kInside = 15;  // short strings lie within the object
    return text.capacity() > kInside ? text.capacity() + 1 : 0;
  };
  const auto& target = entry.entry.symlink_target;
  constexpr std::size_t kBox = sizeof(std::string) + 8;
  return kNode + outside(entry.entry.name) + (target ? kBox + outside(*target) : 0);
}

}  // namespace

const CachedEntry* DirectorySnapshot::find(std::string_view name) const {
  const auto& names = entries_.get<ByName>();
  const auto found = names.find(name, remote::FoldedNameHash{}, remote::SameName{});
  return found == names.end() ? nullptr : &*found;
}

const CachedEntry* DirectorySnapshot::find_folded(std::string_view name) const {
  const auto& names = entries_.get<ByName>();
  const auto found = names.find(name, remote::FoldedNameHash{}, remote::SameFoldedName{});
  return found == names.end() ? nullptr : &*found;
}

void DirectorySnapshot::count(const CachedEntry& entry) {
  bytes_ += cost(entry);
  coarse_times_ += remote::has_coarse_time(entry.entry) ? 1 : 0;
}

void DirectorySnapshot::discount(const CachedEntry& entry) {
  bytes_ -= cost(entry);
  coarse_times_ -= remote::has_coarse_time(entry.entry) ? 1 : 0;
}

void DirectorySnapshot::put(CachedEntry entry) {
  auto& names = entries_.get<ByName>();
  const auto found =
      names.find(std::string_view(entry.entry.name), remote::FoldedNameHash{}, remote::SameName{});
  if (found == names.end()) {
    count(*entries_.push_back(std::move(entry)).first);
    return;
  }
  discount(*found);
  names.replace(found, std::move(entry));
  count(*found);
}

bool DirectorySnapshot::erase(std::string_view name) {
  auto& names = entries_.get<ByName>();
  const auto found = names.find(name, remote::FoldedNameHash{}, remote::SameName{});
  if (found == names.end()) {
    return false;
  }
  discount(*found);
  const auto hole = entries_.project<ByOrder>(found);
  const auto last = std::prev(entries_.end());
  if (hole == last) {
    entries_.pop_back();
    return true;
  }
  CachedEntry moved = *last;
  entries_.pop_back();
  entries_.replace(hole, std::move(moved));
  return true;
}

std::size_t DirectorySnapshot::index_of(const CachedEntry& entry) const {
  const auto place = entries_.project<ByOrder>(entries_.get<ByName>().iterator_to(entry));
  return static_cast<std::size_t>(place - entries_.begin());
}

void DirectorySnapshot::set_time(const CachedEntry& entry, remote::FileTime time) {
  discount(entry);
  auto& names = entries_.get<ByName>();
  const auto place = names.iterator_to(entry);
  names.modify(place, [time](CachedEntry& known) { known.entry.mtime = time; });
  count(*place);
}

}  // namespace ftpsfs::cache
