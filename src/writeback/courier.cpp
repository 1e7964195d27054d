// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/courier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::writeback {
namespace {

/// An edit of two such paths is far below what a record may hold.
constexpr std::size_t kLongestPath = 64 * 1024;
constexpr std::size_t kLongestReason = 2'000;
/// Waits have a deadline; one that passes without an event is begun anew.
constexpr Duration kLongestSleep = std::chrono::minutes(10);

/// Will another try help, without anybody's doing? A refused login is made good by a reload.
bool is_passing(const Error& error) {
  switch (error.code) {
    case Errc::cancelled:
    case Errc::login_refused:
    case Errc::untrusted:
    case Errc::busy:
      return true;
    case Errc::no_space:
    case Errc::quota_exceeded:
      return false;
    default:
      return is_link_failure(error.code) || error.reply_code / 100 == 4;
  }
}

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
      settings_(settings),
      queue_(name_case(remote)) {
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
  if (intention.path.str().size() > kLongestPath || intention.target.str().size() > kLongestPath) {
    return make_error(Errc::name_too_long, "the path is too long to be kept in the journal");
  }
  if (content) {
    FTPSFS_TRY(await_room(wait));
  }
  Edit edit;
  Journal::Ticket ticket = 0;
  {
    const MutexLock lock(mutex_);
    edit = queue_.add(std::move(intention));
    FTPSFS_TRY_ASSIGN(ticket, journal_->append(edit, std::move(content)));
  }
  auto committed = journal_->commit(ticket, wait);
  const MutexLock lock(mutex_);
  if (committed) {
    queue_.keep(edit);
  } else if (const Edit back = queue_.withdraw(edit); !back.empty()) {
    FTPSFS_TRY(journal_->append(back));  // the next commit brings it to the disk
  }
  note_change();
  return committed;
}

Result<void> Courier::await_room(const Wait& wait) {
  MutexLock lock(mutex_);
  for (;;) {
    const std::uint64_t seen = changes_;
    if (journal_->content_bytes() <= settings_.most_content_bytes) {
      return {};
    }
    const bool may_shrink = queue_.size() > 0;
    if (!may_shrink || !changed_.wait(mutex_, wait, [this, seen]() FTPSFS_NO_ANALYSIS {
          return changes_ != seen;
        })) {
      return wait.stop.stop_requested()
                 ? wait.give_up("room in the journal")
                 : make_error(Errc::no_space,
                              "the journal of what is still to be uploaded is full");
    }
  }
}

Result<void> Courier::await(const remote::RemotePath& path, const Wait& wait) {
  const MutexLock lock(mutex_);
  if (!changed_.wait(mutex_, wait, [&]() FTPSFS_NO_ANALYSIS { return !queue_.touches(path); })) {
    return wait.give_up("earlier changes to reach the server");
  }
  return {};
}

Result<void> Courier::await_all(const Wait& wait) {
  return await(remote::RemotePath(), wait);
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
  std::vector<Edit> edits;
  Journal::Ticket ticket = 0;
  {
    const MutexLock lock(mutex_);
    const auto refused = queue_.refused();
    for (const auto& [id, intention] : refused) {
      edits.push_back(queue_.retry(id));
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
  counters.content_bytes = journal_->content_bytes();
  counters.problem = problem_;
  return counters;
}

void Courier::serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::optional<Queue::Started> started;
    {
      const MutexLock lock(mutex_);
      const SteadyTime next = wake();
      if (SteadyClock::now() >= link_until_) {
        started = queue_.take();
      }
      if (!started) {
        const std::uint64_t seen = changes_;
        changed_.wait(mutex_, Wait{next, stop},
                      [this, seen]() FTPSFS_NO_ANALYSIS { return changes_ != seen; });
        continue;
      }
    }
    settle(*started, deliver(*started, stop), stop);
  }
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
    if (pausing.until <= now) {
      pausing.is_over = true;
      queue_.put_back(id);
    } else {
      next = std::min(next, pausing.until);
    }
  }
  return next;
}

Result<Delivered> Courier::deliver(const Queue::Started& started, const std::stop_token& stop) {
  std::unique_ptr<ContentReader> content;
  if (started.intention.action == Action::upload) {
    FTPSFS_TRY_ASSIGN(content, journal_->open_content(started.intention.content));
  }
  // A Weyl sequence over the mount's own start, as for other hidden names.
  const std::uint64_t number = settings_.name_seed + 0x9e3779b97f4a7c15ULL * started.id;
  Delivery delivery(remote_, clock_, settings_.limits, started.intention, started.again,
                    fmt::format(".ftpsfs-{:016x}.part", number), content.get());
  return delivery.run(stop);
}

void Courier::settle(const Queue::Started& started, Result<Delivered> outcome,
                     const std::stop_token& stop) {
  if (!outcome && is_passing(outcome.error())) {
    note_failure(started, outcome.error());
    return;
  }
  const std::string& path = started.intention.path.str();
  Edit edit;
  Journal::Ticket ticket = 0;
  {
    const MutexLock lock(mutex_);
    pausing_.erase(started.id);
    if (outcome) {
      edit = queue_.finish(started.id, outcome->left);
      ++delivered_;
      conflicts_ += outcome->conflict ? 1 : 0;
      link_pause_ = Duration(0);
      problem_.clear();
    } else {
      edit = queue_.refuse(started.id, outcome.error().text.substr(0, kLongestReason));
    }
    if (const auto appended = journal_->append(edit)) {
      ticket = *appended;
    } else {  // paths and reasons are bounded: not to be expected
      log::error("journal: {}", appended.error().text);
    }
  }
  if (!outcome) {
    log::error("{}: the server refuses what was accepted: {}; it is kept", path,
               outcome.error().text);
  } else if (outcome->conflict) {
    log::warning("{} was changed on the server meanwhile; what was written here is in {}", path,
                 outcome->conflict->str());
  }
  end(started.id, edit, ticket, stop);
}

void Courier::note_failure(const Queue::Started& started, const Error& why) {
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
    if (now >= link_until_) {  // not once for each of those that were under way
      link_pause_ = longer(link_pause_);
      link_until_ = now + link_pause_;
    }
  } else {
    Pausing& pausing = pausing_[started.id];
    pausing.pause = longer(pausing.pause);
    pausing.until = now + pausing.pause;
    pausing.is_over = false;
  }
  note_change();
}

Duration Courier::longer(Duration pause) const {
  return std::clamp(2 * pause, settings_.first_pause, settings_.longest_pause);
}

void Courier::end(IntentionId id, const Edit& edit, Journal::Ticket ticket,
                  const std::stop_token& stop) {
  Duration pause(0);
  for (;;) {
    const auto committed = journal_->commit(ticket, Wait::for_at_most(settings_.limits.timeout));
    MutexLock lock(mutex_);
    if (committed) {
      queue_.keep(edit);
      queue_.release(id);
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
