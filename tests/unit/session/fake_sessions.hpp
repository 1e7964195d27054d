// SPDX-License-Identifier: MIT
//
// Sessions that are nothing but counters, for the pool's tests. A test decides how the next dials
// end and how sessions behave. Thread-safe.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "ftpsfs/base/event_fd.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/session/session_pool.hpp"

namespace ftpsfs::session {

class FakeServer {
 public:
  class Session final : public PooledSession {
   public:
    explicit Session(FakeServer& server) : server_(server) { ++server_.alive; }
    ~Session() override { --server_.alive; }
    bool is_lendable() override { return !dead && !owes; }
    bool is_spent() override { return spent; }
    Readiness rest() override {
      ++server_.rests;
      if (dead) {
        return Readiness::lost;
      }
      if (answers.exchange(false)) {
        owes = false;
        expects = false;
        return Readiness::ready;
      }
      if (owes) {
        if (settles_at_once) {
          owes = false;
          return Readiness::ready;
        }
        return Readiness::owing;
      }
      expects = expects || asks_at_rest;
      return expects ? Readiness::expecting : Readiness::ready;
    }
    int descriptor() const override { return input_.fd(); }
    void ask_for_a_sign() override {
      ++server_.probes;
      owes = true;
      if (!hangs) {
        answer();
      }
    }
    /// What it owes comes in. From then on it may be lent, broken and gone.
    void answer() {
      input_.raise();
      answers = true;
    }
    Result<void> probe(const Wait& /*wait*/) override {
      ++server_.probes;
      return hangs ? Result<void>(make_broken(Errc::timed_out, "no answer")) : Result<void>();
    }
    void quit(const Wait& /*wait*/) override { ++server_.quits; }

    std::atomic<bool> dead{false};  ///< the server closed it
    std::atomic<bool> spent{false};
    std::atomic<bool> hangs{false};  ///< the link is dead, and nobody knows
    std::atomic<bool> owes{false};   ///< replies
    std::atomic<bool> asks_at_rest{false};
    std::atomic<bool> expects{false};  ///< the answer to what it asked at rest
    std::atomic<bool> answers{false};
    std::atomic<bool> settles_at_once{false};
    std::atomic<int> users{0};  ///< threads inside

   private:
    const EventFd input_;
    FakeServer& server_;
  };

  SessionFactory factory() {
    return [this](const Wait& wait) { return dial(wait); };
  }

  /// The next dials fail like this, in turn; afterwards they succeed.
  void fail_next(Error error, int times = 1) {
    const MutexLock lock(mutex_);
    failures_.insert(failures_.end(), static_cast<std::size_t>(times), error);
  }
  void stop_failing() {
    const MutexLock lock(mutex_);
    failures_.clear();
  }

  std::atomic<int> room{1000};  ///< more sessions than this get 421
  std::atomic<int> alive{0};
  std::atomic<int> dials{0};
  std::atomic<int> dialling{0};
  std::atomic<int> most_dialling{0};
  std::atomic<int> rests{0};
  std::atomic<int> probes{0};
  std::atomic<int> quits{0};
  std::function<void()> on_dial;  ///< a gate

 private:
  Result<std::unique_ptr<PooledSession>> dial(const Wait& /*wait*/) {
    ++dials;
    const int now = ++dialling;
    int most = most_dialling;
    while (now > most && !most_dialling.compare_exchange_weak(most, now)) {
    }
    if (on_dial) {
      on_dial();
    }
    --dialling;
    {
      const MutexLock lock(mutex_);
      if (!failures_.empty()) {
        Error error = std::move(failures_.front());
        failures_.pop_front();
        return error;
      }
    }
    if (alive >= room) {
      return make_broken(Errc::closed, "421 Too many connections", 421);
    }
    return std::unique_ptr<PooledSession>(std::make_unique<Session>(*this));
  }

  Mutex mutex_;
  std::deque<Error> failures_ FTPSFS_GUARDED_BY(mutex_);
};

inline FakeServer::Session& fake(const Lease& lease) {
  return static_cast<FakeServer::Session&>(lease.session());
}

}  // namespace ftpsfs::session
