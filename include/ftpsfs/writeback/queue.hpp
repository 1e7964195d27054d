// SPDX-License-Identifier: MIT
//
// The order in which intentions are carried out. Those that speak of the same name, or of a name
// above or below, keep the order in which they were accepted; all others may run side by side. What
// has not been begun is merged with what comes later, so that a file that is renamed or removed
// while it waits never touches the wire.
//
// The journal is always ahead of the wire: nothing begins before the edit that made it is kept, and
// nothing that depends on it begins before the edit that ends it is. So at any moment what the
// journal holds can be carried out (again) from its beginning: only intentions on which no other
// one depends may have been carried out already.
//
// Pure: no I/O, no clock, no thread. Not thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "ftpsfs/writeback/intention.hpp"
#include "ftpsfs/writeback/name_index.hpp"

namespace ftpsfs::writeback {

class Queue {
 public:
  explicit Queue(NameCase name_case) : index_(name_case) {}

  /// What an earlier process left: each may have been carried out, without its being known.
  /// @param last_used no later id was ever given. @pre the queue is empty.
  void restore(const std::map<IntentionId, Intention>& left, IntentionId last_used);

  /// @return for the journal; then keep().
  Edit add(Intention intention);

  /// The edit is in the journal: what it put may begin.
  void keep(const Edit& edit);

  /// The edit could not be kept, and whoever asked for it is told so: what add() put is taken back.
  /// What was merged with something earlier stays, as that has been promised; it is as if kept.
  /// @return for the journal, where it undoes what may be there all the same.
  Edit withdraw(const Edit& edit);

  struct Started {
    IntentionId id = 0;
    Intention intention;
    /// It was begun before, here or by another process: it may have been carried out.
    bool again = false;
  };
  /// The first that may begin. @return nullopt: none may, now.
  std::optional<Started> take();

  /// It failed for a while, and may be taken again.
  void put_back(IntentionId id);

  /// It is carried out. What depends on it waits on until release().
  /// @param left what the server tells of the file that it leaves; nullopt: nothing is known.
  /// @return for the journal; then keep() and release().
  Edit finish(IntentionId id, const std::optional<remote::FileVersion>& left);
  void release(IntentionId id);

  /// The server will not have it. It is kept aside. What depends on it waits until release(): begun
  /// earlier, it might meet what a second try after a crash would do.
  /// @return for the journal.
  Edit refuse(IntentionId id, std::string reason);

  /// What was refused goes to the end of the queue. @return for the journal; then keep().
  Edit retry(IntentionId id);
  /// What was refused is given up. @return for the journal.
  Edit discard(IntentionId id);

  const std::map<IntentionId, Intention>& refused() const noexcept { return refused_; }

  /// All that is neither carried out nor refused, in its order.
  std::map<IntentionId, Intention> waiting() const;
  std::size_t size() const noexcept { return items_.size(); }
  /// Is anything owed that speaks of this path, of one above it or of one below it?
  bool touches(const remote::RemotePath& path) const;

 private:
  enum class State : std::uint8_t { waiting, begun, finished };
  struct Item {
    Intention intention;
    State state = State::waiting;
    bool begun_before = false;
    bool is_merged = false;  ///< stands for more than one
    /// Edits that put it and are not kept yet.
    unsigned unkept = 0;
  };
  using Items = std::map<IntentionId, Item>;

  /// Places `intention`, at `id`, merged with what is before it.
  /// @param replaced what was there until now; null: nothing.
  void place(IntentionId id, Intention intention, const Item* replaced, Edit& edit);
  void insert(IntentionId id, Item item);
  Item remove(IntentionId id);
  void judge(IntentionId id);
  void drop_superseded(const Intention& intention, Edit& edit);

  Items items_;
  NameIndex index_;
  std::set<IntentionId> ready_;
  std::map<IntentionId, Intention> refused_;
  IntentionId last_ = 0;
};

}  // namespace ftpsfs::writeback
