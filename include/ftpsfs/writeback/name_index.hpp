// SPDX-License-Identifier: MIT
//
// Which intentions speak of a name, of one above it or of one below it: those cannot change places
// with one that speaks of the name itself. Pure. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/writeback/intention.hpp"

namespace ftpsfs::writeback {

enum class NameCase : std::uint8_t { sensitive, folded };

/// The same for names that the server does not tell apart. The root's is empty.
std::string name_key(NameCase name_case, const remote::RemotePath& path);

class NameIndex {
 public:
  explicit NameIndex(NameCase name_case) : case_(name_case) {}

  void add(IntentionId id, const Intention& intention);
  void remove(IntentionId id, const Intention& intention);

  /// The last one before `id` that cannot change places with `intention`; 0: there is none.
  IntentionId last_related(const Intention& intention, IntentionId before) const;
  /// Is there any before `id`?
  bool has_related(const Intention& intention, IntentionId before) const;
  /// Are there any that speak of names below this one?
  bool has_below(const remote::RemotePath& path) const;
  /// All of them behind `id`, each once.
  std::vector<IntentionId> related_behind(const Intention& intention, IntentionId id) const;
  /// Any of them that `is_it`; 0: none is. First those that speak of the name itself.
  IntentionId find_related(const Intention& intention,
                           const std::function<bool(IntentionId)>& is_it) const;
  /// The first behind `id` that speaks of this very path; 0: none.
  IntentionId first_at(const remote::RemotePath& path, IntentionId behind) const;
  /// The last before `id` that speaks of this very path; 0: none.
  IntentionId last_at(const remote::RemotePath& path, IntentionId before) const;

  using Ids = std::set<IntentionId>;
  /// All that speak of this very path.
  const Ids& at(const remote::RemotePath& path) const;
  /// @return whether to go on.
  using TakeName = std::function<bool(const std::string& key, const Ids&)>;
  /// Calls `take` with those that speak of a name right in this directory, name after name.
  void for_each_in(const remote::RemotePath& directory, const TakeName& take) const;
  NameCase name_case() const noexcept { return case_; }

 private:
  /// Until it says that it has enough.
  using Look = std::function<bool(const Ids&)>;

  std::string key(const remote::RemotePath& path) const { return name_key(case_, path); }
  std::vector<std::string> keys(const Intention& intention) const;
  void visit(const Intention& intention, const Look& enough) const;

  NameCase case_;
  std::map<std::string, Ids, std::less<>> ids_;
};

}  // namespace ftpsfs::writeback
