// SPDX-License-Identifier: MIT
//
// Sessions opened on demand, up to a limit, and lent out one caller at a time. Knows nothing of
// FTP: a session is what `PooledSession` says, so that the rules below are tested without a socket.
//
// Rules:
// - A lease is exclusive, and whoever waits for one holds none: no cycle among threads. Programs
//   are part of the wait graph too, so leases of streams are *yieldable*: when somebody waits and
//   only streams hold sessions, the oldest stream is asked to give way (once).
// - Streams (read, write) hold at most max(1, limit - 1) sessions: with two sessions or more,
//   metadata never waits for a whole file.
// - Waiters are served in the order of their coming; a stream that must wait for other streams
//   does not hold up metadata behind it.
// - The limit shrinks when the server lets no more in while others of ours live (421, 530, end of
//   file at login), and grows back one by one much later.
// - A refused password ends all logins, until forget_refusals(). After a session has died, only one
//   logs in at a time until a login succeeds: a changed password costs one failure, not eight.
// - The factory stands for an identity. When it is replaced (renew), no session of the old one is
//   lent any more: idle ones are closed, the others when they come back, and a login under way is
//   made again; what came of it teaches nothing.
// - After a failed dial the next one waits (backoff). Once a login has succeeded, an acquire rides
//   out an outage within its own deadline, until the grace is over; in a longer one it fails at
//   once. An outage begins when no session lives and none can be had: while one lives, what cannot
//   be had is one more. Who waits without end (Wait::is_endless) rides out any outage.
// - Who needs a session while all are lent dials one, unless one comes back within a round trip.
// More
//   are dialled in the background when somebody knows that they will be of use (grow).
// - When a session has died without a word (a router has forgotten it, an address has changed), the
//   idle ones may have, too: none of them is lent before it has given a sign of life.
// - Nobody waits for a session that comes back: the keeper takes in the replies that it still owes,
//   of all such sessions at a time. What only waits for the answer to a request that was made ahead
//   of need can be lent meanwhile.
// Thread-safe. One mutex, a leaf: no callback and no session is touched under it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/event_fd.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::session {

/// How ready for its next user a session is that nobody uses.
enum class Readiness : std::uint8_t {
  ready,      ///< nothing is owed
  expecting,  ///< a reply is on its way that the next user may take in as well: lend it
  owing,      ///< not to be lent before more replies have come
  lost,
};

/// What the pool needs of a session. Used by one thread at a time. Only probe() and quit() wait.
class PooledSession {
 public:
  virtual ~PooledSession() = default;
  /// What the log and the trace call it.
  virtual std::uint64_t number() const { return 0; }
  /// Of an idle session: takes in what has come. @return false when it is of no use any more.
  virtual bool is_lendable() = 0;
  /// Too old to be lent again, though it still answers (its TLS session is about to expire).
  virtual bool is_spent() { return false; }
  /// About to be idle: takes in what has come, ends what was cut, asks for what the next user will
  /// want. Called again when `descriptor()` is readable, as long as replies are to come.
  virtual Readiness rest() = 0;
  /// For poll(2).
  virtual int descriptor() const = 0;
  /// Sends one harmless command; rest() will take in the reply.
  virtual void ask_for_a_sign() = 0;
  /// One harmless command and its reply.
  virtual Result<void> probe(const Wait& wait) = 0;
  /// Says goodbye; failures do not matter.
  virtual void quit(const Wait& wait) = 0;
};

using SessionFactory = std::function<Result<std::unique_ptr<PooledSession>>(const Wait&)>;

enum class Purpose : std::uint8_t {
  metadata,
  listing,
  read,
  write,
  ahead,  ///< of need: acquire_spare()
};

struct PoolSettings {
  unsigned max_sessions = 8;
  /// Dial and login of one session.
  Duration connect_timeout = std::chrono::seconds(15);
  /// A session idle for longer is probed before a command that must not be lost.
  Duration probe_after = std::chrono::seconds(10);
  Duration probe_timeout = std::chrono::seconds(5);
  /// Idle sessions kept alive; the others are closed after `idle_close`.
  unsigned warm_sessions = 2;
  Duration idle_close = std::chrono::seconds(60);
  /// Below the idle limits of servers and of the tables of NAT boxes.
  Duration keep_alive = std::chrono::seconds(45);
  /// How long acquires ride out an outage, counted from its first failed dial.
  Duration outage_grace = std::chrono::seconds(30);
  Duration first_backoff = std::chrono::milliseconds(200);
  Duration longest_backoff = std::chrono::seconds(5);
  /// How long a learned limit holds before one more session is tried.
  Duration limit_memory = std::chrono::minutes(5);
  /// For the replies that a session still owes when it comes back.
  Duration settle_timeout = std::chrono::seconds(3);
  /// For how long others wait for such a session, and dial none in its place.
  Duration settle_soon = std::chrono::milliseconds(500);
  /// How long a session that has transferred is getting ready to do so again: until its next data
  /// connection stands. Empty: no time at all.
  std::function<SteadyClock::duration()> turnaround{};
  bool threads =
      true;  ///< the keeper and the dialler; tests call tend() and keep_house() themselves
};

struct PoolCounters {
  unsigned limit = 0;  ///< sessions that the server is believed to allow, at most max_sessions
  unsigned open = 0;
  unsigned idle = 0;
  unsigned waiting = 0;  ///< callers in the queue
  std::uint64_t logins = 0;
  std::uint64_t failed_logins = 0;
  std::uint64_t replaced = 0;     ///< sessions found dead or dropped after an error
  std::uint64_t preemptions = 0;  ///< streams asked to give way
  std::string trouble{};          ///< why no connection can be made now; empty: nothing is wrong
};

class SessionPool;

/// The right to use one session. Its end gives the session back, or drops it when told so.
class Lease {
 public:
  Lease() = default;
  ~Lease() { give_back(); }
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;

  explicit operator bool() const noexcept { return member_ != nullptr; }
  PooledSession& session() const;
  /// How long the session had been idle before this lease; zero when it is new.
  Duration idle_before() const noexcept { return idle_before_; }

  /// From now on the holder may be asked, once, to give the session back. `on_yield` runs on
  /// another thread (or on this one, inside this call, when somebody waits already), under no lock
  /// of the pool, never after give_back() has returned. It must not block.
  /// @pre the purpose is read or write.
  void offer(std::function<void()> on_yield);

  /// Drops the session when the error says that it is broken.
  void note(const Error& error) noexcept;
  void discard() noexcept { ending_ = std::max(ending_, Ending::broken); }

  /// Does the destructor's work now. Does not wait: what is owed is left to the keeper.
  void give_back() noexcept;

 private:
  friend class SessionPool;
  struct Member;
  enum class Ending : std::uint8_t {
    well,
    broken,
    silent,  ///< broken, and it was not told: an answer did not come
  };
  Lease(SessionPool* pool, Member* member, Duration idle_before)
      : pool_(pool), member_(member), idle_before_(idle_before) {}

  SessionPool* pool_ = nullptr;
  Member* member_ = nullptr;
  Duration idle_before_{0};
  Ending ending_ = Ending::well;
};

class SessionPool {
 public:
  SessionPool(PoolSettings settings, SessionFactory factory, const Clock& clock);
  /// @pre all leases are given back.
  ~SessionPool();
  SessionPool(const SessionPool&) = delete;
  SessionPool& operator=(const SessionPool&) = delete;

  /// Lends a session, dialling a new one when none is idle and the limit allows it.
  /// @param must_be_alive probe a session that was idle for long: for commands that are sent once.
  /// @errors timed_out, cancelled; closed (the pool is); login_refused (for good); what the dial
  /// gave: unreachable, untrusted, tls_failed, …; io_error in place of what trying again might
  /// mend, where the wait was endless: it was tried for as long as may be.
  Result<Lease> acquire(Purpose purpose, const Wait& wait, bool must_be_alive = false);

  /// An idle session, or none: does not wait, and pushes in front of nobody.
  std::optional<Lease> try_acquire(Purpose purpose);

  /// For work ahead of need: a session that leaves another one idle or to be dialled, or a new one,
  /// dialled here. Pushes in front of nobody.
  /// @param reserve places that are left to programs.
  std::optional<Lease> acquire_spare(const Wait& wait, unsigned reserve = 1);

  /// There will soon be work for as many sessions: what is missing is dialled in the background, as
  /// far as the limit goes.
  void grow(unsigned wanted);

  /// The keeper's work when replies have come for sessions that nobody uses. Does not wait.
  void tend();

  /// One round of the keeper: keeps warm sessions alive, closes those too many or idle for long.
  void keep_house();

  /// Another identity: the sessions that there are serve out their leases, and are closed; what was
  /// refused is tried again. Does not wait.
  void renew(SessionFactory factory);

  /// Somebody has seen to the account or to the server: what was refused is tried again.
  void forget_refusals();

  /// From now on nobody rides out an outage for longer than the grace: the mount is to end.
  void end_endless_waits();
  /// Does this wait go on for as long as the link is away?
  bool waits_for_ever(const Wait& wait) const;

  /// Wakes all waiters with an error and QUITs the idle sessions; the others are dropped as their
  /// leases end.
  void close(const Wait& wait);

  PoolCounters counters() const;

 private:
  friend class Lease;
  using Member = Lease::Member;
  struct Waiter;
  /// A holder to be asked: found again by its grant, as it may have gone meanwhile.
  struct Request {
    std::uint64_t grant;
    std::function<void()> on_yield;
  };
  enum class Verdict : std::uint8_t { give_up, try_again };

  Result<Lease> find_session(Purpose purpose, const Wait& wait, bool must_be_alive);
  Result<Member*> admit(Purpose purpose, bool first_in_line, const Wait& wait);
  std::optional<Lease> lend_idle(Member* member);
  bool is_fit(Member& member, const Wait& wait, bool must_be_alive);
  void drop(Member* member);
  /// @param verdict on a failure: then the member is gone.
  Result<void> dial(Member* member, const Wait& wait, Verdict& verdict);
  void take_in(Member* member) FTPSFS_REQUIRES(mutex_);
  Verdict judge_failed_dial(Error& error, const Wait& wait) FTPSFS_REQUIRES(mutex_);
  void learn_limit(const Error& error, unsigned others) FTPSFS_REQUIRES(mutex_);
  void note_outage(const Error& error) FTPSFS_REQUIRES(mutex_);
  [[nodiscard]] std::vector<Request> try_refused_again() FTPSFS_REQUIRES(mutex_);

  std::vector<Request> serve_queue() FTPSFS_REQUIRES(mutex_);
  Member* choose_idle(Purpose purpose) const FTPSFS_REQUIRES(mutex_);
  bool try_grant(Waiter& waiter, bool may_dial) FTPSFS_REQUIRES(mutex_);
  void grant(Waiter& waiter, Member& member) FTPSFS_REQUIRES(mutex_);
  void wake_waiters() FTPSFS_REQUIRES(mutex_);
  std::vector<Request> choose_requests() FTPSFS_REQUIRES(mutex_);
  void send_requests(std::vector<Request> requests);
  /// @param wait of who asks; null: it does not wait.
  std::optional<Error> refusal(const Wait* wait = nullptr) const FTPSFS_REQUIRES(mutex_);
  bool rides_out(const Wait& wait) const FTPSFS_REQUIRES(mutex_);
  bool is_grace_over() const FTPSFS_REQUIRES(mutex_);
  SteadyTime end_of_pause(const Wait& wait) const FTPSFS_REQUIRES(mutex_);
  std::unique_ptr<Member> remove(Member* member) FTPSFS_REQUIRES(mutex_);
  unsigned count_live() const FTPSFS_REQUIRES(mutex_);
  unsigned count_current() const FTPSFS_REQUIRES(mutex_);
  unsigned count_bulk() const FTPSFS_REQUIRES(mutex_);
  unsigned bulk_limit() const FTPSFS_REQUIRES(mutex_);

  void release(Member* member, Lease::Ending ending) noexcept;
  bool is_closed() const;
  void keep(Member* member) FTPSFS_REQUIRES(mutex_);
  void make_idle(Member* member, Readiness readiness) FTPSFS_REQUIRES(mutex_);
  void finish_turn(Member* member, Readiness readiness);
  std::size_t count_coming_back() const FTPSFS_REQUIRES(mutex_);
  void offer(Member* member, std::function<void()> on_yield);
  void wait_for_callback(Member* member) FTPSFS_REQUIRES(mutex_);

  Member* take_due_for_closing(SteadyTime now);
  Member* take_retired();
  void part_with(Member* member);
  void ask_for_signs(SteadyTime now, Duration silent_for);
  Member* take_due_for_probe(SteadyTime now, Duration silent_for);
  /// A machine that slept finds routers that have forgotten its connections, and nobody tells.
  void doubt_after_sleep();
  std::vector<Member*> take_what_expects();
  Member* take_spare(unsigned reserve) FTPSFS_REQUIRES(mutex_);
  bool may_dial_ahead() const FTPSFS_REQUIRES(mutex_);
  bool may_grow() const FTPSFS_REQUIRES(mutex_);
  Member* add_leased_member(Purpose purpose) FTPSFS_REQUIRES(mutex_);
  void note_failed_dial_ahead(const Error& error);
  void dial_ahead(Member* member, const std::stop_token& stop);
  void run_dialler(const std::stop_token& stop);
  void await_work(SteadyTime next_round);
  void grow_limit(SteadyTime now) FTPSFS_REQUIRES(mutex_);
  void run_keeper(const std::stop_token& stop);

  const PoolSettings settings_;
  const Clock& clock_;
  std::atomic<std::chrono::nanoseconds> slept_;  ///< as far as it has been noticed

  mutable Mutex mutex_;
  SessionFactory factory_ FTPSFS_GUARDED_BY(mutex_);
  std::uint64_t generation_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< counts factories
  ConditionVariable callback_ended_;  ///< for who gives back a session that is being asked for
  std::list<std::unique_ptr<Member>> members_ FTPSFS_GUARDED_BY(mutex_);
  std::list<Waiter*> queue_ FTPSFS_GUARDED_BY(mutex_);  ///< on their threads' stacks
  std::uint64_t grants_ FTPSFS_GUARDED_BY(mutex_) = 0;
  bool closed_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool endless_waits_ended_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool ever_logged_in_ FTPSFS_GUARDED_BY(mutex_) = false;
  /// A login has succeeded, and no session has died since.
  bool login_proved_ FTPSFS_GUARDED_BY(mutex_) = false;

  // What the server's refusals taught.
  unsigned limit_ FTPSFS_GUARDED_BY(mutex_);
  bool limit_is_final_ FTPSFS_GUARDED_BY(mutex_) = false;
  SteadyTime limit_learned_ FTPSFS_GUARDED_BY(mutex_);
  std::optional<Error> login_refused_ FTPSFS_GUARDED_BY(mutex_);

  // Dials fail: none has succeeded since.
  std::optional<Error> outage_ FTPSFS_GUARDED_BY(mutex_);
  SteadyTime outage_began_ FTPSFS_GUARDED_BY(mutex_);
  /// The first of them with no session alive beside it.
  std::optional<SteadyTime> cut_off_since_ FTPSFS_GUARDED_BY(mutex_);
  SteadyTime next_dial_ FTPSFS_GUARDED_BY(mutex_);
  Duration backoff_ FTPSFS_GUARDED_BY(mutex_){0};

  PoolCounters counters_ FTPSFS_GUARDED_BY(mutex_);
  const EventFd keeper_wake_;
  ConditionVariable dialler_work_;
  unsigned grow_to_ FTPSFS_GUARDED_BY(mutex_) = 0;   ///< sessions that would be of use
  SteadyTime grow_after_ FTPSFS_GUARDED_BY(mutex_);  ///< not before, after a failure
  std::jthread keeper_;
  std::jthread dialler_;
};

}  // namespace ftpsfs::session
