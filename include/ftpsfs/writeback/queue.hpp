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
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ftpsfs/writeback/intention.hpp"
#include "ftpsfs/writeback/merge.hpp"
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
  /// Would add() find something that it can merge this with, so that there are no more than before?
  bool would_merge(const Intention& intention) const;

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
    bool goes_alone = false;  ///< see put_back_alone()
  };
  /// The first that may begin. @return nullopt: none may, now.
  /// @param wanted one for these names goes before all others; null: they are all the same.
  std::optional<Started> take(const Intention* wanted = nullptr);

  /// More that may begin, and remove files in the directory in which `first` removes one.
  std::vector<Started> take_removals_beside(const Started& first, std::size_t most);

  /// It failed for a while, and may be taken again.
  void put_back(IntentionId id);
  /// The same, of one that could not go with others: it is taken by itself the next time.
  void put_back_alone(IntentionId id);

  /// It is carried out. What depends on it waits on until release().
  /// @param left what the server tells of the file that it leaves; nullopt: nothing is known.
  /// @param elsewhere the name belongs to others now, and what is ours lies here: what was accepted
  /// for it since is carried out there.
  /// @return for the journal; then keep() and release().
  Edit finish(IntentionId id, const std::optional<remote::FileVersion>& left,
              const std::optional<remote::RemotePath>& elsewhere = std::nullopt);
  void release(IntentionId id);

  /// The server will not have it. Uploads and directories are kept aside, all else is given up.
  /// What depends on it waits until release(): begun earlier, it might meet what a second try after
  /// a crash would do. It takes with it what programs have done to the file or directory meanwhile:
  /// what is kept has the name and the attributes that they have given it last, and is given up
  /// where they have removed or overwritten it.
  /// @param remains what it has left under its name all the same.
  /// @return for the journal; then keep().
  Edit refuse(IntentionId id, std::string reason,
              const std::optional<remote::FileVersion>& remains = std::nullopt);

  /// What was refused goes to the end of the queue. @return for the journal; then keep().
  Edit retry(IntentionId id);
  /// What was refused is given up. @return for the journal.
  Edit discard(IntentionId id);

  const std::map<IntentionId, Intention>& refused() const noexcept { return refused_; }

  /// All that is neither carried out nor refused, in its order.
  std::map<IntentionId, Intention> waiting() const;
  std::size_t size() const noexcept { return items_.size(); }
  /// The latest id that was ever given.
  IntentionId last() const noexcept { return last_; }
  /// Is anything owed that speaks of this path, of one above it or of one below it?
  bool touches(const remote::RemotePath& path) const { return touches(path, last_); }
  /// The same, of what was accepted up to `last`.
  bool touches(const remote::RemotePath& path, IntentionId last) const;

  using Each = std::function<void(IntentionId, const Intention&)>;
  /// All that speak of this very path and are not released yet, in their order.
  void for_each_at(const remote::RemotePath& path, const Each& take) const;
  bool owes_at(const remote::RemotePath& path) const { return !index_.at(path).empty(); }
  bool owes_below(const remote::RemotePath& path) const { return index_.has_below(path); }
  /// The names right in this directory that anything speaks of, each once.
  std::vector<remote::RemotePath> names_in(const remote::RemotePath& directory) const;
  NameCase name_case() const noexcept { return index_.name_case(); }
  bool same(const remote::RemotePath& a, const remote::RemotePath& b) const;

 private:
  enum class State : std::uint8_t { waiting, begun, finished };
  struct Item {
    Intention intention;
    State state = State::waiting;
    bool begun_before = false;
    bool is_merged = false;  ///< stands for more than one
    bool goes_alone = false;
    /// Edits that put it and are not kept yet.
    unsigned unkept = 0;
    // Of one that is finished: what the server has under its name, and under a rename's old one.
    std::optional<Base> left;
    std::optional<Base> left_at_source;
  };
  using Items = std::map<IntentionId, Item>;

  Started as_started(IntentionId id) const;
  void note_begun(IntentionId id) noexcept;

  /// Places `intention`, at `id`, merged with what is before it.
  /// @param replaced what was there until now; null: nothing.
  void place(IntentionId id, Intention intention, const Item* replaced, Edit& edit);
  std::optional<Merged> merge_behind(IntentionId earlier, const Intention& intention) const;
  void insert(IntentionId id, Item item);
  Item remove(IntentionId id);
  void judge(IntentionId id);
  void drop_superseded(const Intention& intention, Edit& edit);
  /// The intention's word on what `path` is on the server before it; null: it has none.
  Base* base_at(Intention& intention, const remote::RemotePath& path) const;
  void learn_from_finished(Intention& intention, IntentionId id) const;
  bool moves_refused(const Intention& intention, IntentionId before, Edit& edit);
  void change(IntentionId id, Intention intention, Edit& edit);
  void drop(IntentionId id, Edit& edit);
  /// What an intention leaves becomes the base of the next one that was accepted for the path.
  void resolve(const remote::RemotePath& path, IntentionId behind, const Base& left, Edit& edit);
  void redirect(const remote::RemotePath& path, IntentionId behind,
                const remote::RemotePath& elsewhere, const Base& left, Edit& edit);
  bool fold_behind(IntentionId id, Intention& refused, Edit& edit);

  Items items_;
  NameIndex index_;
  std::set<IntentionId> ready_;
  std::map<IntentionId, Intention> refused_;
  IntentionId last_ = 0;
};

}  // namespace ftpsfs::writeback
