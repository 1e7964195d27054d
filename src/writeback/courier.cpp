// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/courier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/writeback/removals.hpp"
#include "ftpsfs/writeback/wait_anew.hpp"

namespace ftpsfs::writeback {
namespace {

/// An edit of two such paths is far below what a record may hold.
constexpr std::size_t kLongestPath = 64 * 1024;
constexpr std::size_t kLongestReason = 2'000;
constexpr const char* kEarlierChanges = "earlier changes to reach the server";
/// Removals in one flight: a few records of commands.
constexpr std::size_t kMostTogether = 64;
/// Waits have a deadline; one that passes without an event is begun anew.
constexpr Duration kLongestSleep = std::chrono::minutes(10);

/// Does it say something of the way to the server, rather than of this one file?
bool is_of_the_link(const Error& error) {
  return is_link_failure(error.code) || error.code == Errc::login_refused ||
         error.code == Errc::untrusted;
}

NameCase name_case(const remote::Remote& remote) {
  return remote.traits().case_sensitive ? NameCase::sensitive : NameCase::folded;
}

}  // namespace

Courier::Courier(std::unique_ptr<Journal> journal, remote::Remote& remote, const Clock& clock,
                 CourierSettings settings)
    : journal_(std::move(journal)),
      remote_(remote),
      clock_(clock),
      settings_(std::move(settings)),
      looks_(remote),
      queue_(name_case(remote)),
      passing_(name_case(remote)),
      passing_now_(name_case(remote)) {
  {
    const MutexLock lock(mutex_);
    queue_.restore(journal_->intentions(), journal_->last_intention());
  }
  for (unsigned i = 0; i < settings_.threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
  }
}

Courier::~Courier() {
  for (std::jthread& thread : threads_) {
    thread.request_stop();
  }
}

void Courier::note_change() {
  ++changes_;
  changed_.notify_all();
}

Result<void> Courier::accept(Intention intention, std::unique_ptr<ContentDraft> content,
                             const Wait& wait) {
  return accept([&](const Queue&) -> Result<Intention> { return intention; }, content, wait);
}

Result<void> Courier::accept(const Choice& choose, std::unique_ptr<ContentDraft>& content,
                             const Wait& wait, const std::function<void()>& on_noted) {
  const WaitAnew anew(wait);
  Edit edit;
  Journal::Ticket ticket = 0;
  {
    const MutexLock lock(mutex_);
    FTPSFS_TRY_ASSIGN(Intention intention, choose_when_it_may(choose, wait));
    intention.accepted = std::chrono::system_clock::to_time_t(clock_.wall_now());
    edit = queue_.add(std::move(intention));
    FTPSFS_TRY_ASSIGN(ticket, journal_->append(edit, std::move(content)));
    if (on_noted) {
      on_noted();
    }
  }
  auto committed = journal_->commit(ticket, anew.begin());
  const MutexLock lock(mutex_);
  if (committed) {
    queue_.keep(edit);
  } else if (const Edit back = queue_.withdraw(edit); !back.empty()) {
    FTPSFS_TRY(journal_->append(back));  // the next commit brings it to the disk
  }
  note_change();
  return committed;
}

Result<Intention> Courier::choose_when_it_may(const Choice& choose, const Wait& wait) {
  const WaitAnew anew(wait);
  const IntentionId passed_before = last_passing_;
  for (;;) {
    FTPSFS_TRY_ASSIGN(Intention intention, choose(queue_));
    if (intention.path.str().size() > kLongestPath ||
        intention.target.str().size() > kLongestPath) {
      return make_error(Errc::name_too_long, "the path is too long to be kept in the journal");
    }
    const auto may_pass = [&]() FTPSFS_NO_ANALYSIS {
      return !passing_.has_related(intention, passed_before + 1) &&
             !passing_now_.has_related(intention, last_passing_ + 1);
    };
    const auto has_room = [&]() FTPSFS_NO_ANALYSIS {
      return journal_->change_bytes() + change_cost(intention) <= settings_.most_change_bytes ||
             queue_.would_merge(intention);
    };
    if (!may_pass()) {
      FTPSFS_TRY(await_progress(anew.begin(), "another change of the same name", may_pass));
    } else if (!has_room()) {
      FTPSFS_TRY(await_room(anew.begin(), has_room,
                            [&]() FTPSFS_NO_ANALYSIS { return queue_.size() > 0; }));
    } else {
      return intention;
    }
  }
}

Result<void> Courier::take_room(std::uint64_t bytes, const Wait& wait) {
  const MutexLock lock(mutex_);
  const bool may_ever = bytes <= settings_.most_content_bytes;
  FTPSFS_TRY(await_room(
      wait,
      [&]() FTPSFS_NO_ANALYSIS {
        return journal_->content_bytes() + reserved_ + bytes <= settings_.most_content_bytes;
      },
      // What others have room for comes to be in the journal.
      [&]() FTPSFS_NO_ANALYSIS { return may_ever && (queue_.size() > 0 || reserved_ > 0); }));
  reserved_ += bytes;
  return {};
}

/// @param may_come false: nothing is under way that could make room. What was refused stays.
template <typename HasRoom, typename MayCome>
Result<void> Courier::await_room(const Wait& wait, HasRoom has_room, MayCome may_come) {
  constexpr const char* kWhat = "room in the journal";
  if (!has_room() && may_come()) {
    ask_for_a_try();
    static_cast<void>(await_progress(
        wait, kWhat, [&]() FTPSFS_NO_ANALYSIS { return has_room() || !may_come(); }));
  }
  if (has_room()) {
    return {};
  }
  return wait.stop.stop_requested()
             ? wait.give_up(kWhat)
             : make_error(Errc::no_space, "the journal of what is still to be uploaded is full");
}

void Courier::give_room_back(std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  reserved_ -= bytes;
  note_change();
}

template <typename Reached>
Result<void> Courier::await_progress(const Wait& wait, const char* what, Reached reached) {
  return await_progress(wait, what, reached, [] { return false; });
}

/// @param hopeless true: what moves on brings this wait no nearer to its end.
template <typename Reached, typename Hopeless>
Result<void> Courier::await_progress(const Wait& wait, const char* what, Reached reached,
                                     Hopeless hopeless) {
  const WaitAnew anew(wait);
  for (;;) {
    const std::uint64_t seen = progress_;
    if (changed_.wait(mutex_, anew.begin(), reached)) {
      return {};
    }
    if (wait.stop.stop_requested() || seen == progress_ || hopeless()) {
      return wait.give_up(what);
    }
  }
}

std::vector<IntentionId> Courier::failing(const Intention& names) const {
  NameIndex all(queue_.name_case());
  for (const auto& [id, pausing] : pausing_) {
    all.add(id, pausing.intention);
  }
  return all.related_behind(names, 0);
}

/// Called once by each that begins to wait for something owed: what failed some time ago says
/// nothing of now, and whoever waits has less time than the pauses last. One try of the link, and
/// one of each that fails on its own, begin behind it, however many wait: against a server that is
/// down, programs cause no more tries than they begin waits. The pauses go on as they would have
/// done if those tries fail.
void Courier::ask_for_a_try() {
  is_try_wanted_ = true;
  wanted_at_ = SteadyClock::now();
  note_change();
}

void Courier::ask_for_a_try(const Intention& names) {
  for (const IntentionId id : failing(names)) {
    pausing_.at(id).is_try_wanted = true;
  }
  ask_for_a_try();
}

Result<void> Courier::await(const remote::RemotePath& path, const Wait& wait) {
  const MutexLock lock(mutex_);
  const IntentionId last = queue_.last();
  const Intention name = intention_of(Action::set_attributes, path);
  const auto is_over = [&]() FTPSFS_NO_ANALYSIS { return !queue_.touches(path, last); };
  if (is_over()) {
    return {};
  }
  ask_for_a_try(name);
  return await_progress(wait, kEarlierChanges, is_over, [&]() FTPSFS_NO_ANALYSIS {
    return !path.is_root() && !failing(name).empty();
  });
}

Result<Courier::Passage> Courier::pass(const remote::RemotePath& path,
                                       const remote::RemotePath& other, const Wait& wait) {
  const WaitAnew anew(wait);
  Intention names;
  names.action = Action::rename;
  names.path = path;
  names.target = other;
  const MutexLock lock(mutex_);
  const IntentionId number = ++last_passing_;
  passing_.add(number, names);
  const auto is_clear = [&]() FTPSFS_NO_ANALYSIS {
    return !queue_.touches(path) && !queue_.touches(other);
  };
  if (!is_clear()) {
    ask_for_a_try(names);
  }
  auto cleared = await_progress(wait, kEarlierChanges, is_clear,
                                [&]() FTPSFS_NO_ANALYSIS { return !failing(names).empty(); });
  if (!cleared) {
    end_passage(number, names);
    return std::move(cleared).error();
  }
  passing_now_.add(number, names);
  return Passage(*this, number, std::move(names), anew.begin());
}

void Courier::end_passage(IntentionId number, const Intention& names) {
  passing_.remove(number, names);
  passing_now_.remove(number, names);
  note_change();
}

Courier::Passage::Passage(Passage&& other) noexcept
    : courier_(std::exchange(other.courier_, nullptr)),
      number_(other.number_),
      names_(std::move(other.names_)),
      wait_(std::move(other.wait_)) {}

Courier::Passage::~Passage() {
  if (courier_ != nullptr) {
    const MutexLock lock(courier_->mutex_);
    courier_->end_passage(number_, names_);
  }
}

Result<void> Courier::await_all(const Wait& wait) {
  return await(remote::RemotePath(), wait);
}

Result<void> Courier::await_verdict(const remote::RemotePath& path, const Wait& wait) {
  FTPSFS_TRY(await(path, wait));
  const MutexLock lock(mutex_);
  for (const auto& [id, intention] : queue_.refused()) {
    if (intention.action == Action::upload && intention.path == path) {
      return make_error(Errc::io_error, intention.refusal);
    }
  }
  return {};
}

std::map<IntentionId, Intention> Courier::waiting() const {
  const MutexLock lock(mutex_);
  return queue_.waiting();
}

std::map<IntentionId, Intention> Courier::refused() const {
  const MutexLock lock(mutex_);
  return queue_.refused();
}

Result<std::size_t> Courier::retry_refused(const Wait& wait) {
  return change_refused([](Queue& queue, IntentionId id) { return queue.retry(id); }, wait);
}

Result<std::size_t> Courier::discard_refused(const Wait& wait) {
  return change_refused([](Queue& queue, IntentionId id) { return queue.discard(id); }, wait);
}

Result<std::size_t> Courier::change_refused(const std::function<Edit(Queue&, IntentionId)>& how,
                                            const Wait& wait) {
  std::vector<Edit> edits;
  Journal::Ticket ticket = 0;
  {
    const MutexLock lock(mutex_);
    const auto refused = queue_.refused();
    for (const auto& [id, intention] : refused) {
      edits.push_back(how(queue_, id));
      FTPSFS_TRY_ASSIGN(ticket, journal_->append(edits.back()));
    }
  }
  auto committed = edits.empty() ? Result<void>() : journal_->commit(ticket, wait);
  const MutexLock lock(mutex_);
  for (const Edit& edit : edits) {
    queue_.keep(edit);
  }
  note_change();
  FTPSFS_TRY(std::move(committed));
  return edits.size();
}

void Courier::hurry() {
  const MutexLock lock(mutex_);
  link_until_ = {};
  for (auto& [id, pausing] : pausing_) {
    pausing.until = {};
  }
  note_change();
}

Courier::Counters Courier::counters() const {
  const MutexLock lock(mutex_);
  Counters counters;
  counters.waiting = queue_.size();
  counters.refused = queue_.refused().size();
  counters.delivered = delivered_;
  counters.conflicts = conflicts_;
  counters.given_up = given_up_;
  counters.left_behind = left_behind_;
  counters.content_bytes = journal_->content_bytes();
  counters.problem = problem_;
  return counters;
}

void Courier::serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<Queue::Started> batch;
    bool is_early = false;
    {
      const MutexLock lock(mutex_);
      const SteadyTime next = wake();
      is_early = SteadyClock::now() < link_until_;
      if (!is_early || is_try_wanted_) {
        batch = take();
      }
      if (batch.empty()) {
        const std::uint64_t seen = changes_;
        changed_.wait(mutex_, Wait{next, stop},
                      [this, seen]() FTPSFS_NO_ANALYSIS { return changes_ != seen; });
        continue;
      }
      is_try_wanted_ = false;
    }
    const std::vector<Ended> ended = carry_out(batch, is_early, stop);
    if (!ended.empty()) {
      end(ended, stop);
    }
    for (const Ended& each : ended) {
      if (settings_.on_surprise && each.is_surprise) {
        settings_.on_surprise(each.intention);
      }
    }
  }
}

/// One, or many that go together.
std::vector<Queue::Started> Courier::take() {
  std::vector<Queue::Started> batch;
  if (auto first = queue_.take()) {
    batch.push_back(*std::move(first));
    if (batch.front().intention.action == Action::remove_file && !batch.front().goes_alone) {
      auto more = queue_.take_removals_beside(batch.front(), kMostTogether - 1);
      std::move(more.begin(), more.end(), std::back_inserter(batch));
    }
  }
  return batch;
}

/// @param is_early begun in the link's pause, which an answer of the server ends.
std::vector<Courier::Ended> Courier::carry_out(const std::vector<Queue::Started>& batch,
                                               bool is_early, const std::stop_token& stop) {
  const SteadyTime begun = SteadyClock::now();
  std::vector<std::optional<Attempt>> attempts(batch.size());
  if (batch.size() == 1) {
    attempts.front() = deliver(batch.front(), stop);
  } else {
    auto outcomes = remove_together(remote_, looks_, batch, settings_.limits.timeout, stop);
    std::transform(outcomes.begin(), outcomes.end(), attempts.begin(), [](auto& outcome) {
      return outcome ? std::optional(Attempt{*std::move(outcome), std::nullopt}) : std::nullopt;
    });
  }
  if (is_early && std::any_of(attempts.begin(), attempts.end(), is_answered)) {
    const MutexLock lock(mutex_);
    link_until_ = {};
    note_change();
  }
  std::vector<Ended> ended;
  ended.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!attempts[i]) {
      // For whoever has time: one after the other, they would keep this thread for long, and those
      // that have gone already from being told.
      const MutexLock lock(mutex_);
      queue_.put_back_alone(batch[i].id);
      note_change();
      continue;
    }
    Attempt& attempt = *attempts[i];
    attempt.begun = begun;
    looks_.note_change(batch[i].intention.path);
    if (batch[i].intention.action == Action::rename) {
      looks_.note_change(batch[i].intention.target);
    }
    if (attempt.outcome && attempt.outcome->conflict) {
      looks_.note_change(*attempt.outcome->conflict);
    }
    if (auto one = conclude(batch[i], attempt)) {
      ended.push_back(*std::move(one));
    }
  }
  return ended;
}

/// Lets those go on whose pause is over. @return when that will be for the next.
SteadyTime Courier::wake() {
  const SteadyTime now = SteadyClock::now();
  SteadyTime next = now + kLongestSleep;
  if (link_until_ > now) {
    next = std::min(next, link_until_);
  }
  for (auto& [id, pausing] : pausing_) {
    if (pausing.is_over) {
      continue;
    }
    if (pausing.until <= now || pausing.is_try_wanted) {
      pausing.is_over = true;
      pausing.is_try_wanted = false;
      queue_.put_back(id);
    } else {
      next = std::min(next, pausing.until);
    }
  }
  return next;
}

Courier::Attempt Courier::deliver(const Queue::Started& started, const std::stop_token& stop) {
  std::unique_ptr<ContentReader> content;
  if (started.intention.action == Action::upload) {
    auto opened = journal_->open_content(started.intention.content);
    if (!opened) {
      return {std::move(opened).error(), std::nullopt};
    }
    content = *std::move(opened);
  }
  constexpr std::uint64_t kUncounted = 1ULL << 63U;
  DeliveryLimits limits = settings_.limits;
  limits.on_progress = [this] { ++progress_; };
  UploadTries* tries = nullptr;
  {
    const MutexLock lock(mutex_);
    tries = &tries_[started.id];  // stays where it is until conclude()
  }
  Delivery delivery(remote_, clock_, std::move(limits), started.intention, started.again,
                    {settings_.mount, kUncounted | started.id}, content.get(), tries, &looks_);
  auto outcome = delivery.run(stop);
  return {std::move(outcome), delivery.remains()};
}

/// Did the server say something of it?
bool Courier::is_answered(const std::optional<Attempt>& attempt) {
  return attempt && (attempt->outcome || (attempt->outcome.error().code != Errc::cancelled &&
                                          !is_of_the_link(attempt->outcome.error())));
}

/// @return nullopt: it failed for a while.
std::optional<Courier::Ended> Courier::conclude(const Queue::Started& started,
                                                const Attempt& attempt) {
  const Result<Delivered>& outcome = attempt.outcome;
  if (!outcome && is_passing(outcome.error())) {
    note_failure(started, outcome.error(), attempt.begun);
    return std::nullopt;
  }
  const std::string& path = started.intention.path.str();
  bool is_kept = false;
  Ended ended;
  ended.id = started.id;
  ended.intention = started.intention;
  ended.is_surprise = !outcome || outcome->conflict || outcome->kept_theirs;
  {
    const MutexLock lock(mutex_);
    pausing_.erase(started.id);
    tries_.erase(started.id);
    ++progress_;
    if (outcome) {
      ended.edit = queue_.finish(started.id, outcome->left, outcome->conflict);
      ++delivered_;
      conflicts_ += outcome->conflict || outcome->kept_theirs ? 1 : 0;
      left_behind_ += outcome->left_behind ? 1 : 0;
      link_pause_ = Duration(0);
      problem_.clear();
    } else {
      ended.edit = queue_.refuse(started.id, outcome.error().text.substr(0, kLongestReason),
                                 attempt.remains);
      is_kept = queue_.refused().contains(started.id);
      given_up_ += is_kept ? 0 : 1;
    }
    if (settings_.on_end) {
      settings_.on_end(started.intention, outcome);
    }
    if (const auto appended = journal_->append(ended.edit)) {
      ended.ticket = *appended;
    } else {  // paths and reasons are bounded: not to be expected
      log::error("journal: {}", appended.error().text);
    }
  }
  if (!outcome) {
    log::error("{}: the server refuses what was accepted: {}{}", path, outcome.error().text,
               is_kept ? "; it is kept" : "");
  } else if (outcome->conflict) {
    log::warning("{} was changed on the server meanwhile; what was written here is in {}", path,
                 outcome->conflict->str());
  } else if (outcome->kept_theirs) {
    log::warning("{} was changed on the server meanwhile, and stays as it is there", path);
  }
  return ended;
}

void Courier::note_failure(const Queue::Started& started, const Error& why, SteadyTime begun) {
  const MutexLock lock(mutex_);
  const SteadyTime now = SteadyClock::now();
  if (why.code == Errc::cancelled) {
    queue_.put_back(started.id);
    note_change();
    return;
  }
  log::info("{}: {}; it will be tried again", started.intention.path.str(), why.text);
  problem_ = why.text;
  if (is_of_the_link(why)) {
    queue_.put_back(started.id);
    // Not once for each of those that were under way, nor for what began before somebody waited.
    if (now >= link_until_ && begun >= wanted_at_) {
      const std::uint64_t progress = progress_;
      link_pause_ = longer(progress == progress_at_pause_ ? link_pause_ : Duration(0));
      progress_at_pause_ = progress;
      link_until_ = now + link_pause_;
    }
  } else {
    Pausing& pausing = pausing_[started.id];
    pausing.intention = started.intention;
    if (now >= pausing.until) {  // else it was a try that somebody wanted
      pausing.pause = longer(pausing.pause);
      pausing.until = now + pausing.pause;
    }
    pausing.is_over = false;
  }
  note_change();
}

Duration Courier::longer(Duration pause) const {
  return std::clamp(2 * pause, settings_.first_pause, settings_.longest_pause);
}

void Courier::end(const std::vector<Ended>& ended, const std::stop_token& stop) {
  Journal::Ticket last = 0;
  for (const Ended& each : ended) {
    last = std::max(last, each.ticket);
  }
  Duration pause(0);
  for (;;) {
    const auto committed = journal_->commit(last, Wait::for_at_most(settings_.limits.timeout));
    MutexLock lock(mutex_);
    if (committed) {
      for (const Ended& each : ended) {
        queue_.keep(each.edit);
        queue_.release(each.id);
      }
      note_change();
      return;
    }
    // What depends on it must not begin before the disk takes this.
    log::error("journal: {}; nothing that follows is uploaded until that is mended",
               committed.error().text);
    problem_ = committed.error().text;
    pause = longer(pause);
    if (changed_.wait(mutex_, Wait::for_at_most(pause, stop), [] { return false; }) ||
        stop.stop_requested()) {
      return;
    }
  }
}

}  // namespace ftpsfs::writeback
