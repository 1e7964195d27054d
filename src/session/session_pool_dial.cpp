// SPDX-License-Identifier: MIT
//
// SessionPool: getting a granted lease a session that works, what failed dials teach, and the
// keeper's rounds.
#include <poll.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "session_pool_member.hpp"

namespace ftpsfs::session {
namespace {

constexpr Duration kKeeperPeriod = std::chrono::seconds(5);

/// Servers say 530 for a wrong password and for a full house. Only their words tell.
bool speaks_of_a_limit(const Error& error) {
  // The server's own words alone: our sentence in front of them names host and user.
  const std::size_t words_begin = error.text.rfind(": " + std::to_string(error.reply_code));
  std::string text = words_begin == std::string::npos ? error.text : error.text.substr(words_begin);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  // "Maximum number of login attempts exceeded" is about the password: trying again locks accounts.
  for (const char* words : {"attempt", "incorrect", "password", "locked"}) {
    if (text.find(words) != std::string::npos) {
      return false;
    }
  }
  for (const char* words : {"too many", "maximum", "max number", "limit", "already logged in",
                            "connections from", "try again later"}) {
    if (text.find(words) != std::string::npos) {
      return true;
    }
  }
  return false;
}

/// A refusal that every further try would only make worse: partners disable accounts after a few.
/// Other codes tell of the server's own trouble ("500 OOPS: cannot change directory").
/// @source RFC 959 §5.4; 430 is what some servers say for a wrong user or password. 331 and 332:
/// the password or account that they ask for is not given.
bool is_about_the_account(const Error& error) {
  constexpr std::array<int, 5> kCodes{331, 332, 430, 530, 532};
  const bool by_code = std::find(kCodes.begin(), kCodes.end(), error.reply_code) != kCodes.end();
  return error.code == Errc::login_refused && by_code && !speaks_of_a_limit(error);
}

/// Somebody has to see to it, here or there, before it can be otherwise: a certificate, or the
/// login at a proxy. Not by the server's words about the account.
bool is_for_an_administrator(const Error& error) {
  return error.code == Errc::untrusted ||
         (error.code == Errc::login_refused && error.reply_code == 0);
}

/// ProFTPD ends the connection without a word when its limit is reached; others say 421 or 530.
bool may_be_a_limit(const Error& error) {
  return error.reply_code == 421 || error.reply_code == 530 || error.code == Errc::login_refused ||
         error.code == Errc::closed;
}

}  // namespace

bool SessionPool::is_fit(Member& member, const Wait& wait, bool must_be_alive) {
  if (!member.session->is_lendable()) {
    log::debug("#{}, which was idle, has died", member.session->number());
    return false;
  }
  if (member.session->is_spent()) {
    log::debug("#{}, which was idle, is too old to be lent again", member.session->number());
    return false;
  }
  if (!must_be_alive) {
    return true;
  }
  auto probed = member.session->probe(wait.no_longer_than(settings_.probe_timeout));
  if (!probed) {
    log::debug("#{}, which was idle, does not answer: {}", member.session->number(),
               probed.error().text);
  }
  return probed.has_value();
}

/// A session that is no use any more, and with it the proof that this mount may log in: whatever
/// ended it may have ended the account, too.
void SessionPool::drop(Member* member) {
  std::unique_ptr<Member> dropped;
  MutexLock lock(mutex_);
  dropped = remove(member);
  ++counters_.replaced;
  login_proved_ = false;
  auto requests = serve_queue();
  lock.unlock();
  send_requests(std::move(requests));
}

/// The dial and what it teaches are judged under one hold of the mutex: the identity may be
/// replaced at any other time.
Result<void> SessionPool::dial(Member* member, const Wait& wait, Verdict& verdict) {
  using Opened = Result<std::unique_ptr<PooledSession>>;
  Opened opened = make_error(Errc::cancelled, "");
  Opened outdated = make_error(Errc::cancelled, "");
  SessionFactory factory;
  std::uint64_t generation = 0;
  MutexLock lock(mutex_);
  do {  // what came of an old identity counts no more, be it a session or a refusal
    generation = generation_;
    factory = factory_;
    lock.unlock();
    opened = factory(wait.no_longer_than(settings_.connect_timeout));
    lock.lock();
  } while (generation != generation_ && !closed_ && !wait.expired());
  const bool is_current = generation == generation_;
  if (!is_current) {
    outdated = std::move(opened);
    opened = closed_ ? *refusal() : wait.give_up("a connection of the new identity");
  }
  Result<void> dialled;
  if (opened) {
    member->session = *std::move(opened);
    take_in(member);
  } else {
    ++counters_.failed_logins;
    remove(member);
    dialled = std::move(opened).error();
    verdict = is_current ? judge_failed_dial(dialled.error(), wait) : Verdict::give_up;
    if (ever_logged_in_ && dialled.error().code == Errc::unsupported) {
      dialled.error().code = Errc::io_error;  // of the login: no answer to what is asked of it
    }
  }
  // Others were held back until the password was proved; what a failure taught concerns all.
  auto requests = serve_queue();
  if (!dialled) {
    wake_waiters();
  }
  lock.unlock();
  send_requests(std::move(requests));
  return dialled;
}

void SessionPool::take_in(Member* member) {
  member->live = true;
  ++counters_.logins;
  if (outage_ && ever_logged_in_) {
    const auto lasted = SteadyClock::now() - outage_began_;
    log::warning("the server is reached again, after {} s",
                 std::chrono::duration_cast<std::chrono::seconds>(lasted).count());
  }
  ever_logged_in_ = true;
  login_proved_ = true;
  outage_.reset();
  cut_off_since_.reset();
  backoff_ = Duration{0};
}

// ---- The dialler ----

void SessionPool::grow(unsigned wanted) {
  const MutexLock lock(mutex_);
  grow_to_ = std::max(grow_to_, std::min(wanted, limit_));
  dialler_work_.notify_one();
}

/// Only beside sessions that live: else somebody waits for the outcome, and dials.
bool SessionPool::may_dial_ahead() const {
  return !closed_ && !login_refused_ && !outage_ && login_proved_ && count_live() > 0 &&
         SteadyClock::now() >= grow_after_;
}

bool SessionPool::may_grow() const {
  return may_dial_ahead() && members_.size() < std::min(grow_to_, limit_);
}

SessionPool::Member* SessionPool::add_leased_member(Purpose purpose) {
  members_.push_back(std::make_unique<Member>());
  Member* const member = members_.back().get();
  member->leased = true;
  member->purpose = purpose;
  return member;
}

void SessionPool::dial_ahead(Member* member, const std::stop_token& stop) {
  Verdict verdict = Verdict::give_up;
  auto dialled = dial(member, Wait::for_at_most(settings_.connect_timeout, stop), verdict);
  if (dialled) {
    finish_turn(member, Readiness::ready);
    return;
  }
  note_failed_dial_ahead(dialled.error());
}

void SessionPool::note_failed_dial_ahead(const Error& error) {
  log::debug("no further connection: {}", error.text);
  const MutexLock lock(mutex_);
  grow_to_ = 0;
  grow_after_ = SteadyClock::now() + settings_.longest_backoff;
}

void SessionPool::run_dialler(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Member* member = nullptr;
    {
      const MutexLock lock(mutex_);
      if (!dialler_work_.wait(mutex_, Wait::for_at_most(std::chrono::hours(1), stop),
                              [this]() FTPSFS_NO_ANALYSIS { return may_grow(); })) {
        continue;
      }
      member = add_leased_member(Purpose::metadata);
    }
    dial_ahead(member, stop);
  }
}

SessionPool::Verdict SessionPool::judge_failed_dial(Error& error, const Wait& wait) {
  const unsigned live = count_live();
  if (closed_ || error.code == Errc::cancelled || wait.expired()) {
    return Verdict::give_up;
  }
  // Sessions of a replaced identity prove nothing of this one's password.
  if (is_about_the_account(error) && count_current() == 0) {
    if (ever_logged_in_) {  // else the caller is about to tell it
      log::error("the server refuses the login from now on; no other is tried: {}", error.text);
    }
    login_refused_ = error;
    return Verdict::give_up;
  }
  if (is_for_an_administrator(error) && count_current() == 0) {
    note_outage(error);  // so that not every operation knocks
    return Verdict::give_up;
  }
  if (live > 0 && (may_be_a_limit(error) || is_for_an_administrator(error))) {
    // Those that are being dialled may have the other places. If not, they will tell.
    learn_limit(error, static_cast<unsigned>(members_.size()));
    return Verdict::try_again;
  }
  if (!is_link_failure(error.code) && error.code != Errc::login_refused) {
    return Verdict::give_up;
  }
  note_outage(error);
  if (live > 0) {
    return Verdict::try_again;
  }
  const bool is_patient = rides_out(wait) || !is_grace_over();
  return ever_logged_in_ && is_patient ? Verdict::try_again : Verdict::give_up;
}

void SessionPool::learn_limit(const Error& error, unsigned others) {
  limit_ = std::min(limit_, others);
  limit_learned_ = clock_.now();
  // Perhaps the password was changed while older sessions live on: then every further login would
  // be one more failure on the account.
  limit_is_final_ = limit_is_final_ || is_about_the_account(error);
  log::info("the server lets no more in; going on with {} connections: {}", limit_, error.text);
}

void SessionPool::note_outage(const Error& error) {
  const SteadyTime now = SteadyClock::now();
  if (!outage_) {
    outage_began_ = now;
    backoff_ = settings_.first_backoff;
    if (ever_logged_in_) {  // else the caller is about to tell it
      log::warning("no connection: {}; it is tried again when one is wanted", error.text);
    }
  } else {
    backoff_ = std::min(backoff_ * 2, settings_.longest_backoff);
  }
  outage_ = error;
  if (!cut_off_since_ && count_live() == 0) {
    cut_off_since_ = clock_.now();
  }
  next_dial_ = now + backoff_;
  log::debug("no connection: {}; next attempt in {} ms", error.text, backoff_.count());
}

void SessionPool::renew(SessionFactory factory) {
  MutexLock lock(mutex_);
  factory_.swap(factory);
  ++generation_;
  for (const auto& member : members_) {
    member->retired = member->live;  // what is being dialled finds the new factory by itself
  }
  login_proved_ = false;
  auto requests = try_refused_again();
  keeper_wake_.raise();
  lock.unlock();
  send_requests(std::move(requests));
}

void SessionPool::forget_refusals() {
  MutexLock lock(mutex_);
  auto requests = try_refused_again();
  lock.unlock();
  send_requests(std::move(requests));
}

std::vector<SessionPool::Request> SessionPool::try_refused_again() {
  login_refused_.reset();
  outage_.reset();
  cut_off_since_.reset();
  backoff_ = Duration{0};
  if (limit_is_final_) {
    limit_is_final_ = false;
    limit_ = std::max(1U, settings_.max_sessions);
  }
  auto requests = serve_queue();
  wake_waiters();
  return requests;
}

// ---- The keeper ----

void SessionPool::grow_limit(SteadyTime now) {
  if (limit_ < settings_.max_sessions && !limit_is_final_ &&
      now - limit_learned_ >= settings_.limit_memory) {
    ++limit_;
    limit_learned_ = now;
  }
}

/// Leases an idle session that is too many or was idle for too long.
SessionPool::Member* SessionPool::take_due_for_closing(SteadyTime now) {
  const MutexLock lock(mutex_);
  std::vector<Member*> idle;
  for (const auto& member : members_) {
    if (!member->leased) {
      idle.push_back(member.get());
    }
  }
  std::sort(idle.begin(), idle.end(),
            [](const Member* a, const Member* b) { return a->idle_since > b->idle_since; });
  for (std::size_t i = settings_.warm_sessions; i < idle.size(); ++i) {
    if (now - idle[i]->idle_since >= settings_.idle_close) {
      idle[i]->leased = true;
      idle[i]->purpose = Purpose::metadata;
      return idle[i];
    }
  }
  return nullptr;
}

/// Leases an idle session of an identity that has been replaced.
SessionPool::Member* SessionPool::take_retired() {
  const MutexLock lock(mutex_);
  const auto at = std::find_if(members_.begin(), members_.end(), [](const auto& member) {
    return !member->leased && member->retired;
  });
  if (closed_ || at == members_.end()) {
    return nullptr;
  }
  (*at)->leased = true;
  (*at)->purpose = Purpose::metadata;
  return at->get();
}

void SessionPool::part_with(Member* member) {
  member->session->quit(Wait::for_at_most(kGoodbyeLimit));
  MutexLock lock(mutex_);
  const auto dropped = remove(member);
  auto requests = serve_queue();
  lock.unlock();
  send_requests(std::move(requests));
}

/// Leases an idle session that has been silent for so long.
SessionPool::Member* SessionPool::take_due_for_probe(SteadyTime now, Duration silent_for) {
  const MutexLock lock(mutex_);
  for (const auto& member : members_) {
    if (!member->leased && now - member->last_sign_of_life >= silent_for) {
      member->leased = true;
      member->purpose = Purpose::metadata;
      return member.get();
    }
  }
  return nullptr;
}

void SessionPool::keep_house() {
  doubt_after_sleep();
  const SteadyTime now = clock_.now();
  {
    const MutexLock lock(mutex_);
    grow_limit(now);
  }
  while (Member* const member = take_due_for_closing(now)) {
    part_with(member);
  }
  ask_for_signs(now, settings_.keep_alive);
}

void SessionPool::doubt_after_sleep() {
  // The two clocks behind it are not read in the same moment.
  constexpr std::chrono::seconds kNoSleep(1);
  const auto slept = clock_.slept();
  auto before = slept_.load();
  if (slept - before > kNoSleep && slept_.compare_exchange_strong(before, slept)) {
    log::info("this machine has slept: idle connections are asked whether they live");
    ask_for_signs(clock_.now(), Duration{0});
    keeper_wake_.raise();
  }
}

/// Idle sessions are the keeper's until they have answered, or have not in time.
void SessionPool::ask_for_signs(SteadyTime now, Duration silent_for) {
  while (Member* const member = take_due_for_probe(now, silent_for)) {
    if (is_fit(*member, {}, false)) {
      member->session->ask_for_a_sign();
      const MutexLock lock(mutex_);
      keep(member);
      member->settle_by = clock_.now() + settings_.probe_timeout;
    } else {
      drop(member);
    }
  }
}

/// Leases the idle sessions that expect a reply. @return those, and what the keeper has already.
std::vector<SessionPool::Member*> SessionPool::take_what_expects() {
  std::vector<Member*> taken;
  const MutexLock lock(mutex_);
  for (const auto& member : members_) {
    if (!member->leased && member->expecting) {
      member->purpose = Purpose::metadata;
      keep(member.get());
      member->comes_back = true;
    }
    if (member->kept) {
      taken.push_back(member.get());
    }
  }
  return taken;
}

void SessionPool::tend() {
  for (Member* const member : take_what_expects()) {
    const Readiness readiness = member->session->rest();
    MutexLock lock(mutex_);
    const bool late = readiness != Readiness::ready && clock_.now() >= member->settle_by;
    if (readiness == Readiness::lost || late) {
      lock.unlock();
      log::debug("#{}, which nobody used, {}", member->session->number(),
                 late ? "does not answer" : "has died");
      drop(member);
    } else if (readiness == Readiness::owing) {
      if (member->comes_back && clock_.now() >= member->idle_since + settings_.settle_soon) {
        // Its server may hang: nobody waits for it any more.
        member->comes_back = false;
        auto requests = serve_queue();
        lock.unlock();
        send_requests(std::move(requests));
      }
    } else {
      make_idle(member, readiness);
      if (readiness == Readiness::ready) {
        member->last_sign_of_life = clock_.now();
      }
      auto requests = serve_queue();
      lock.unlock();
      send_requests(std::move(requests));
    }
  }
  while (Member* const member = take_retired()) {
    part_with(member);
  }
}

/// Until a reply may have come, or something is late, or the next round begins.
void SessionPool::await_work(SteadyTime next_round) {
  std::vector<pollfd> watched{{keeper_wake_.fd(), POLLIN, 0}};
  SteadyTime until = next_round;
  {
    const MutexLock lock(mutex_);
    for (const auto& member : members_) {
      if (member->kept || (!member->leased && member->expecting)) {
        const SteadyTime next =
            member->comes_back ? member->idle_since + settings_.settle_soon : member->settle_by;
        until = std::min(until, SteadyClock::now() + (next - clock_.now()));
        watched.push_back({member->descriptor, POLLIN, 0});
      }
    }
  }
  // A session that is lent meanwhile may even be closed: at worst its number wakes us for nothing.
  ::poll(watched.data(), watched.size(), Wait{until, {}}.poll_timeout_ms());
  keeper_wake_.clear();
}

void SessionPool::run_keeper(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { keeper_wake_.raise(); });
  SteadyTime next_round = SteadyClock::now() + kKeeperPeriod;
  while (!stop.stop_requested()) {
    await_work(next_round);
    tend();
    if (!stop.stop_requested() && SteadyClock::now() >= next_round) {
      keep_house();
      next_round = SteadyClock::now() + kKeeperPeriod;
    }
  }
}

}  // namespace ftpsfs::session
