// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/retry_schedule.hpp"

#include <algorithm>

namespace ftpsfs::writeback {

void RetrySchedule::want_try(SteadyTime now) {
  is_try_wanted_ = true;
  wanted_at_ = now;
}

void RetrySchedule::want_try(const Intention& names, SteadyTime now) {
  for (const IntentionId id : failing(names)) {
    pausing_.at(id).is_try_wanted = true;
  }
  wanted_ = names;
  want_try(now);
}

void RetrySchedule::hurry() {
  link_until_ = {};
  for (auto& [id, pausing] : pausing_) {
    pausing.until = {};
  }
}

void RetrySchedule::note_link_failure(SteadyTime begun, SteadyTime now, std::uint64_t progress) {
  // Not once for each of those that were under way, nor for what began before somebody waited.
  if (is_link_pausing(now) || begun < wanted_at_) {
    return;
  }
  link_pause_ = longer(progress == progress_at_pause_ ? link_pause_ : Duration(0));
  progress_at_pause_ = progress;
  link_until_ = now + link_pause_;
}

void RetrySchedule::note_failure(IntentionId id, const Intention& intention, SteadyTime now) {
  Pausing& pausing = pausing_[id];
  pausing.intention = intention;
  if (now >= pausing.until) {  // else it was a try that somebody wanted
    pausing.pause = longer(pausing.pause);
    pausing.until = now + pausing.pause;
  }
  pausing.is_over = false;
}

std::vector<IntentionId> RetrySchedule::failing(const Intention& names) const {
  NameIndex all(name_case_);
  for (const auto& [id, pausing] : pausing_) {
    all.add(id, pausing.intention);
  }
  return all.related_behind(names, 0);
}

RetrySchedule::Woken RetrySchedule::wake(SteadyTime now, SteadyTime latest) {
  Woken woken{{}, is_link_pausing(now) ? std::min(latest, link_until_) : latest};
  woken.ids.reserve(pausing_.size());  // none gets lost where there is no memory
  for (auto& [id, pausing] : pausing_) {
    if (pausing.is_over) {
      continue;
    }
    if (pausing.until <= now || pausing.is_try_wanted) {
      pausing.is_over = true;
      pausing.is_try_wanted = false;
      woken.ids.push_back(id);
    } else {
      woken.next = std::min(woken.next, pausing.until);
    }
  }
  return woken;
}

Duration RetrySchedule::longer(Duration pause) const {
  return std::clamp(2 * pause, first_pause_, longest_pause_);
}

}  // namespace ftpsfs::writeback
