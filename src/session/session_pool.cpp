// SPDX-License-Identifier: MIT
#include "ftpsfs/session/session_pool.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "session_pool_member.hpp"

namespace ftpsfs::session {
namespace {

bool is_bulk(Purpose purpose) {
  return purpose == Purpose::read || purpose == Purpose::write;
}

/// How long give_back() waits for an on_yield that runs: it must not block, so this is a bug's end.
constexpr Duration kCallbackLimit = std::chrono::seconds(10);

}  // namespace

// ---- Lease ----

Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      member_(std::exchange(other.member_, nullptr)),
      idle_before_(other.idle_before_),
      ending_(other.ending_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    give_back();
    pool_ = std::exchange(other.pool_, nullptr);
    member_ = std::exchange(other.member_, nullptr);
    idle_before_ = other.idle_before_;
    ending_ = other.ending_;
  }
  return *this;
}

PooledSession& Lease::session() const {
  return *member_->session;
}

void Lease::offer(std::function<void()> on_yield) {
  pool_->offer(member_, std::move(on_yield));
}

void Lease::note(const Error& error) noexcept {
  if (error.fate == SessionFate::broken) {
    ending_ = std::max(ending_, error.code == Errc::timed_out ? Ending::silent : Ending::broken);
  }
}

void Lease::give_back() noexcept {
  if (member_ != nullptr) {
    std::exchange(pool_, nullptr)->release(std::exchange(member_, nullptr), ending_);
  }
}

// ---- SessionPool: life ----

SessionPool::SessionPool(PoolSettings settings, SessionFactory factory, const Clock& clock)
    : settings_(std::move(settings)),
      clock_(clock),
      slept_(clock.slept()),
      factory_(std::move(factory)),
      limit_(std::max(1U, settings_.max_sessions)) {
  if (settings_.threads) {
    keeper_ = std::jthread([this](const std::stop_token& stop) { run_keeper(stop); });
    dialler_ = std::jthread([this](const std::stop_token& stop) { run_dialler(stop); });
  }
}

SessionPool::~SessionPool() {
  close(Wait::for_at_most(kGoodbyeLimit));
  const MutexLock lock(mutex_);
  assert(members_.empty() && "a lease outlives its pool");
}

void SessionPool::close(const Wait& wait) {
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    wake_waiters();
  }
  for (std::jthread* const thread : {&keeper_, &dialler_}) {
    if (thread->joinable()) {
      thread->request_stop();
      thread->join();
    }
  }
  std::vector<std::unique_ptr<Member>> idle;
  {
    const MutexLock lock(mutex_);
    for (auto at = members_.begin(); at != members_.end();) {
      if ((*at)->leased && !(*at)->kept) {
        ++at;
      } else {
        idle.push_back(std::move(*at));
        at = members_.erase(at);
      }
    }
  }
  for (auto& member : idle) {
    member->session->quit(wait.no_longer_than(kGoodbyeLimit));
  }
}

PoolCounters SessionPool::counters() const {
  const MutexLock lock(mutex_);
  PoolCounters now = counters_;
  now.limit = limit_;
  now.open = count_live();
  now.waiting = static_cast<unsigned>(queue_.size());
  now.trouble = login_refused_ ? login_refused_->text : outage_ ? outage_->text : std::string();
  now.idle = static_cast<unsigned>(std::count_if(
      members_.begin(), members_.end(), [](const auto& member) { return !member->leased; }));
  return now;
}

// ---- SessionPool: admission ----

Result<Lease> SessionPool::acquire(Purpose purpose, const Wait& wait, bool must_be_alive) {
  auto lease = find_session(purpose, wait, must_be_alive);
  if (!lease && wait.is_endless() && is_link_failure(lease.error().code)) {
    lease.error().code = Errc::io_error;  // else who waits without end would ask without end
  }
  return lease;
}

Result<Lease> SessionPool::find_session(Purpose purpose, const Wait& wait, bool must_be_alive) {
  bool first_in_line = false;
  doubt_after_sleep();
  for (;;) {
    FTPSFS_TRY_ASSIGN(Member* const member, admit(purpose, first_in_line, wait));
    first_in_line = true;  // whatever comes now, it has waited for its turn already
    if (member->session != nullptr) {
      const auto idle = std::chrono::duration_cast<Duration>(clock_.now() - member->idle_since);
      if (is_fit(*member, wait.uncancellable(), must_be_alive && idle > settings_.probe_after)) {
        return Lease(this, member, idle);
      }
      drop(member);
      continue;
    }
    Verdict verdict = Verdict::give_up;
    auto dialled = dial(member, wait, verdict);
    if (dialled) {
      return Lease(this, member, Duration{0});
    }
    if (verdict == Verdict::give_up) {
      return std::move(dialled).error();
    }
  }
}

std::optional<Lease> SessionPool::try_acquire(Purpose purpose) {
  Member* member = nullptr;
  doubt_after_sleep();
  {
    const MutexLock lock(mutex_);
    Waiter waiter(purpose);
    if (!queue_.empty() || refusal() || !try_grant(waiter, false)) {
      return std::nullopt;
    }
    member = waiter.member;
  }
  return lend_idle(member);
}

/// One that was idle and is leased now, if it is of use still.
std::optional<Lease> SessionPool::lend_idle(Member* member) {
  if (is_fit(*member, {}, false)) {
    return Lease(this, member,
                 std::chrono::duration_cast<Duration>(clock_.now() - member->idle_since));
  }
  drop(member);
  return std::nullopt;
}

SessionPool::Member* SessionPool::take_spare(unsigned reserve) {
  const auto count = [this](auto predicate) FTPSFS_NO_ANALYSIS {
    return static_cast<unsigned>(std::count_if(members_.begin(), members_.end(), predicate));
  };
  const unsigned idle = count([](const auto& each) { return !each->leased; });
  const unsigned ahead =
      count([](const auto& each) { return each->leased && each->purpose == Purpose::ahead; });
  const auto size = static_cast<unsigned>(members_.size());
  if (!queue_.empty() || refusal() || ahead + reserve >= std::max(limit_, 1 + reserve)) {
    return nullptr;
  }
  if (idle > reserve) {
    Waiter waiter(Purpose::ahead);
    return try_grant(waiter, false) ? waiter.member : nullptr;
  }
  // One that is idle is part of the reserve.
  const bool leaves_room = size + reserve < limit_ + std::min(idle, reserve);
  return leaves_room && may_dial_ahead() ? add_leased_member(Purpose::ahead) : nullptr;
}

std::optional<Lease> SessionPool::acquire_spare(const Wait& wait, unsigned reserve) {
  Member* member = nullptr;
  doubt_after_sleep();
  {
    const MutexLock lock(mutex_);
    member = take_spare(reserve);
  }
  if (member == nullptr) {
    return std::nullopt;
  }
  if (member->session != nullptr) {
    return lend_idle(member);
  }
  Verdict verdict = Verdict::give_up;
  auto dialled = dial(member, wait, verdict);
  if (!dialled) {
    note_failed_dial_ahead(dialled.error());
    return std::nullopt;
  }
  return Lease(this, member, Duration{0});
}

Result<SessionPool::Member*> SessionPool::admit(Purpose purpose, bool first_in_line,
                                                const Wait& wait) {
  Waiter waiter(purpose);
  MutexLock lock(mutex_);
  const auto place = queue_.insert(first_in_line ? queue_.begin() : queue_.end(), &waiter);
  for (;;) {
    if (auto refused = refusal(&wait)) {
      queue_.erase(place);
      return *std::move(refused);
    }
    auto requests = serve_queue();
    if (!requests.empty()) {
      lock.unlock();
      send_requests(std::move(requests));
      lock.lock();
    }
    if (waiter.member != nullptr) {
      return waiter.member;
    }
    // A backoff that ends is nobody's event: wake up for it.
    const bool backing_off = outage_ && next_dial_ > SteadyClock::now();
    const Wait limit =
        backing_off ? Wait{std::min(end_of_pause(wait), wait.deadline), wait.stop} : wait;
    waiter.turn.wait(mutex_, limit, [this, &waiter, &wait, backing_off]() FTPSFS_NO_ANALYSIS {
      const bool still_backing_off = outage_ && next_dial_ > SteadyClock::now();
      return waiter.member != nullptr || refusal(&wait).has_value() ||
             backing_off != still_backing_off;
    });
    if (waiter.member != nullptr) {
      return waiter.member;
    }
    if (wait.stop.stop_requested() || wait.expired()) {
      queue_.erase(place);
      return wait.give_up("a free connection");
    }
  }
}

std::optional<Error> SessionPool::refusal(const Wait* wait) const {
  if (closed_) {
    return make_error(Errc::closed, "the connection to the server is being shut down");
  }
  if (login_refused_) {
    return login_refused_;
  }
  // In a long outage programs get their error at once, and one of them dials now and then.
  const bool is_long = outage_ && SteadyClock::now() < next_dial_ && is_grace_over();
  if (is_long && (wait == nullptr || !rides_out(*wait))) {
    return outage_;
  }
  return std::nullopt;
}

bool SessionPool::rides_out(const Wait& wait) const {
  return wait.is_endless() && !endless_waits_ended_;
}

bool SessionPool::waits_for_ever(const Wait& wait) const {
  const MutexLock lock(mutex_);
  return rides_out(wait) && !closed_;
}

void SessionPool::end_endless_waits() {
  const MutexLock lock(mutex_);
  endless_waits_ended_ = true;
  wake_waiters();
}

bool SessionPool::is_grace_over() const {
  return cut_off_since_ && clock_.now() - *cut_off_since_ >= settings_.outage_grace;
}

/// When the next dial is due, or the grace ends before it.
SteadyTime SessionPool::end_of_pause(const Wait& wait) const {
  if (!cut_off_since_ || is_grace_over() || rides_out(wait)) {
    return next_dial_;
  }
  const auto left = settings_.outage_grace - (clock_.now() - *cut_off_since_);
  return std::min(next_dial_, SteadyClock::now() + left);
}

unsigned SessionPool::count_live() const {
  return static_cast<unsigned>(std::count_if(members_.begin(), members_.end(),
                                             [](const auto& member) { return member->live; }));
}

unsigned SessionPool::count_current() const {
  return static_cast<unsigned>(
      std::count_if(members_.begin(), members_.end(),
                    [](const auto& member) { return member->live && !member->retired; }));
}

unsigned SessionPool::count_bulk() const {
  return static_cast<unsigned>(
      std::count_if(members_.begin(), members_.end(),
                    [](const auto& member) { return member->leased && is_bulk(member->purpose); }));
}

unsigned SessionPool::bulk_limit() const {
  return std::max(1U, limit_ - 1);
}

void SessionPool::grant(Waiter& waiter, Member& member) {
  member.leased = true;
  member.purpose = waiter.purpose;
  member.grant = ++grants_;
  member.asked = false;
  member.on_yield = nullptr;
  waiter.member = &member;
  waiter.turn.notify_one();
}

void SessionPool::wake_waiters() {
  for (Waiter* const waiter : queue_) {
    waiter->turn.notify_one();
  }
}

/// The session used last: the others may grow old and be closed. Who transfers is better off with
/// the last one whose data connection stands by now.
SessionPool::Member* SessionPool::choose_idle(Purpose purpose) const {
  const bool transfers = purpose != Purpose::metadata && settings_.turnaround;
  const SteadyTime ready_since =
      clock_.now() - (transfers ? settings_.turnaround() : SteadyClock::duration{0});
  const auto is_better = [transfers, ready_since](const Member& one, const Member& other) {
    const bool one_is_ready = one.idle_since <= ready_since;
    if (transfers && one_is_ready != (other.idle_since <= ready_since)) {
      return one_is_ready;
    }
    return transfers && !one_is_ready ? one.idle_since < other.idle_since
                                      : one.idle_since > other.idle_since;
  };
  Member* best = nullptr;
  for (const auto& member : members_) {
    if (!member->leased && !member->retired && (best == nullptr || is_better(*member, *best))) {
      best = member.get();
    }
  }
  return best;
}

bool SessionPool::try_grant(Waiter& waiter, bool may_dial) {
  if (is_bulk(waiter.purpose) && count_bulk() >= bulk_limit()) {
    return false;
  }
  if (Member* const idle = choose_idle(waiter.purpose)) {
    grant(waiter, *idle);
    return true;
  }
  const bool someone_dials = members_.size() > count_live();
  if (!may_dial || members_.size() >= limit_ || (someone_dials && !login_proved_) ||
      (outage_ && SteadyClock::now() < next_dial_)) {
    return false;
  }
  members_.push_back(std::make_unique<Member>());
  grant(waiter, *members_.back());
  return true;
}

std::vector<SessionPool::Request> SessionPool::serve_queue() {
  // A session that settles comes back after one round trip; a login takes four.
  std::size_t coming_back = count_coming_back();
  for (auto at = queue_.begin(); at != queue_.end();) {
    if (!closed_ && !login_refused_ && try_grant(**at, coming_back == 0)) {
      at = queue_.erase(at);
    } else {
      coming_back -= coming_back > 0 ? 1 : 0;
      ++at;
    }
  }
  return choose_requests();
}

// ---- SessionPool: preemption ----

std::vector<SessionPool::Request> SessionPool::choose_requests() {
  const unsigned bulk = count_bulk();
  std::size_t needed = 0;
  if (bulk >= bulk_limit()) {
    needed = static_cast<std::size_t>(
        std::count_if(queue_.begin(), queue_.end(),
                      [](const Waiter* waiter) { return is_bulk(waiter->purpose); }));
  }
  // Leases for metadata end by themselves; only when streams hold everything must one give way.
  if (!queue_.empty() && bulk == members_.size() && (bulk >= limit_ || outage_)) {
    needed = std::max<std::size_t>(needed, 1);
  }
  const auto asked = static_cast<std::size_t>(
      std::count_if(members_.begin(), members_.end(),
                    [](const auto& member) { return member->leased && member->asked; }));
  std::vector<Request> requests;
  while (asked + requests.size() < needed) {
    Member* oldest = nullptr;
    for (const auto& member : members_) {
      if (member->leased && member->on_yield && !member->asked &&
          (oldest == nullptr || member->grant < oldest->grant)) {
        oldest = member.get();
      }
    }
    if (oldest == nullptr) {
      break;
    }
    oldest->asked = true;
    oldest->caller = std::this_thread::get_id();
    requests.push_back(Request{oldest->grant, std::exchange(oldest->on_yield, nullptr)});
    ++counters_.preemptions;
  }
  return requests;
}

void SessionPool::send_requests(std::vector<Request> requests) {
  for (Request& request : requests) {
    request.on_yield();
    request.on_yield = nullptr;  // what it captured dies while the holder still waits
    const MutexLock lock(mutex_);
    for (const auto& member : members_) {
      if (member->grant == request.grant) {
        member->caller = std::thread::id();
      }
    }
    callback_ended_.notify_all();
  }
}

void SessionPool::offer(Member* member, std::function<void()> on_yield) {
  MutexLock lock(mutex_);
  member->on_yield = std::move(on_yield);
  auto requests = choose_requests();
  lock.unlock();
  send_requests(std::move(requests));
}

void SessionPool::wait_for_callback(Member* member) {
  member->on_yield = nullptr;
  // The callback may itself be what gives the session back.
  if (member->caller == std::this_thread::get_id()) {
    return;
  }
  if (!callback_ended_.wait(mutex_, Wait::for_at_most(kCallbackLimit),
                            [member] { return member->caller == std::thread::id(); })) {
    log::error("a stream blocks in its answer to a request to give way");
  }
}

// ---- SessionPool: return ----

std::unique_ptr<SessionPool::Member> SessionPool::remove(Member* member) {
  const auto at = std::find_if(members_.begin(), members_.end(),
                               [member](const auto& each) { return each.get() == member; });
  std::unique_ptr<Member> removed = std::move(*at);
  members_.erase(at);
  return removed;
}

/// An interrupted program must not wait for the replies that its command still owes, nor a reader
/// for those of a transfer that it cut.
void SessionPool::release(Member* member, Lease::Ending ending) noexcept {
  const bool broken = ending != Lease::Ending::well;
  if (ending == Lease::Ending::silent && !is_closed()) {
    ask_for_signs(clock_.now(), Duration{0});  // before anybody in the queue is lent one
    keeper_wake_.raise();
  }
  Readiness readiness = broken ? Readiness::lost : Readiness::ready;
  if (!broken && !is_closed()) {
    readiness = member->session->rest();
  }
  {
    const MutexLock lock(mutex_);
    wait_for_callback(member);
    if (!closed_ && readiness == Readiness::owing) {
      keep(member);
      member->comes_back = true;
      member->idle_since = clock_.now();
      member->settle_by = clock_.now() + settings_.settle_timeout;
      keeper_wake_.raise();
      return;
    }
  }
  finish_turn(member, readiness);
}

bool SessionPool::is_closed() const {
  const MutexLock lock(mutex_);
  return closed_;
}

/// The keeper's from now on, until the replies have come.
void SessionPool::keep(Member* member) {
  member->leased = true;
  member->kept = true;
  member->expecting = false;
  member->descriptor = member->session->descriptor();
  member->asked =
      is_bulk(member->purpose);  // on its way back: no other stream need give way for it
}

void SessionPool::make_idle(Member* member, Readiness readiness) {
  member->leased = false;
  member->kept = false;
  member->comes_back = false;
  member->asked = false;
  member->expecting = readiness == Readiness::expecting;
  member->descriptor = member->session->descriptor();
}

std::size_t SessionPool::count_coming_back() const {
  return static_cast<std::size_t>(
      std::count_if(members_.begin(), members_.end(),
                    [](const auto& member) { return member->kept && member->comes_back; }));
}

/// A lease has ended, or the keeper is done with a session.
void SessionPool::finish_turn(Member* member, Readiness readiness) {
  std::unique_ptr<Member> dropped;
  MutexLock lock(mutex_);
  const bool is_lost = readiness == Readiness::lost || readiness == Readiness::owing;
  if (is_lost || closed_) {
    dropped = remove(member);
    counters_.replaced += is_lost ? 1 : 0;
    login_proved_ = login_proved_ && !is_lost;
  } else {
    make_idle(member, readiness);
    member->idle_since = clock_.now();
    member->last_sign_of_life = member->idle_since;
    member->settle_by = member->idle_since + settings_.settle_timeout;
    if (member->expecting || member->retired) {
      keeper_wake_.raise();  // not by the keeper itself, who would never sleep
    }
  }
  auto requests = serve_queue();
  lock.unlock();
  send_requests(std::move(requests));
  if (dropped != nullptr && !is_lost) {
    dropped->session->quit(Wait::for_at_most(kGoodbyeLimit));
  }
}

}  // namespace ftpsfs::session
