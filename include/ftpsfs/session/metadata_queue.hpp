// SPDX-License-Identifier: MIT
//
// Questions of different callers that travel together: while flights are under way, what others ask
// waits and leaves in the next one. 64 programs that call stat(2) at once cost a few round trips
// and not 64, and one connection serves them.
//
// A caller that finds no flight to wait for leads one itself, on its own thread; when it has its
// answers it hands the lead to one that waits. Thread-safe; the mutex is a leaf.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/ftp/command.hpp"
#include "ftpsfs/ftp/reply.hpp"

namespace ftpsfs::session {

class MetadataQueue {
 public:
  using Replies = std::vector<ftp::Reply>;
  /// Chosen when a session is at hand: the commands of everybody who waits by then.
  using Load = std::function<std::span<const ftp::Command>()>;
  /// Takes a session, loads, and brings one reply for each command. May load again after a failure:
  /// the same commands come.
  using Carrier = std::function<Result<Replies>(const Load& load, const Wait& wait)>;

  /// @param most_flights at a time; each needs a session.
  /// @param patience of a flight at most, unless its leader waits without end. When its leader is
  /// interrupted, the others fly again; when it has an end and the link is away, those without one.
  MetadataQueue(Carrier carrier, unsigned most_flights, Duration patience);

  /// @param commands that change nothing and may be repeated.
  /// @return one reply for each.
  /// @errors what the carrier gave; timed_out, cancelled (this caller's wait).
  Result<Replies> ask(std::vector<ftp::Command> commands, const Wait& wait);

 private:
  /// More than that would make the first wait for the last.
  static constexpr std::size_t kMostCommands = 100;

  struct Question {
    std::vector<ftp::Command> commands;
    std::optional<Result<Replies>> answer;
    bool leads = false;
    bool is_endless = false;
    ConditionVariable changed;
  };
  using Questions = std::list<std::shared_ptr<Question>>;

  void lead(const std::shared_ptr<Question>& own, const Wait& wait);
  Questions take_load() FTPSFS_REQUIRES(mutex_);
  void keep_endless(Questions& load) FTPSFS_REQUIRES(mutex_);
  void hand_over() FTPSFS_REQUIRES(mutex_);

  const Carrier carrier_;
  const unsigned most_flights_;
  const Duration patience_;
  Mutex mutex_;
  Questions waiting_ FTPSFS_GUARDED_BY(mutex_);
  unsigned flights_ FTPSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace ftpsfs::session
