// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/queue.hpp"

#include <algorithm>
#include <utility>

#include "ftpsfs/writeback/merge.hpp"

namespace ftpsfs::writeback {

void Queue::restore(const std::map<IntentionId, Intention>& left, IntentionId last_used) {
  last_ = last_used;
  for (const auto& [id, intention] : left) {
    last_ = std::max(last_, id);
    if (!intention.refusal.empty()) {
      refused_.emplace(id, intention);
      continue;
    }
    Item item;
    item.intention = intention;
    item.begun_before = true;
    insert(id, std::move(item));
  }
}

Edit Queue::add(Intention intention) {
  Edit edit;
  if (moves_refused(intention, last_ + 1, edit)) {
    return edit;
  }
  drop_superseded(intention, edit);
  place(++last_, std::move(intention), nullptr, edit);
  return edit;
}

/// With `earlier` being the last before it that it cannot change places with, an intention may
/// stand right behind that one, and so the two may be merged in its place. The outcome speaks of no
/// name that neither of them spoke of: whatever stands between has nothing to do with `intention`,
/// and was behind `earlier` already.
void Queue::place(IntentionId id, Intention intention, const Item* replaced, Edit& edit) {
  const IntentionId earlier = index_.last_related(intention, id);
  if (auto merged = merge_behind(earlier, intention)) {
    const Item old = remove(earlier);
    edit.drops.push_back(earlier);
    if (!merged->intention) {
      return;
    }
    place(earlier, *std::move(merged->intention), &old, edit);
    return;
  }
  std::erase(edit.drops, id);  // it is put instead
  learn_from_finished(intention, id);
  edit.puts.emplace_back(id, intention);
  Item item;
  item.intention = std::move(intention);
  item.unkept = 1 + (replaced != nullptr ? replaced->unkept : 0);
  item.is_merged = replaced != nullptr;
  insert(id, std::move(item));
}

/// @param earlier the last before `intention` that it cannot change places with; 0: none.
std::optional<Merged> Queue::merge_behind(IntentionId earlier, const Intention& intention) const {
  const auto found = items_.find(earlier);
  const bool may_change =
      found != items_.end() && found->second.state == State::waiting && !found->second.begun_before;
  return may_change ? merge(found->second.intention, intention) : std::nullopt;
}

bool Queue::would_merge(const Intention& intention) const {
  return merge_behind(index_.last_related(intention, last_ + 1), intention).has_value();
}

/// What was refused for a name is of no interest once the name has been given other content, or
/// removed.
void Queue::drop_superseded(const Intention& intention, Edit& edit) {
  const bool gives_or_removes = intention.action == Action::upload ||
                                intention.action == Action::remove_file ||
                                intention.action == Action::rename;
  if (!gives_or_removes) {
    return;
  }
  std::erase_if(refused_, [&](const auto& refused) {
    const bool is_superseded = refused.second.action == Action::upload &&
                               same(refused.second.path, result_path(intention));
    if (is_superseded) {
      edit.drops.push_back(refused.first);
    }
    return is_superseded;
  });
}

void Queue::insert(IntentionId id, Item item) {
  index_.add(id, item.intention);
  const auto place = items_.insert_or_assign(id, std::move(item)).first;
  judge(id);
  for (const IntentionId behind : index_.related_behind(place->second.intention, id)) {
    judge(behind);
  }
}

Queue::Item Queue::remove(IntentionId id) {
  const auto found = items_.find(id);
  Item item = std::move(found->second);
  items_.erase(found);
  ready_.erase(id);
  index_.remove(id, item.intention);
  for (const IntentionId behind : index_.related_behind(item.intention, id)) {
    judge(behind);
  }
  return item;
}

void Queue::judge(IntentionId id) {
  const auto found = items_.find(id);
  const bool may_begin = found != items_.end() && found->second.state == State::waiting &&
                         found->second.unkept == 0 &&
                         !index_.has_related(found->second.intention, id);
  if (may_begin) {
    ready_.insert(id);
  } else {
    ready_.erase(id);
  }
}

void Queue::keep(const Edit& edit) {
  for (const auto& put : edit.puts) {
    const auto found = items_.find(put.first);
    if (found != items_.end() && found->second.unkept > 0) {
      --found->second.unkept;
      judge(put.first);
    }
  }
}

Edit Queue::withdraw(const Edit& edit) {
  Edit back;
  const bool stands_alone = edit.puts.size() == 1 && edit.drops.empty();
  const auto found = stands_alone ? items_.find(edit.puts.front().first) : items_.end();
  // One that was put for a second time has been merged.
  if (found != items_.end() && found->second.unkept == 1 && !found->second.is_merged) {
    back.drops.push_back(found->first);
    remove(found->first);
  } else {
    keep(edit);
  }
  return back;
}

std::optional<Queue::Started> Queue::take(const Intention* wanted) {
  if (ready_.empty()) {
    return std::nullopt;
  }
  IntentionId first = 0;
  if (wanted != nullptr && !wanted->path.is_root()) {  // of the root, all are wanted
    first = index_.find_related(*wanted, [this](IntentionId id) { return ready_.contains(id); });
  }
  Started started = as_started(first != 0 ? first : *ready_.begin());
  note_begun(started.id);
  return started;
}

Queue::Started Queue::as_started(IntentionId id) const {
  const Item& item = items_.at(id);
  return {id, item.intention, item.begun_before, item.goes_alone};
}

void Queue::note_begun(IntentionId id) noexcept {
  const auto found = items_.find(id);
  ready_.erase(id);
  found->second.state = State::begun;
  found->second.begun_before = true;
  found->second.goes_alone = false;
}

std::vector<Queue::Started> Queue::take_removals_beside(const Started& first, std::size_t most) {
  std::vector<IntentionId> beside;
  // By name: what else may begin can be very much more than what is in this directory.
  index_.for_each_in(first.intention.path.parent(), [&](const auto& /*key*/, const auto& ids) {
    const IntentionId id = *ids.begin();  // the others have to wait for it
    const Item& item = items_.at(id);
    if (beside.size() < most && ready_.contains(id) &&
        item.intention.action == Action::remove_file && !item.goes_alone) {
      beside.push_back(id);
    }
    return beside.size() < most;
  });
  std::vector<Started> started;
  started.reserve(beside.size());
  for (const IntentionId id : beside) {
    started.push_back(as_started(id));
  }
  for (const IntentionId id : beside) {
    note_begun(id);
  }
  return started;
}

void Queue::put_back(IntentionId id) {
  items_.at(id).state = State::waiting;
  judge(id);
}

void Queue::put_back_alone(IntentionId id) {
  items_.at(id).goes_alone = true;
  put_back(id);
}

void Queue::release(IntentionId id) {
  remove(id);
}

Edit Queue::retry(IntentionId id) {
  Edit edit;
  const auto found = refused_.find(id);
  if (found == refused_.end()) {
    return edit;
  }
  Item item;
  item.intention = std::move(found->second);
  item.intention.refusal.clear();
  item.begun_before = true;
  item.unkept = 1;
  refused_.erase(found);
  edit.drops.push_back(id);
  edit.puts.emplace_back(++last_, item.intention);
  insert(last_, std::move(item));
  return edit;
}

Edit Queue::discard(IntentionId id) {
  Edit edit;
  if (refused_.erase(id) > 0) {
    edit.drops.push_back(id);
  }
  return edit;
}

std::map<IntentionId, Intention> Queue::waiting() const {
  std::map<IntentionId, Intention> waiting;
  for (const auto& [id, item] : items_) {
    if (item.state != State::finished) {
      waiting.emplace(id, item.intention);
    }
  }
  return waiting;
}

bool Queue::touches(const remote::RemotePath& path, IntentionId last) const {
  return index_.has_related(intention_of(Action::set_attributes, path), last + 1);
}

void Queue::for_each_at(const remote::RemotePath& path, const Each& take) const {
  for (const IntentionId id : index_.at(path)) {
    take(id, items_.at(id).intention);
  }
}

std::vector<remote::RemotePath> Queue::names_in(const remote::RemotePath& directory) const {
  std::vector<remote::RemotePath> names;
  index_.for_each_in(directory, [&](const std::string& key, const NameIndex::Ids& ids) {
    const Intention& last = items_.at(*ids.rbegin()).intention;
    const remote::RemotePath& result = result_path(last);
    names.push_back(name_key(name_case(), result) == key ? result : last.path);
    return true;
  });
  return names;
}

bool Queue::same(const remote::RemotePath& a, const remote::RemotePath& b) const {
  return a == b || name_key(name_case(), a) == name_key(name_case(), b);
}

}  // namespace ftpsfs::writeback
