// SPDX-License-Identifier: MIT
#include "ftpsfs/session/session.hpp"

#include <algorithm>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/net/round_trip.hpp"
#include "ftpsfs/session/login.hpp"

namespace ftpsfs::session {

std::optional<SteadyTime> retirement(std::optional<SteadyTime> expiry, SteadyTime now) {
  // Lifetimes are the server's word: 68 years (vsftpd, TLS 1.2) must not overflow, and one that is
  // over at once must not lead to a login for each command.
  constexpr std::chrono::hours kLongest(7 * 24);  // RFC 8446 §4.6.1
  constexpr std::chrono::seconds kShortest(1);
  if (!expiry || *expiry - now < kShortest) {
    return std::nullopt;
  }
  return now + std::min<SteadyClock::duration>(*expiry - now, kLongest) / 10 * 9;
}

Result<std::unique_ptr<Session>> Session::open(const SessionSettings& settings,
                                               Transport& transport, ServerKnowledge& knowledge,
                                               TrafficCounters& counters, const Wait& wait,
                                               std::shared_ptr<const void> kept) {
  const DialogueNotes notes{&counters.verb_times, settings.trace.get(), ++counters.sessions};
  FTPSFS_TRY_ASSIGN(auto logged_in, log_in(settings, transport, knowledge, wait, notes));
  std::unique_ptr<Session> session(new Session(settings, transport, knowledge, counters));
  session->kept_ = std::move(kept);
  session->control_ = std::move(logged_in.control);
  session->start_directory_ = std::move(logged_in.start_directory);
  session->tls_ = std::move(logged_in.tls);
  session->spent_at_ =
      retirement(transport.session_expiry(session->control_->stream()), SteadyClock::now());
  log::info("logged in to {}: {}, {} (#{})", settings.host, logged_in.profile.describe(),
            session->tls_, notes.session);
  if (settings.coarse_times && settings.stat_listing && logged_in.profile.stat_lists) {
    logged_in.profile.has_mlsd = false;
    logged_in.profile.has_mlst = false;
  }
  knowledge.learn(std::move(logged_in.profile), std::move(logged_in.greeting));
  if (const auto time = net::round_trip(session->control_->stream().native_handle())) {
    knowledge.note_round_trip(*time);
  }
  if (logged_in.port) {
    session->port_.slot = std::move(logged_in.port_slot);
    FTPSFS_TRY(session->take_port(*logged_in.port));
  }
  return session;
}

Result<std::vector<ftp::Reply>> Session::exchange(std::span<const ftp::Command> commands,
                                                  const Wait& wait) {
  std::vector<ftp::Reply> replies;
  replies.reserve(commands.size());
  FTPSFS_TRY(exchange_each(commands, wait,
                           [&replies](ftp::Reply reply) { replies.push_back(std::move(reply)); }));
  return replies;
}

Result<void> Session::exchange_each(std::span<const ftp::Command> commands, const Wait& wait,
                                    const std::function<void(ftp::Reply)>& take) {
  if (cut_) {
    FTPSFS_TRY(settle(wait));
  }
  counters_.commands += commands.size();
  counters_.flights += commands.empty() ? 0 : 1;
  if (port_.state != DataPort::State::asked) {
    return control_->exchange_each(commands, wait, take);
  }
  // The port's reply comes first; it is taken even when `take` throws on a later one.
  std::vector<ftp::Reply> earlier;
  Result<void> port;
  const auto take_earlier = [&] {
    if (!earlier.empty() && port_.state == DataPort::State::asked) {
      port = take_port(earlier.front());
    }
  };
  auto exchanged = control_->exchange_each(
      commands, wait,
      [&](ftp::Reply reply) {
        take_earlier();
        take(std::move(reply));
      },
      &earlier);
  take_earlier();
  FTPSFS_TRY(port);
  return exchanged;
}

Result<ftp::Reply> Session::command(std::string_view verb, std::string_view argument,
                                    const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const auto command, ftp::Command::make(verb, argument));
  FTPSFS_TRY_ASSIGN(auto replies, exchange(std::span(&command, 1), wait));
  return std::move(replies.front());
}

// ---- The end of a transfer ----

Result<ftp::Reply> Session::await_verdict(const Wait& wait) {
  for (;;) {
    FTPSFS_TRY_ASSIGN(auto reply, control_->receive(wait));
    if (!reply.is_preliminary()) {
      cut_ = owes_transfer();
      return reply;
    }
  }
}

Result<std::vector<ftp::Reply>> Session::take_answers(std::size_t count, const Wait& wait) {
  std::vector<ftp::Reply> answers;
  while (answers.size() < count) {
    FTPSFS_TRY_ASSIGN(auto reply, await_verdict(wait));
    answers.push_back(std::move(reply));
  }
  return answers;
}

void Session::announce_end(net::ByteStream& data, std::optional<std::uint64_t> bytes) {
  // A router may forget a connection that is half closed sooner, and TLS might still have to write:
  // a round trip is worth that only where there are few.
  constexpr std::uint64_t kMostBehindFin = std::uint64_t{1} << 20U;
  const ftp::EarlyEnd how = profile().early_data_end;
  if (how == ftp::EarlyEnd::none || !knowledge_.allows(ServerKnowledge::Way::announced_end)) {
    return;
  }
  end_announced_ =
      (how == ftp::EarlyEnd::close_notify && data.announce_end(net::HalfClose::close_notify)) ||
      (bytes.value_or(0) <= kMostBehindFin && data.announce_end(net::HalfClose::fin));
}

void Session::judge_announced_end(bool is_whole, std::uint64_t bytes) {
  constexpr std::uint64_t kProof = std::uint64_t{64} * 1024;
  if (std::exchange(end_announced_, false) && (!is_whole || bytes > kProof)) {
    knowledge_.note(ServerKnowledge::Way::announced_end, is_whole);
  }
}

Error Session::explain_broken_data(std::string_view verb, Error fallback, bool before_start) {
  if (fallback.code != Errc::cancelled) {
    judge_announced_end(false, 0);
  }
  // A timeout says nothing of the server's mind: the transfer is cut, and settle() will tell.
  if (fallback.code == Errc::timed_out || fallback.code == Errc::cancelled) {
    return fallback;
  }
  auto verdict = await_verdict(Wait::for_at_most(kReasonLimit));
  if (!verdict) {
    fallback.fate = SessionFate::broken;
    return fallback;
  }
  if (verdict->is_completion()) {
    fallback.fate = SessionFate::usable;
    return fallback;
  }
  Error error = ftp::make_refusal(verb, *verdict);
  if (before_start) {
    return error;
  }
  if (error.code == Errc::refused) {
    error.code = fallback.code;
  }
  error.text += " (" + fallback.text + ")";
  return error;
}

// ---- Back into step ----

bool Session::owes_port_alone() const {
  return !cut_ && port_.state == DataPort::State::asked && control_->owed() == 1;
}

Result<bool> Session::try_settle() {
  if (lost_) {
    return *lost_;
  }
  if (cut_) {
    if (port_.state != DataPort::State::asked) {
      port_.extended = profile().epsv;
      FTPSFS_TRY_ASSIGN(const auto mark, mark_command());
      FTPSFS_TRY(control_->send(std::span(&mark, 1), Wait::for_at_most(kAskLimit)));
      port_.state = DataPort::State::asked;
    }
    FTPSFS_TRY_ASSIGN(const auto mark, control_->try_skip_to_mark(mark_code()));
    if (!mark) {
      return false;
    }
    cut_ = false;
    FTPSFS_TRY(take_port(*mark));
    return true;
  }
  while (port_.state == DataPort::State::asked) {
    FTPSFS_TRY_ASSIGN(const auto reply, control_->try_receive());
    if (!reply) {
      return false;
    }
    if (!reply->is_preliminary()) {
      FTPSFS_TRY(take_port(*reply));
    }
  }
  return control_->try_settle();
}

Result<void> Session::settle(const Wait& wait) {
  for (;;) {
    FTPSFS_TRY_ASSIGN(const bool done, try_settle());
    if (done) {
      return {};
    }
    FTPSFS_TRY(control_->wait_for_input(wait));
  }
}

bool Session::is_quiet() {
  return !lost_ && !cut_ && port_.state != DataPort::State::asked && control_->is_quiet();
}

// ---- PooledSession ----

bool Session::is_lendable() {
  if (cut_) {
    return false;
  }
  auto settled = try_settle();
  if (!settled) {
    lost_ = std::move(settled).error();
    return false;
  }
  return *settled ? control_->is_quiet() : owes_port_alone();
}

Readiness Session::rest() {
  // One question a rest: a server that refuses ports would be asked without end.
  const bool has_asked = cut_ || port_.state == DataPort::State::asked;
  auto settled = try_settle();
  if (!settled) {
    lost_ = std::move(settled).error();
    return Readiness::lost;
  }
  if (!*settled) {
    return owes_port_alone() ? Readiness::expecting : Readiness::owing;
  }
  if (!control_->is_quiet()) {
    return Readiness::lost;
  }
  return has_asked ? Readiness::ready : ask_ahead();
}

void Session::ask_for_a_sign() {
  auto noop = ftp::Command::make("NOOP");
  if (noop) {
    // A failure breaks the channel, which the next rest() tells.
    static_cast<void>(control_->send(std::span(&*noop, 1), Wait::for_at_most(kAskLimit)));
  }
}

bool Session::is_spent() {
  return spent_at_ && SteadyClock::now() >= *spent_at_;
}

Result<void> Session::probe(const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const auto reply, command("NOOP", {}, wait));
  if (!reply.is_completion()) {
    return make_broken(Errc::protocol_error, "NOOP: " + reply.text(), reply.code);
  }
  return {};
}

void Session::quit(const Wait& wait) {
  if (!is_lendable()) {
    return;
  }
  auto bye = command("QUIT", {}, wait);
  if (!bye) {
    log::debug("QUIT: {}", bye.error().text);
  }
}

}  // namespace ftpsfs::session
