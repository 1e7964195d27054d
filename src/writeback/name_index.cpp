// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/name_index.hpp"

#include <algorithm>

#include "ftpsfs/remote/folded_name.hpp"

namespace ftpsfs::writeback {

std::string NameIndex::key(const remote::RemotePath& path) const {
  std::string key = path.is_root() ? std::string() : path.str();
  if (case_ == NameCase::folded) {
    std::transform(key.begin(), key.end(), key.begin(), remote::folded);
  }
  return key;
}

std::vector<std::string> NameIndex::keys(const Intention& intention) const {
  std::vector<std::string> keys{key(intention.path)};
  if (intention.action == Action::rename) {
    keys.push_back(key(intention.target));
  }
  return keys;
}

void NameIndex::add(IntentionId id, const Intention& intention) {
  for (const std::string& key : keys(intention)) {
    ids_[key].insert(id);
  }
}

void NameIndex::remove(IntentionId id, const Intention& intention) {
  for (const std::string& key : keys(intention)) {
    const auto found = ids_.find(key);
    if (found != ids_.end() && found->second.erase(id) > 0 && found->second.empty()) {
      ids_.erase(found);
    }
  }
}

void NameIndex::visit(const Intention& intention, const Look& enough) const {
  for (const std::string& key : keys(intention)) {
    // The name itself and those above it; the root's key is empty.
    for (std::string_view above = key;; above = above.substr(0, above.rfind('/'))) {
      const auto found = ids_.find(above);
      if (found != ids_.end() && enough(found->second)) {
        return;
      }
      if (above.empty()) {
        break;
      }
    }
    const std::string below = key + '/';
    for (auto next = ids_.lower_bound(below); next != ids_.end() && next->first.starts_with(below);
         ++next) {
      if (enough(next->second)) {
        return;
      }
    }
  }
}

IntentionId NameIndex::last_related(const Intention& intention, IntentionId before) const {
  IntentionId last = 0;
  visit(intention, [&](const Ids& ids) {
    const auto next = ids.lower_bound(before);
    if (next != ids.begin()) {
      last = std::max(last, *std::prev(next));
    }
    return false;
  });
  return last;
}

bool NameIndex::has_related(const Intention& intention, IntentionId before) const {
  bool found = false;
  visit(intention, [&](const Ids& ids) {
    found = *ids.begin() < before;
    return found;
  });
  return found;
}

std::vector<IntentionId> NameIndex::related_behind(const Intention& intention,
                                                   IntentionId id) const {
  Ids behind;
  visit(intention, [&](const Ids& ids) {
    behind.insert(ids.upper_bound(id), ids.end());
    return false;
  });
  return {behind.begin(), behind.end()};
}

IntentionId NameIndex::first_at(const remote::RemotePath& path, IntentionId behind) const {
  const auto found = ids_.find(key(path));
  if (found == ids_.end()) {
    return 0;
  }
  const auto next = found->second.upper_bound(behind);
  return next != found->second.end() ? *next : 0;
}

}  // namespace ftpsfs::writeback
