// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/name_index.hpp"

#include <algorithm>

#include "ftpsfs/ftp/ascii.hpp"

namespace ftpsfs::writeback {

std::string name_key(NameCase name_case, const remote::RemotePath& path) {
  const std::string key = path.is_root() ? std::string() : path.str();
  return name_case == NameCase::folded ? ftp::ascii::lower(key) : key;
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

IntentionId NameIndex::find_related(const Intention& intention,
                                    const std::function<bool(IntentionId)>& is_it) const {
  IntentionId found = 0;
  visit(intention, [&](const Ids& ids) {
    const auto first = std::find_if(ids.begin(), ids.end(), is_it);
    found = first != ids.end() ? *first : 0;
    return found != 0;
  });
  return found;
}

bool NameIndex::has_below(const remote::RemotePath& path) const {
  const std::string below = key(path) + '/';
  const auto first = ids_.lower_bound(below);
  return first != ids_.end() && first->first.starts_with(below);
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

IntentionId NameIndex::last_at(const remote::RemotePath& path, IntentionId before) const {
  const Ids& ids = at(path);
  const auto next = ids.lower_bound(before);
  return next != ids.begin() ? *std::prev(next) : 0;
}

const NameIndex::Ids& NameIndex::at(const remote::RemotePath& path) const {
  static const Ids kNone;
  const auto found = ids_.find(key(path));
  return found != ids_.end() ? found->second : kNone;
}

void NameIndex::for_each_in(const remote::RemotePath& directory, const TakeName& take) const {
  const std::string below = key(directory) + '/';
  for (auto next = ids_.lower_bound(below); next != ids_.end() && next->first.starts_with(below);) {
    const std::size_t slash = next->first.find('/', below.size());
    if (slash == std::string::npos) {
      if (!take(next->first, next->second)) {
        return;
      }
      ++next;
    } else {
      // Past all that is below this one: '0' follows '/'.
      next = ids_.lower_bound(next->first.substr(0, slash) + '0');
    }
  }
}

}  // namespace ftpsfs::writeback
