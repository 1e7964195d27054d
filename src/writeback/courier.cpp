// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/courier.hpp"

#include <algorithm>
#include <utility>

#include "ftpsfs/writeback/wait_anew.hpp"

namespace ftpsfs::writeback {
namespace {

/// An edit of two such paths is far below what a record may hold.
constexpr std::size_t kLongestPath = 64 * 1024;
constexpr const char* kEarlierChanges = "earlier changes to reach the server";

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
      passing_now_(name_case(remote)),
      retries_(name_case(remote), settings_.first_pause, settings_.longest_pause) {
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
    retries_.want_try(SteadyClock::now());
    note_change();
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

void Courier::begin_wait(const Intention& names) {
  retries_.want_try(names, SteadyClock::now());
  note_change();
}

Result<void> Courier::await(const remote::RemotePath& path, const Wait& wait) {
  const MutexLock lock(mutex_);
  const IntentionId last = queue_.last();
  const Intention name = intention_of(Action::set_attributes, path);
  const auto is_over = [&]() FTPSFS_NO_ANALYSIS { return !queue_.touches(path, last); };
  if (is_over()) {
    return {};
  }
  begin_wait(name);
  return await_progress(wait, kEarlierChanges, is_over, [&]() FTPSFS_NO_ANALYSIS {
    return !path.is_root() && !retries_.failing(name).empty();
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
    begin_wait(names);
  }
  auto cleared = await_progress(wait, kEarlierChanges, is_clear, [&]() FTPSFS_NO_ANALYSIS {
    return !retries_.failing(names).empty();
  });
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
  for (const IntentionId id : verdicts_) {
    const auto refused = queue_.refused().find(id);
    if (refused != queue_.refused().end() && queue_.same(refused->second.path, path)) {
      return make_error(Errc::io_error, refused->second.refusal);
    }
  }
  return {};
}

void Courier::forget_verdict(const remote::RemotePath& path) {
  const MutexLock lock(mutex_);
  std::erase_if(verdicts_, [&](IntentionId id) FTPSFS_NO_ANALYSIS {
    const auto refused = queue_.refused().find(id);
    return refused == queue_.refused().end() || queue_.same(refused->second.path, path);
  });
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
  retries_.hurry();
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

}  // namespace ftpsfs::writeback
