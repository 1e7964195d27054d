// SPDX-License-Identifier: MIT
//
// What FtpRemote, its readers and its writers share: the pool, and the rules for trying again.
// Private to FtpRemote. Thread-safe.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "ftp_target_listings.hpp"
#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/pause.hpp"
#include "ftpsfs/remote/ftp_remote.hpp"
#include "ftpsfs/session/metadata_queue.hpp"
#include "ftpsfs/session/server_knowledge.hpp"
#include "ftpsfs/session/session.hpp"
#include "ftpsfs/session/session_pool.hpp"
#include "ftpsfs/session/transport.hpp"
#include "unanswered_stores.hpp"

namespace ftpsfs::remote {

/// The pool's sessions are ours: its factory makes nothing else.
inline session::Session& session_of(const session::Lease& lease) {
  return static_cast<session::Session&>(lease.session());
}

/// One command that changes the server's tree.
template <typename Send, typename Settle, typename Look>
struct Change {
  /// (session, wait) → Result<void>: sends it; the refusal as the server put it.
  Send send;
  /// (session, refusal, wait) → Error: what the refusal means, told by what is there.
  Settle settle;
  /// (session, wait) → Result<bool>: was it made? For when the reply is lost.
  Look look;
};
template <typename Send, typename Settle, typename Look>
Change(Send, Settle, Look) -> Change<Send, Settle, Look>;  // clang 14 does not deduce aggregates

class FtpRemote::Core {
 public:
  static constexpr int kLoggedOut = 530;  ///< as the answer to anything behind the login

  /// A session that the server has forgotten answers 530 to everything; one 530 among others is
  /// about its own question.
  static bool is_logged_out(std::span<const ftp::Reply> replies) {
    return !replies.empty() &&
           std::all_of(replies.begin(), replies.end(),
                       [](const ftp::Reply& reply) { return reply.code == kLoggedOut; });
  }

  Core(FtpRemoteSettings settings, std::shared_ptr<const net::TlsContext> tls);

  /// Without secrets, and without the client's certificate: the pool's factory has those.
  const FtpRemoteSettings& settings() const noexcept { return settings_; }
  /// See FtpRemote::renew.
  void renew(session::SessionSettings settings, std::shared_ptr<const net::TlsContext> tls);
  session::SessionPool& pool() noexcept { return pool_; }
  session::ServerKnowledge& knowledge() noexcept { return knowledge_; }
  session::TrafficCounters& traffic() noexcept { return traffic_; }
  const session::CertificateWatch& certificates() const noexcept { return certificates_; }
  session::MetadataQueue& questions() noexcept { return questions_; }
  TargetListings& target_listings() noexcept { return target_listings_; }
  UnansweredStores& unanswered_stores() noexcept { return unanswered_stores_; }

  /// Runs `operation(session, wait)`, which may be repeated: on another session when the link
  /// fails, within the deadline. Where the wait is endless, for as long as the link is away.
  /// @errors io_error in place of a failed link, where the wait is endless: see the pool.
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
    for (int attempt = 1;; ++attempt) {
      FTPSFS_TRY_ASSIGN(auto lease, pool_.acquire(purpose, wait));
      auto result = operation(lease, limit_for(lease, wait, attempt));
      if (result) {
        return result;
      }
      const Error& error = result.error();
      note_failure(lease, error);
      if (!worth_another_session(error, attempt, wait) || wait.expired() ||
          wait.stop.stop_requested()) {
        if (wait.is_endless() && is_link_failure(error.code)) {
          result = make_error(Errc::io_error, error.text);
        }
        return result;
      }
      log::debug("trying on another session: {}", error.text);
      ++traffic_.sent_again;
      if (is_link_failure(error.code) || wants_new_login(error)) {
        lease.discard();  // else the pool would lend the same session again
      }
      lease.give_back();
      pause_before(attempt + 1, wait);
    }
  }

  /// repeat() for what must be known in the end: deaf to the stop. An endless wait it ends, but
  /// then there is one more try, of no more than one operation's time.
  template <typename Operation>
  auto insist(const Wait& wait, Operation operation)
      -> decltype(operation(std::declval<session::Session&>(), wait)) {
    if (!wait.is_endless()) {
      return repeat(session::Purpose::metadata, wait.uncancellable(), operation);
    }
    auto result = repeat(session::Purpose::metadata, wait, operation);
    if (result || !wait.stop.stop_requested()) {
      return result;
    }
    return repeat(session::Purpose::metadata, Wait::for_at_most(settings_.session.timeout),
                  operation);
  }

  /// The limit of one step of a transfer, or of any other that the server is to answer: the wait
  /// itself, unless it has no end. A link that died without a word is found by it.
  Wait step_of(const Wait& wait, int steps = 1) const {
    return wait.is_endless() ? wait.no_longer_than(settings_.session.timeout * steps) : wait;
  }

  /// What the pool and the counters are told of an operation or a transfer that failed.
  void note_failure(session::Lease& lease, const Error& error) {
    lease.note(error);
    if (is_link_failure(error.code)) {
      ++traffic_.link_failures;
    }
  }

  /// Makes a change of the server's tree. It is sent once; only where it is certain that nothing
  /// was done, it is sent once again.
  template <typename Send, typename Settle, typename Look>
  Result<void> mutate(const Wait& wait, const Change<Send, Settle, Look>& change) {
    const ChangeNote note(target_listings_);
    for (int attempt = 1;; ++attempt) {
      const bool last = attempt > std::min(1, settings_.retries) && !pool_.waits_for_ever(wait);
      FTPSFS_TRY_ASSIGN(auto lease, pool_.acquire(session::Purpose::metadata, wait, true));
      if (wait.stop.stop_requested()) {
        return wait.give_up("a free connection");
      }
      // Once sent, the outcome must be known: deaf to the stop, with time left for the look.
      Result<void> sent =
          change.send(session_of(lease), step_of(most_of(wait), kChangeSteps).uncancellable());
      if (sent) {
        return sent;
      }
      if (!is_link_failure(sent.error().code)) {
        if (sent.error().reply_code == kLoggedOut && attempt == 1) {
          lease.discard();
          ++traffic_.sent_again;
          continue;
        }
        return explain(std::move(lease), std::move(sent).error(), change.settle, wait);
      }
      note_failure(lease, sent.error());
      lease.discard();
      lease.give_back();
      log::info("the reply to a change was lost ({}); looking whether it was made",
                sent.error().text);
      Result<bool> done = insist(wait, change.look);
      if (done && *done) {
        return {};
      }
      // A server that timed out may still be at it; one whose connection is closed is not.
      const bool is_over = sent.error().code == Errc::closed ||
                           (pool_.waits_for_ever(wait) && sent.error().code == Errc::truncated);
      if (!done || last || !is_over || wait.expired()) {
        return sent;
      }
      ++traffic_.sent_again;
      pause_before(attempt + 1, wait);
    }
  }

  /// Makes changes together; each is sent once.
  template <typename Send>
  auto mutate_many(const Wait& wait, Send send)
      -> decltype(send(std::declval<session::Session&>(), wait)) {
    const ChangeNote note(target_listings_);
    FTPSFS_TRY_ASSIGN(auto lease, pool_.acquire(session::Purpose::metadata, wait, true));
    if (wait.stop.stop_requested()) {
      return wait.give_up("a free connection");
    }
    auto sent = send(session_of(lease), step_of(wait, kChangeSteps).uncancellable());
    if (!sent) {
      note_failure(lease, sent.error());
      lease.discard();
    }
    return sent;
  }

  /// Does a new login help, once? 530 after the login: the server forgot us. A data connection with
  /// another certificate: it may have been renewed since we logged in.
  static bool wants_new_login(const Error& error) {
    return error.reply_code == kLoggedOut || error.code == Errc::untrusted;
  }

 private:
  /// One generation of what logins need; its sessions keep it alive.
  struct Identity {
    Identity(session::SessionSettings with, std::shared_ptr<const net::TlsContext> tls,
             session::CertificateWatch& watch)
        : settings(std::move(with)),
          transport(settings.host, settings.port, std::move(tls), &watch, settings.route) {}
    const session::SessionSettings settings;
    session::NetTransport transport;
  };

  session::SessionFactory log_in_as(session::SessionSettings settings,
                                    std::shared_ptr<const net::TlsContext> tls);

  /// What a refusal means. It is known that nothing was done: a link that dies now changes nothing
  /// about that, and the look goes on over another session.
  template <typename Settle>
  Error explain(session::Lease lease, Error refusal, const Settle& settle, const Wait& wait) {
    Error meaning = settle(session_of(lease), refusal, step_of(wait, kChangeSteps).uncancellable());
    lease.note(meaning);
    if (!is_link_failure(meaning.code)) {
      return meaning;
    }
    lease.discard();
    lease.give_back();
    const Result<void> again = insist(
        wait, [&refusal, &settle](session::Session& session, const Wait& limit) -> Result<void> {
          return settle(session, refusal, limit);
        });
    if (!is_link_failure(again.error().code)) {
      return again.error();
    }
    refusal.code = refusal.code == Errc::refused ? Errc::io_error : refusal.code;
    return refusal;
  }

  /// A session that was idle may hang on a link that is long dead: it gets half of the time. One
  /// that was in use a moment ago is believed to have the time of one operation at least. Where the
  /// wait is endless, each attempt has more time than the one before: a server may be slow.
  Wait limit_for(const session::Lease& lease, const Wait& wait, int attempt) const {
    constexpr Duration kShortIdle = std::chrono::seconds(5);
    constexpr int kMostSteps = 8;
    if (wait.is_endless()) {
      return step_of(wait, std::min(attempt, kMostSteps));
    }
    if (attempt >= attempts()) {
      return wait;
    }
    const Wait half = fraction_of(wait, 2, 1);
    const Wait one = wait.no_longer_than(settings_.session.timeout);
    return lease.idle_before() < kShortIdle && half.deadline < one.deadline ? one : half;
  }
  static Wait most_of(const Wait& wait) { return fraction_of(wait, 4, 3); }
  static Wait fraction_of(const Wait& wait, int parts, int taken) {
    const auto left = std::chrono::duration_cast<Duration>(wait.deadline - SteadyClock::now());
    return wait.no_longer_than(std::max(Duration{0}, left / parts * taken));
  }
  /// One, and `retries` more.
  int attempts() const { return 1 + settings_.retries; }
  /// A server's process that is killed ends its connections without TLS's close_notify: that is
  /// truncated, as the end of a transfer is. A transfer's leaves the session usable.
  static bool is_away(const Error& error) {
    return is_link_away(error.code) ||
           (error.code == Errc::truncated && error.fate == SessionFate::broken);
  }
  bool worth_another_session(const Error& error, int attempt, const Wait& wait) const {
    const bool is_worth_it = attempt < attempts() ? is_link_failure(error.code)
                                                  : is_away(error) && pool_.waits_for_ever(wait);
    return is_worth_it || (wants_new_login(error) && attempt == 1);
  }
  /// Who tries without end must not do so without a pause: a server may end each session at once.
  void pause_before(int attempt, const Wait& wait) const {
    constexpr Duration kFirst = std::chrono::milliseconds(200);
    constexpr int kMostDoublings = 5;
    if (attempt > attempts()) {
      const int doublings = std::min(attempt - attempts() - 1, kMostDoublings);
      pause_for(wait.no_longer_than(kFirst * (1 << doublings)));
    }
  }

  /// A change may take the server longer than a question.
  static constexpr int kChangeSteps = 2;

  const FtpRemoteSettings settings_;
  const SystemClock clock_;
  session::CertificateWatch certificates_;
  session::ServerKnowledge knowledge_;
  session::TrafficCounters traffic_;
  TargetListings target_listings_{clock_};
  UnansweredStores unanswered_stores_;
  session::SessionPool pool_;  // behind what its keeper uses
  session::MetadataQueue questions_;
};

// ---- ftp_transfer.cpp ----

Result<std::unique_ptr<RemoteReader>> open_ftp_reader(FtpRemote::Core& core, const RemotePath& path,
                                                      const ByteRange& range, YieldRequest on_yield,
                                                      const Wait& wait);
/// One small file, whole. @return nullopt as Remote::read_ahead.
Result<std::optional<WholeFile>> fetch_whole(session::Session& session, const RemotePath& path,
                                             std::uint64_t most_bytes,
                                             const std::function<void(const WholeFile&)>& on_bytes,
                                             const Wait& wait);
Result<std::unique_ptr<RemoteWriter>> open_ftp_writer(FtpRemote::Core& core, const RemotePath& path,
                                                      WriteMode mode, YieldRequest on_yield,
                                                      const Wait& wait, const UploadTail& likely);

}  // namespace ftpsfs::remote
