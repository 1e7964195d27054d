// SPDX-License-Identifier: MIT
//
// What a journal's edits come to: the intentions that are still owed, in their order, and which
// contents they need. Pure. Not thread-safe.
#pragma once

#include <map>
#include <vector>

#include "ftpsfs/writeback/intention.hpp"

namespace ftpsfs::writeback {

/// What a change takes in memory, about: it and its names are kept several times.
std::uint64_t change_cost(const Intention& intention);

class Ledger {
 public:
  /// @return the contents that no intention names any more because of this edit.
  std::vector<ContentId> apply(const Edit& edit);

  const std::map<IntentionId, Intention>& intentions() const noexcept { return intentions_; }
  bool needs(ContentId content) const { return uses_.contains(content); }

  /// What all of them cost.
  std::uint64_t change_bytes() const noexcept { return change_bytes_; }

  /// The largest that was ever put; 0: none.
  IntentionId last_intention() const noexcept { return last_intention_; }

 private:
  /// It is owed no more.
  void release(const Intention& intention, std::vector<ContentId>& idle);

  std::map<IntentionId, Intention> intentions_;
  std::map<ContentId, unsigned> uses_;
  std::uint64_t change_bytes_ = 0;
  IntentionId last_intention_ = 0;
};

}  // namespace ftpsfs::writeback
