// SPDX-License-Identifier: MIT
//
// Queue: what the end of one intention means for those behind it.
#include <utility>

#include "ftpsfs/writeback/merge.hpp"
#include "ftpsfs/writeback/queue.hpp"

namespace ftpsfs::writeback {
namespace {

constexpr Base kAbsent{Base::Kind::absent, {}};

/// What is under the intention's name once it is carried out; nullopt: nobody knows.
std::optional<Base> base_behind(const Intention& intention,
                                const std::optional<remote::FileVersion>& left) {
  switch (intention.action) {
    case Action::remove_file:
    case Action::remove_directory:
      return kAbsent;
    case Action::upload:
    case Action::rename:
    case Action::set_attributes:
      return left ? std::optional(Base{Base::Kind::version, *left}) : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

Edit Queue::finish(IntentionId id, const std::optional<remote::FileVersion>& left,
                   const std::optional<remote::RemotePath>& elsewhere) {
  Item& item = items_.at(id);
  item.state = State::finished;
  const Intention intention = item.intention;
  const bool is_rename = intention.action == Action::rename;
  // Of a name that belongs to others now nothing is ours: whatever is there stays.
  item.left = elsewhere ? kAbsent : base_behind(intention, left);
  if (is_rename) {
    item.left_at_source = kAbsent;
  }
  const std::optional<Base> left_there = item.left;
  Edit edit;
  edit.drops.push_back(id);
  if (elsewhere) {
    const auto base = base_behind(intention, left);
    redirect(result_path(intention), id, *elsewhere, base.value_or(Base{Base::Kind::ours, {}}),
             edit);
  } else if (left_there) {
    resolve(result_path(intention), id, *left_there, edit);
  }
  if (is_rename) {
    resolve(intention.path, id, kAbsent, edit);
  }
  return edit;
}

Edit Queue::refuse(IntentionId id, std::string reason,
                   const std::optional<remote::FileVersion>& remains) {
  Item& item = items_.at(id);
  if (remains) {
    item.intention.base = {Base::Kind::version, {remains->size, remains->mtime, {}}};
  }
  item.state = State::finished;
  item.left = item.intention.base;  // all is as it was
  item.left_at_source = item.intention.source;
  Intention intention = item.intention;
  const bool is_kept =
      intention.action == Action::upload || intention.action == Action::make_directory;
  Edit edit;
  if (is_kept && !fold_behind(id, intention, edit)) {
    edit.drops.push_back(id);
    return edit;
  }
  if (!is_kept) {
    edit.drops.push_back(id);
    resolve(result_path(intention), id, intention.base, edit);
    if (intention.action == Action::rename) {
      resolve(intention.path, id, intention.source, edit);
    }
    return edit;
  }
  intention.refusal = std::move(reason);
  edit.puts.emplace_back(id, intention);
  refused_.emplace(id, std::move(intention));
  return edit;
}

/// @return false: programs have no more use for it.
bool Queue::fold_behind(IntentionId id, Intention& refused, Edit& edit) {
  IntentionId behind = id;
  for (;;) {
    behind = index_.first_at(refused.path, behind);
    const auto next = items_.find(behind);
    if (next == items_.end()) {
      return true;
    }
    const Intention later = next->second.intention;
    const bool moves_it = later.action == Action::rename && same(later.path, refused.path);
    const bool removes =
        later.action == Action::remove_file || later.action == Action::remove_directory;
    if (later.action == Action::set_attributes) {
      refused.tail = combined(refused.tail, later.tail);
      drop(behind, edit);
    } else if (moves_it) {
      drop(behind, edit);
      resolve(refused.path, behind, refused.base, edit);
      refused.path = later.target;
      refused.base = later.base;
    } else if (removes && refused.base.kind == Base::Kind::absent) {
      drop(behind, edit);  // it never came to be
      resolve(refused.path, behind, refused.base, edit);
      return false;
    } else if (later.action == Action::upload || later.action == Action::remove_file ||
               later.action == Action::rename) {
      resolve(refused.path, behind - 1, refused.base, edit);
      return false;
    } else {
      return true;
    }
  }
}

Base* Queue::base_at(Intention& intention, const remote::RemotePath& path) const {
  if (same(result_path(intention), path)) {
    return &intention.base;
  }
  return intention.action == Action::rename && same(intention.path, path) ? &intention.source
                                                                          : nullptr;
}

void Queue::resolve(const remote::RemotePath& path, IntentionId behind, const Base& left,
                    Edit& edit) {
  const auto next = items_.find(index_.first_at(path, behind));
  if (next == items_.end()) {
    return;
  }
  Intention intention = next->second.intention;
  Base* const base = base_at(intention, path);
  if (base != nullptr && base->kind == Base::Kind::ours && left.kind != Base::Kind::ours) {
    *base = left;
    change(next->first, std::move(intention), edit);
  }
}

/// Those who come when an intention has ended, and is not released yet.
void Queue::learn_from_finished(Intention& intention, IntentionId id) const {
  for (const remote::RemotePath& path : {result_path(intention), intention.path}) {
    Base* const base = base_at(intention, path);
    const auto last = items_.find(index_.last_at(path, id));
    if (base == nullptr || base->kind != Base::Kind::ours || last == items_.end() ||
        last->second.state != State::finished) {
      continue;
    }
    const bool is_result = same(result_path(last->second.intention), path);
    const auto& left = is_result ? last->second.left : last->second.left_at_source;
    if (left) {
      *base = *left;
    }
  }
}

/// A file whose upload has just been refused, and that still stands in its place, is renamed.
bool Queue::moves_refused(const Intention& intention, IntentionId before, Edit& edit) {
  if (intention.action != Action::rename) {
    return false;
  }
  const auto refused = refused_.find(index_.last_at(intention.path, before));
  if (refused == refused_.end() || refused->second.action != Action::upload ||
      !same(refused->second.path, intention.path)) {
    return false;
  }
  refused->second.path = intention.target;
  refused->second.base = intention.base;
  edit.puts.emplace_back(refused->first, refused->second);
  return true;
}

/// Our content has got another name than programs were told. What they do to it is done there, and
/// what they put in its place meets what others have put there.
void Queue::redirect(const remote::RemotePath& path, IntentionId behind,
                     const remote::RemotePath& elsewhere, const Base& left, Edit& edit) {
  for (;;) {
    behind = index_.first_at(path, behind);
    const auto next = items_.find(behind);
    if (next == items_.end()) {
      return;
    }
    Intention intention = next->second.intention;
    const bool is_about_it =
        same(intention.path, path) &&
        (intention.action == Action::set_attributes || intention.action == Action::remove_file ||
         intention.action == Action::rename);
    Base* const base = base_at(intention, path);
    if (is_about_it && base != nullptr) {
      *base = left;
      intention.path = elsewhere;
    } else if (base != nullptr && base->kind == Base::Kind::ours) {
      *base = kAbsent;
    }
    change(behind, std::move(intention), edit);
    if (!is_about_it) {
      return;
    }
  }
}

void Queue::change(IntentionId id, Intention intention, Edit& edit) {
  Item item = remove(id);
  item.intention = std::move(intention);
  const bool is_put_already =
      std::erase_if(edit.puts, [id](const auto& put) { return put.first == id; }) > 0;
  item.unkept += is_put_already ? 0 : 1;
  edit.puts.emplace_back(id, item.intention);
  insert(id, std::move(item));
}

void Queue::drop(IntentionId id, Edit& edit) {
  remove(id);
  std::erase_if(edit.puts, [id](const auto& put) { return put.first == id; });
  edit.drops.push_back(id);
}

}  // namespace ftpsfs::writeback
