// SPDX-License-Identifier: MIT
//
// Accepts changes, and brings them to the server: journal, queue and a few threads that carry out.
// What was accepted is found again by the next courier with the same journal, whatever becomes of
// this one. A link that fails is tried again for ever; what the server refuses is kept and told.
//
// Thread-safe. The end of it leaves in the journal what has not arrived.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/writeback/delivery.hpp"
#include "ftpsfs/writeback/journal.hpp"
#include "ftpsfs/writeback/queue.hpp"
#include "ftpsfs/writeback/retry_schedule.hpp"
#include "ftpsfs/writeback/shared_looks.hpp"

namespace ftpsfs::writeback {

struct CourierSettings {
  unsigned threads = 6;  ///< how much is carried out side by side; each needs a connection
  DeliveryLimits limits;
  /// Between two tries of what failed; each time twice as long.
  Duration first_pause{1'000};
  Duration longest_pause{60'000};
  /// Content beyond that is accepted only when some has arrived.
  std::uint64_t most_content_bytes = 10ULL << 30;
  /// What the changes themselves may take in memory: see change_cost(). Beyond that, one is
  /// accepted only when some have arrived.
  std::uint64_t most_change_bytes = 128ULL << 20;
  std::uint64_t mount = 0;  ///< makes the hidden names of two mounts different
  /// Called under the courier's mutex when one has ended, before anything that depends on it is
  /// told or begun: it may note things in memory.
  std::function<void(const Intention&, const Result<Delivered>&)> on_end = {};
  /// Called without a mutex when the server turned out to be other than programs were told.
  std::function<void(const Intention&)> on_surprise = {};
};

class Courier {
 public:
  /// What the journal holds is carried out at once. `remote` and `clock` must outlive it.
  Courier(std::unique_ptr<Journal> journal, remote::Remote& remote, const Clock& clock,
          CourierSettings settings);
  /// Cuts what is under way.
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  /// Room for the bytes of an upload; of no use when the courier has gone.
  std::unique_ptr<ContentDraft> draft() { return journal_->draft(); }

  /// Room in the journal for bytes of an upload that are not accepted yet: to be had before they
  /// are written, and given back behind the acceptance, or when there will be none.
  /// @errors no_space: the journal is full, and nothing of it arrives in time; cancelled.
  Result<void> take_room(std::uint64_t bytes, const Wait& wait);
  void give_room_back(std::uint64_t bytes);

  /// Decides, from what is owed, what is to be accepted. Under the courier's mutex: from memory.
  using Choice = std::function<Result<Intention>(const Queue&)>;

  /// Returns when the change is safe on this machine's disk. Waits before for whoever has a
  /// Passage, and for room.
  /// @param choose called once more whenever there was a wait: much may be other then.
  /// @param content of an upload, sealed; else null. Taken over when the change is noted.
  /// @param on_noted called under the courier's mutex when the change begins to show.
  /// @errors those of `choose`; no_space: the journal or the disk is full; name_too_long; io_error:
  /// the disk failed; timed_out, cancelled. After an error the change is not made, unless it was
  /// merged with an earlier one that still waited, or this process is killed before the journal
  /// says so.
  Result<void> accept(const Choice& choose, std::unique_ptr<ContentDraft>& content,
                      const Wait& wait, const std::function<void()>& on_noted = {});
  Result<void> accept(Intention intention, std::unique_ptr<ContentDraft> content, const Wait& wait);

  /// For a change that the server is asked for itself: as long as it lives, nothing is owed for its
  /// names, and nothing is accepted for them. What comes while it is waited for waits for it.
  class Passage {
   public:
    Passage(Courier& courier, IntentionId number, Intention names, Wait wait)
        : courier_(&courier), number_(number), names_(std::move(names)), wait_(std::move(wait)) {}
    ~Passage();
    Passage(Passage&& other) noexcept;
    Passage& operator=(Passage&&) = delete;

    /// That of whoever asked, begun anew: what was owed has taken its time.
    const Wait& wait() const noexcept { return wait_; }

   private:
    Courier* courier_;
    IntentionId number_;
    Intention names_;
    Wait wait_;
  };
  /// Waits as await() does, for both names.
  Result<Passage> pass(const remote::RemotePath& path, const remote::RemotePath& other,
                       const Wait& wait);

  /// For looking at what is owed.
  template <typename Look>
  auto look(Look look) const {
    const MutexLock lock(mutex_);
    return look(queue_);
  }

  /// Return when nothing is owed any more of what had been accepted, when they were called, for
  /// this path, or for one above or below it. As long as something moves on, the wait begins
  /// anew, but for one path (not the root) for which something fails again and again. Each wait
  /// begins with a try, if there is a pause between two.
  Result<void> await(const remote::RemotePath& path, const Wait& wait);
  Result<void> await_all(const Wait& wait);
  /// The same, with the verdict. @errors also io_error: the server has refused an upload to `path`,
  /// to this courier, and has taken no other content for it since.
  Result<void> await_verdict(const remote::RemotePath& path, const Wait& wait);

  /// What is owed, without what was refused.
  std::map<IntentionId, Intention> waiting() const;
  std::map<IntentionId, Intention> refused() const;
  /// Tries what was refused once more. @return how many.
  Result<std::size_t> retry_refused(const Wait& wait);
  /// Gives up what was refused. @return how many.
  Result<std::size_t> discard_refused(const Wait& wait);
  /// For looking at content, and for taking it out.
  const Journal& journal() const noexcept { return *journal_; }

  /// The server was asked for a change itself, without the courier.
  void forget_looks() { looks_.forget_all(); }
  /// It has taken other content for this name, or has removed it: what was refused for it earlier
  /// is kept, and no verdict on it any more.
  void forget_verdict(const remote::RemotePath& path);

  /// The link may be back: no more pauses.
  void hurry();

  struct Counters {
    std::uint64_t waiting = 0;
    std::uint64_t refused = 0;
    std::uint64_t delivered = 0;
    std::uint64_t conflicts = 0;
    std::uint64_t given_up = 0;  ///< refused, and not worth keeping: attributes, removals, renames
    std::uint64_t left_behind = 0;  ///< hidden files that may have stayed on the server
    std::uint64_t content_bytes = 0;
    std::string problem;  ///< why it does not go on; empty while it does
  };
  Counters counters() const;

 private:
  struct Attempt {
    Result<Delivered> outcome;
    std::optional<remote::FileVersion> remains;  ///< see Delivery::remains()
    SteadyTime begun = {};
    bool is_asked = true;  ///< the server was; else what failed was this machine's disk
  };

  /// What is concluded, and not on the disk yet.
  struct Ended {
    IntentionId id = 0;
    Edit edit;
    Journal::Ticket ticket = 0;
    bool is_surprise = false;
    Intention intention;
  };

  /// What one thread is at.
  struct Work {
    std::vector<Queue::Started> batch;
    std::size_t concluded = 0;  ///< so many of the batch: ended, or put back
    std::vector<Ended> ended;
    bool is_early = false;  ///< begun in the link's pause, which an answer of the server ends
  };

  void serve(const std::stop_token& stop);
  void await_work(Work& work, const std::stop_token& stop);
  void take(Work& work) FTPSFS_REQUIRES(mutex_);
  void carry_out(Work& work, const std::stop_token& stop);
  std::vector<std::optional<Attempt>> attempt(const std::vector<Queue::Started>& batch,
                                              const std::stop_token& stop);
  void put_back(Work& work, const char* why);
  static bool is_answered(const std::optional<Attempt>& attempt);
  SteadyTime wake() FTPSFS_REQUIRES(mutex_);
  Attempt deliver(const Queue::Started& started, const std::stop_token& stop);
  void conclude(Work& work, const Attempt& attempt);
  void note_verdict(IntentionId refused) FTPSFS_REQUIRES(mutex_);
  void note_failure(const Queue::Started& started, const Error& why, SteadyTime begun);
  /// Brings the edits that end intentions to the disk, however long that takes.
  void end(const std::vector<Ended>& ended, const std::stop_token& stop);
  void tell_surprises(const std::vector<Ended>& ended) const;
  Result<std::size_t> change_refused(const std::function<Edit(Queue&, IntentionId)>& how,
                                     const Wait& wait);
  Result<Intention> choose_when_it_may(const Choice& choose, const Wait& wait)
      FTPSFS_REQUIRES(mutex_);
  template <typename HasRoom, typename MayCome>
  Result<void> await_room(const Wait& wait, HasRoom has_room, MayCome may_come)
      FTPSFS_REQUIRES(mutex_);
  template <typename Reached>
  Result<void> await_progress(const Wait& wait, const char* what, Reached reached)
      FTPSFS_REQUIRES(mutex_);
  template <typename Reached, typename Hopeless>
  Result<void> await_progress(const Wait& wait, const char* what, Reached reached,
                              Hopeless hopeless) FTPSFS_REQUIRES(mutex_);
  /// Called once by each that begins to wait for something owed for these names.
  void begin_wait(const Intention& names) FTPSFS_REQUIRES(mutex_);
  void end_passage(IntentionId number, const Intention& names) FTPSFS_REQUIRES(mutex_);
  void note_change() FTPSFS_REQUIRES(mutex_);

  const std::unique_ptr<Journal> journal_;
  remote::Remote& remote_;
  const Clock& clock_;
  const CourierSettings settings_;
  SharedLooks looks_;

  mutable Mutex mutex_;
  ConditionVariable changed_;
  std::uint64_t changes_ FTPSFS_GUARDED_BY(mutex_) = 0;
  Queue queue_ FTPSFS_GUARDED_BY(mutex_);
  // Changes that the server is asked for itself, under numbers of their own.
  NameIndex passing_ FTPSFS_GUARDED_BY(mutex_);      ///< all of them
  NameIndex passing_now_ FTPSFS_GUARDED_BY(mutex_);  ///< those that wait for nothing any more
  IntentionId last_passing_ FTPSFS_GUARDED_BY(mutex_) = 0;
  RetrySchedule retries_ FTPSFS_GUARDED_BY(mutex_);
  std::map<IntentionId, UploadTries> tries_ FTPSFS_GUARDED_BY(mutex_);  ///< of those not ended
  std::set<IntentionId> verdicts_ FTPSFS_GUARDED_BY(mutex_);  ///< of the refused: what fsync tells
  std::uint64_t delivered_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t conflicts_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t given_up_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t left_behind_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t reserved_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< bytes of uploads to come
  /// Rises with each piece of content that is sent for the first time, and with each intention that
  /// has arrived.
  std::atomic<std::uint64_t> progress_{0};
  std::string problem_ FTPSFS_GUARDED_BY(mutex_);

  std::vector<std::jthread> threads_;
};

}  // namespace ftpsfs::writeback
