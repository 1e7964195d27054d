// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/ledger.hpp"

#include <algorithm>

namespace ftpsfs::writeback {

std::uint64_t change_cost(const Intention& intention) {
  constexpr std::uint64_t kWithoutNames = 1024;
  constexpr std::uint64_t kCopies = 4;
  return kWithoutNames + kCopies * (intention.path.str().size() + intention.target.str().size() +
                                    intention.refusal.size());
}

std::vector<ContentId> Ledger::apply(const Edit& edit) {
  std::vector<ContentId> idle;
  for (const auto& [id, intention] : edit.puts) {
    if (intention.content != 0) {
      ++uses_[intention.content];
    }
    change_bytes_ += change_cost(intention);
    last_intention_ = std::max(last_intention_, id);
    const auto [place, is_new] = intentions_.try_emplace(id, intention);
    if (!is_new) {
      release(place->second, idle);
      place->second = intention;
    }
  }
  for (const IntentionId id : edit.drops) {
    if (const auto found = intentions_.find(id); found != intentions_.end()) {
      release(found->second, idle);
      intentions_.erase(found);
    }
  }
  std::erase_if(idle, [this](ContentId content) { return needs(content); });
  return idle;
}

void Ledger::release(const Intention& intention, std::vector<ContentId>& idle) {
  change_bytes_ -= change_cost(intention);
  const auto found = uses_.find(intention.content);
  if (found != uses_.end() && --found->second == 0) {
    uses_.erase(found);
    idle.push_back(intention.content);
  }
}

}  // namespace ftpsfs::writeback
