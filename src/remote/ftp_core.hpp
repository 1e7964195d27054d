// SPDX-License-Identifier: MIT
//
// What FtpRemote, its readers and its writers share: the pool, and the rules for trying again.
// Private to FtpRemote. Thread-safe.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/remote/ftp_remote.hpp"
#include "ftpsfs/session/metadata_queue.hpp"
#include "ftpsfs/session/server_knowledge.hpp"
#include "ftpsfs/session/session.hpp"
#include "ftpsfs/session/session_pool.hpp"
#include "ftpsfs/session/transport.hpp"

namespace ftpsfs::remote {

/// The pool's sessions are ours: its factory makes nothing else.
inline session::Session& session_of(const session::Lease& lease) {
  return static_cast<session::Session&>(lease.session());
}

class FtpRemote::Core {
 public:
  Core(FtpRemoteSettings settings, std::shared_ptr<const net::TlsContext> tls);

  const FtpRemoteSettings& settings() const noexcept { return settings_; }
  session::SessionPool& pool() noexcept { return pool_; }
  session::ServerKnowledge& knowledge() noexcept { return knowledge_; }
  session::TrafficCounters& traffic() noexcept { return traffic_; }
  session::MetadataQueue& questions() noexcept { return questions_; }

  /// Runs `operation(session, wait)`, which may be repeated: on another session when the link
  /// fails, within the deadline.
  template <typename Operation>
  auto repeat(session::Purpose purpose, const Wait& wait, Operation operation)
      -> decltype(operation(std::declval<session::Session&>(), wait)) {
    return repeat_with_lease(purpose, wait, [&operation](session::Lease& lease, const Wait& limit) {
      return operation(session_of(lease), limit);
    });
  }

  /// The same for operations that keep the lease when they succeed (by moving it away).
  template <typename Operation>
  auto repeat_with_lease(session::Purpose purpose, const Wait& wait, Operation operation)
      -> decltype(operation(std::declval<session::Lease&>(), wait)) {
    constexpr int kAttempts = 3;
    for (int attempt = 1;; ++attempt) {
      FTPSFS_TRY_ASSIGN(auto lease, pool_.acquire(purpose, wait));
      auto result = operation(lease, attempt < kAttempts ? limit_for(lease, wait) : wait);
      if (result) {
        return result;
      }
      const Error& error = result.error();
      lease.note(error);
      if (attempt == kAttempts || !worth_another_session(error, attempt) || wait.expired() ||
          wait.stop.stop_requested()) {
        return result;
      }
      log::debug("trying on another session: {}", error.text);
      if (is_link_failure(error.code) || error.reply_code == kLoggedOut) {
        lease.discard();  // else the pool would lend the same session again
      }
    }
  }

  /// Runs `send(session, wait)` once. When its reply is lost, `look(session, wait)` tells on
  /// another session whether it was done; when it was not, and the dead connection cannot do it any
  /// more, it is sent once again.
  template <typename Send, typename Look>
  Result<void> mutate(const Wait& wait, Send send, Look look) {
    for (bool last = false;; last = true) {
      FTPSFS_TRY_ASSIGN(auto lease, pool_.acquire(session::Purpose::metadata, wait, true));
      if (wait.stop.stop_requested()) {
        return wait.give_up("a free connection");
      }
      // Once sent, the outcome must be known: deaf to the stop, with time left for the look.
      Result<void> sent = send(session_of(lease), most_of(wait).uncancellable());
      if (sent || !is_link_failure(sent.error().code)) {
        if (!sent) {
          lease.note(sent.error());
        }
        return sent;
      }
      lease.discard();
      lease.give_back();
      log::info("the reply to a change was lost ({}); looking whether it was made",
                sent.error().text);
      Result<bool> done = repeat(session::Purpose::metadata, wait.uncancellable(), look);
      if (done && *done) {
        return {};
      }
      // A server that timed out may still be at it; one whose connection is closed is not.
      if (!done || last || sent.error().code != Errc::closed || wait.expired()) {
        return sent;
      }
    }
  }

 private:
  /// A session that was idle may hang on a link that is long dead: it gets half of the time.
  static Wait limit_for(const session::Lease& lease, const Wait& wait) {
    constexpr Duration kShortIdle = std::chrono::seconds(5);
    return lease.idle_before() < kShortIdle ? wait : fraction_of(wait, 2, 1);
  }
  static Wait most_of(const Wait& wait) { return fraction_of(wait, 4, 3); }
  static Wait fraction_of(const Wait& wait, int parts, int taken) {
    const auto left = std::chrono::duration_cast<Duration>(wait.deadline - SteadyClock::now());
    return wait.no_longer_than(std::max(Duration{0}, left / parts * taken));
  }
  /// 530 after the login: the server forgot us; a new login may help, once.
  static bool worth_another_session(const Error& error, int attempt) {
    return is_link_failure(error.code) || (error.reply_code == kLoggedOut && attempt == 1);
  }
  static constexpr int kLoggedOut = 530;

  const FtpRemoteSettings settings_;
  const SystemClock clock_;
  session::NetTransport transport_;
  session::ServerKnowledge knowledge_;
  session::TrafficCounters traffic_;
  session::SessionPool pool_;  // behind what its keeper uses
  session::MetadataQueue questions_;
};

// ---- ftp_transfer.cpp ----

Result<std::unique_ptr<RemoteReader>> open_ftp_reader(FtpRemote::Core& core, const RemotePath& path,
                                                      std::uint64_t offset, YieldRequest on_yield,
                                                      const Wait& wait);
Result<std::unique_ptr<RemoteWriter>> open_ftp_writer(FtpRemote::Core& core, const RemotePath& path,
                                                      WriteMode mode, YieldRequest on_yield,
                                                      const Wait& wait);

}  // namespace ftpsfs::remote
