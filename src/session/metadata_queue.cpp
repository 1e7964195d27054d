// SPDX-License-Identifier: MIT
#include "ftpsfs/session/metadata_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ftpsfs::session {

MetadataQueue::MetadataQueue(Carrier carrier, unsigned most_flights, Duration patience)
    : carrier_(std::move(carrier)),
      most_flights_(std::max(1U, most_flights)),
      patience_(patience) {}

Result<MetadataQueue::Replies> MetadataQueue::ask(std::vector<ftp::Command> commands,
                                                  const Wait& wait) {
  auto own = std::make_shared<Question>();
  own->commands = std::move(commands);
  own->is_endless = wait.is_endless();
  MutexLock lock(mutex_);
  waiting_.push_back(own);
  if (flights_ < most_flights_) {
    ++flights_;
    own->leads = true;
  }
  for (;;) {
    if (own->leads) {
      lock.unlock();
      lead(own, wait);
      lock.lock();
      own->leads = false;
      hand_over();  // to itself, when the load was full before its turn
    }
    if (own->answer) {
      return *std::move(own->answer);
    }
    const bool woken = own->changed.wait(
        mutex_, wait, [&own]() FTPSFS_NO_ANALYSIS { return own->answer || own->leads; });
    if (!woken) {
      waiting_.remove(own);  // where it was not taken along already
      return wait.give_up("the server's reply");
    }
  }
}

/// One flight. Mostly its leader's own question is aboard. Others may have filled it, and then the
/// leader leads again; or another flight took the question along, and this one may be empty.
void MetadataQueue::lead(const std::shared_ptr<Question>& own, const Wait& wait) {
  Questions load;
  std::vector<ftp::Command> commands;
  const auto choose = [&]() -> std::span<const ftp::Command> {
    if (load.empty()) {
      const MutexLock lock(mutex_);
      load = take_load();
      for (const auto& question : load) {
        commands.insert(commands.end(), question->commands.begin(), question->commands.end());
      }
    }
    return commands;
  };
  Result<Replies> replies = make_error(Errc::io_error, "a flight failed");
  try {
    replies = carrier_(choose, own->is_endless ? wait : wait.no_longer_than(patience_));
  } catch (const std::exception& e) {
    replies = make_error(Errc::io_error, e.what());
  }
  const MutexLock lock(mutex_);
  if (!replies && (wait.stop.stop_requested() || wait.expired())) {
    // It was the leader's wait that ended, not the others': they fly again.
    load.remove(own);
    waiting_.remove(own);
    own->answer = Result<Replies>(replies.error());
    waiting_.splice(waiting_.begin(), load);
    return;
  }
  if (!replies && load.empty()) {
    load = take_load();  // no session was to be had: they learn why
  }
  if (!replies && !own->is_endless && is_link_away(replies.error().code)) {
    keep_endless(load);
  }
  auto next = replies ? std::make_move_iterator(replies->begin())
                      : std::make_move_iterator(Replies::iterator());
  for (const auto& question : load) {
    if (replies) {
      const auto count = static_cast<std::ptrdiff_t>(question->commands.size());
      question->answer = Replies(next, next + count);
      next += count;
    } else {
      question->answer = Result<Replies>(replies.error());
    }
    question->changed.notify_one();
  }
}

MetadataQueue::Questions MetadataQueue::take_load() {
  Questions load;
  std::size_t commands = 0;
  while (!waiting_.empty() &&
         (load.empty() || commands + waiting_.front()->commands.size() <= kMostCommands)) {
    commands += waiting_.front()->commands.size();
    load.splice(load.end(), waiting_, waiting_.begin());
  }
  return load;
}

/// They wait for the link to come back, as whoever leads them next will.
void MetadataQueue::keep_endless(Questions& load) {
  const auto first = std::stable_partition(
      load.begin(), load.end(), [](const auto& question) { return !question->is_endless; });
  waiting_.splice(waiting_.begin(), load, first, load.end());
}

void MetadataQueue::hand_over() {
  // Some may lead other flights already; the first who does not takes this one's place.
  const auto next = std::find_if(waiting_.begin(), waiting_.end(),
                                 [](const auto& question) { return !question->leads; });
  if (next == waiting_.end()) {
    --flights_;
    return;
  }
  (*next)->leads = true;
  (*next)->changed.notify_one();
}

}  // namespace ftpsfs::session
