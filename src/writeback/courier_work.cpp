// SPDX-License-Identifier: MIT
//
// What the courier's threads do: carry out, conclude, and try again.
#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/pause.hpp"
#include "ftpsfs/writeback/courier.hpp"
#include "ftpsfs/writeback/removals.hpp"

namespace ftpsfs::writeback {
namespace {

constexpr std::size_t kLongestReason = 2'000;
/// Removals in one flight: a few records of commands.
constexpr std::size_t kMostTogether = 64;
/// Waits have a deadline; one that passes without an event is begun anew.
constexpr Duration kLongestSleep = std::chrono::minutes(10);

/// Does it say something of the way to the server, rather than of this one file?
bool is_of_the_link(const Error& error) {
  return is_link_failure(error.code) || error.code == Errc::login_refused ||
         error.code == Errc::untrusted;
}

}  // namespace

/// What is thrown, mostly for want of memory, costs a try and no more.
void Courier::serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Work work;
    try {
      await_work(work, stop);
      carry_out(work, stop);
    } catch (const std::exception& failure) {
      put_back(work, failure.what());
      if (work.batch.empty()) {
        pause_for(Wait::for_at_most(settings_.first_pause, stop));
      }
    }
    try {
      end(work.ended, stop);
      tell_surprises(work.ended);
    } catch (const std::exception& failure) {
      log::error("writing back: {}", failure.what());
    }
  }
}

/// @post the batch is empty if there is to be another look at everything.
void Courier::await_work(Work& work, const std::stop_token& stop) {
  work.batch.reserve(kMostTogether);
  work.ended.reserve(kMostTogether);
  const MutexLock lock(mutex_);
  const SteadyTime next = wake();
  const SteadyTime now = SteadyClock::now();
  work.is_early = retries_.is_link_pausing(now);
  if (retries_.may_begin(now)) {
    take(work);
  }
  if (work.batch.empty()) {
    const std::uint64_t seen = changes_;
    changed_.wait(mutex_, Wait{next, stop},
                  [this, seen]() FTPSFS_NO_ANALYSIS { return changes_ != seen; });
    return;
  }
  retries_.note_begun();
}

/// One, or many that go together.
void Courier::take(Work& work) {
  if (auto first = queue_.take(retries_.wanted())) {
    work.batch.push_back(*std::move(first));
    if (work.batch.front().intention.action == Action::remove_file &&
        !work.batch.front().goes_alone) {
      auto more = queue_.take_removals_beside(work.batch.front(), kMostTogether - 1);
      std::move(more.begin(), more.end(), std::back_inserter(work.batch));
    }
  }
}

void Courier::tell_surprises(const std::vector<Ended>& ended) const {
  for (const Ended& each : ended) {
    if (settings_.on_surprise && each.is_surprise) {
      settings_.on_surprise(each.intention);
    }
  }
}

/// @return for each; nullopt: it has to go alone.
std::vector<std::optional<Courier::Attempt>> Courier::attempt(
    const std::vector<Queue::Started>& batch, const std::stop_token& stop) {
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
  for (auto& each : attempts) {
    if (each) {
      each->begun = begun;
    }
  }
  return attempts;
}

void Courier::carry_out(Work& work, const std::stop_token& stop) {
  if (work.batch.empty()) {
    return;
  }
  const auto attempts = attempt(work.batch, stop);
  if (work.is_early && std::any_of(attempts.begin(), attempts.end(), is_answered)) {
    const MutexLock lock(mutex_);
    retries_.note_answer();
    note_change();
  }
  while (work.concluded < work.batch.size()) {
    const Queue::Started& started = work.batch[work.concluded];
    const auto& attempt = attempts[work.concluded];
    if (!attempt) {
      // For whoever has time: one after the other, they would keep this thread for long, and those
      // that have gone already from being told.
      const MutexLock lock(mutex_);
      queue_.put_back_alone(started.id);
      ++work.concluded;
      note_change();
      continue;
    }
    looks_.note_change(started.intention.path);
    if (started.intention.action == Action::rename) {
      looks_.note_change(started.intention.target);
    }
    if (attempt->outcome && attempt->outcome->conflict) {
      looks_.note_change(*attempt->outcome->conflict);
    }
    conclude(work, *attempt);
  }
}

/// What is not concluded waits like what fails on its own: nobody knows what has become of it.
void Courier::put_back(Work& work, const char* why) {
  log::error("writing back: {}", why);
  for (; work.concluded < work.batch.size(); ++work.concluded) {
    note_failure(work.batch[work.concluded], make_error(Errc::busy, why), SteadyClock::now());
  }
}

/// Lets those go on whose pause is over. @return when that will be for the next.
SteadyTime Courier::wake() {
  const SteadyTime now = SteadyClock::now();
  const RetrySchedule::Woken woken = retries_.wake(now, now + kLongestSleep);
  for (const IntentionId id : woken.ids) {
    queue_.put_back(id);
  }
  return woken.next;
}

Courier::Attempt Courier::deliver(const Queue::Started& started, const std::stop_token& stop) {
  std::unique_ptr<ContentReader> content;
  if (started.intention.action == Action::upload) {
    auto opened = journal_->open_content(started.intention.content);
    if (!opened) {
      Attempt unread{std::move(opened).error(), std::nullopt};
      unread.is_asked = false;
      return unread;
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
  return attempt && attempt->is_asked &&
         (attempt->outcome || (attempt->outcome.error().code != Errc::cancelled &&
                               !is_of_the_link(attempt->outcome.error())));
}

/// The next one of the batch.
void Courier::conclude(Work& work, const Attempt& attempt) {
  const Queue::Started& started = work.batch[work.concluded];
  const Result<Delivered>& outcome = attempt.outcome;
  if (!outcome && is_passing(outcome.error())) {
    note_failure(started, outcome.error(), attempt.begun);
    ++work.concluded;
    return;
  }
  const std::string& path = started.intention.path.str();
  bool is_kept = false;
  Ended ended;
  ended.id = started.id;
  ended.intention = started.intention;
  ended.is_surprise = !outcome || outcome->conflict || outcome->kept_theirs;
  {
    const MutexLock lock(mutex_);
    retries_.note_end(started.id);
    tries_.erase(started.id);
    ++progress_;
    if (outcome) {
      ended.edit = queue_.finish(started.id, outcome->left, outcome->conflict);
      ++delivered_;
      conflicts_ += outcome->conflict || outcome->kept_theirs ? 1 : 0;
      left_behind_ += outcome->left_behind ? 1 : 0;
      retries_.note_arrival();
      problem_.clear();
    } else {
      ended.edit = queue_.refuse(started.id, outcome.error().text.substr(0, kLongestReason),
                                 attempt.remains);
      is_kept = queue_.refused().contains(started.id);
      given_up_ += is_kept ? 0 : 1;
      if (is_kept && started.intention.action == Action::upload) {
        note_verdict(started.id);
      }
    }
    if (const auto appended = journal_->append(ended.edit)) {
      ended.ticket = *appended;
    } else {  // paths and reasons are bounded: not to be expected
      log::error("journal: {}", appended.error().text);
    }
    work.ended.push_back(std::move(ended));
    ++work.concluded;
    if (settings_.on_end) {
      settings_.on_end(started.intention, outcome);
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
}

void Courier::note_verdict(IntentionId refused) {
  std::erase_if(verdicts_, [this](IntentionId id)
                               FTPSFS_NO_ANALYSIS { return !queue_.refused().contains(id); });
  verdicts_.insert(refused);
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
    retries_.note_link_failure(begun, now, progress_);
  } else {
    retries_.note_failure(started.id, started.intention, now);
  }
  note_change();
}

void Courier::end(const std::vector<Ended>& ended, const std::stop_token& stop) {
  if (ended.empty()) {
    return;
  }
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
    pause = retries_.longer(pause);
    if (changed_.wait(mutex_, Wait::for_at_most(pause, stop), [] { return false; }) ||
        stop.stop_requested()) {
      return;
    }
  }
}

}  // namespace ftpsfs::writeback
