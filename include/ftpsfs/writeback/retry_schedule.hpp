// SPDX-License-Identifier: MIT
//
// When what has failed is tried again: pauses that grow, of the link for all and of each change
// that fails on its own, and tries at once for whoever begins to wait.
//
// Pure: whoever has it says what the time is. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/writeback/intention.hpp"
#include "ftpsfs/writeback/name_index.hpp"

namespace ftpsfs::writeback {

class RetrySchedule {
 public:
  /// Pauses between two tries: the first, and the longest; each is twice as long as the one before.
  RetrySchedule(NameCase name_case, Duration first_pause, Duration longest_pause)
      : name_case_(name_case), first_pause_(first_pause), longest_pause_(longest_pause) {}

  /// Somebody begins to wait for what is owed. What failed some time ago says nothing of now, and
  /// whoever waits has less time than the pauses last. One try of the link, and one of each that
  /// fails on its own, begin behind it, however many wait: against a server that is down, programs
  /// cause no more tries than they begin waits. The pauses go on as they would have done if those
  /// tries fail.
  void want_try(SteadyTime now);
  /// The same, for what is owed for these names.
  void want_try(const Intention& names, SteadyTime now);

  /// The link may be back: no more pauses.
  void hurry();

  /// Does the link's pause last?
  bool is_link_pausing(SteadyTime now) const { return now < link_until_; }
  /// May something begin that waited for the link alone?
  bool may_begin(SteadyTime now) const { return is_try_wanted_ || !is_link_pausing(now); }
  /// What the wanted try should be of; null: of anything. Of many that wait, the last one's names:
  /// the link is tried by any of them.
  const Intention* wanted() const { return wanted_ ? &*wanted_ : nullptr; }
  /// The wanted try is under way.
  void note_begun() {
    is_try_wanted_ = false;
    wanted_.reset();
  }

  /// The server has answered: the link is there.
  void note_answer() { link_until_ = {}; }
  /// @param begun when the try that failed had begun. What began before somebody waited, says
  /// nothing to them.
  /// @param progress that of everything; where it has risen since the last pause, pauses begin
  /// anew.
  void note_link_failure(SteadyTime begun, SteadyTime now, std::uint64_t progress);
  /// This one fails on its own, and waits for its next try.
  void note_failure(IntentionId id, const Intention& intention, SteadyTime now);
  /// Arrived or refused.
  void note_end(IntentionId id) { pausing_.erase(id); }
  /// Something has arrived.
  void note_arrival() { link_pause_ = Duration(0); }

  /// What of these names fails on its own.
  std::vector<IntentionId> failing(const Intention& names) const;

  struct Woken {
    std::vector<IntentionId> ids;  ///< to be tried again
    SteadyTime next;               ///< when more may be; later than `now`
  };
  /// Those whose pause is over.
  /// @param latest when to ask again in any case
  Woken wake(SteadyTime now, SteadyTime latest);

  /// The pause behind one of this length.
  Duration longer(Duration pause) const;

 private:
  struct Pausing {
    Intention intention;
    SteadyTime until;
    Duration pause{0};
    bool is_over = false;  ///< tried again, or about to be
    /// Somebody has begun to wait for it since its last try began to be possible.
    bool is_try_wanted = false;
  };

  const NameCase name_case_;
  const Duration first_pause_;
  const Duration longest_pause_;
  std::map<IntentionId, Pausing> pausing_;
  SteadyTime link_until_;  ///< nothing is tried before, unless wanted
  Duration link_pause_{0};
  std::uint64_t progress_at_pause_ = 0;  ///< of the link
  bool is_try_wanted_ = false;           ///< since the last try began
  std::optional<Intention> wanted_;      ///< these names, by the last one
  SteadyTime wanted_at_;                 ///< when the last one has begun to wait
};

}  // namespace ftpsfs::writeback
