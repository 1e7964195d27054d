// SPDX-License-Identifier: MIT
#include "ftpsfs/session/session.hpp"

#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/session/login.hpp"

namespace ftpsfs::session {
Result<std::unique_ptr<Session>> Session::open(const SessionSettings& settings,
                                               Transport& transport, ServerKnowledge& knowledge,
                                               TrafficCounters& counters, const Wait& wait) {
  const DialogueNotes notes{&counters.verb_times, settings.trace.get(), ++counters.sessions};
  FTPSFS_TRY_ASSIGN(auto logged_in, log_in(settings, transport, knowledge, wait, notes));
  std::unique_ptr<Session> session(new Session(settings, transport, knowledge, counters));
  session->control_ = std::move(logged_in.control);
  session->start_directory_ = std::move(logged_in.start_directory);
  session->tls_ = std::move(logged_in.tls);
  log::info("logged in to {}: {}, {} (#{})", settings.host, logged_in.profile.describe(),
            session->tls_, notes.session);
  knowledge.learn(std::move(logged_in.profile), std::move(logged_in.greeting));
  if (logged_in.port) {
    session->port_.slot = std::move(logged_in.port_slot);
    FTPSFS_TRY(session->take_port(*logged_in.port));
  }
  return session;
}

Result<std::vector<ftp::Reply>> Session::exchange(std::span<const ftp::Command> commands,
                                                  const Wait& wait) {
  if (cut_) {
    FTPSFS_TRY(settle(wait));
  }
  counters_.commands += commands.size();
  counters_.flights += commands.empty() ? 0 : 1;
  if (port_.state != DataPort::State::asked) {
    return control_->exchange(commands, wait);
  }
  std::vector<ftp::Reply> earlier;
  auto replies = control_->exchange(commands, wait, &earlier);
  if (!earlier.empty()) {
    FTPSFS_TRY(take_port(earlier.front()));
  }
  return replies;
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
      cut_ = control_->owed() > (port_.state == DataPort::State::asked ? 1U : 0U);
      return reply;
    }
  }
}

Error Session::explain_broken_data(std::string_view verb, Error fallback, bool before_start) {
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

// ---- PooledSession ----

bool Session::is_quiet() {
  return !lost_ && !cut_ && port_.state != DataPort::State::asked && control_->is_quiet();
}

Result<void> Session::settle(const Wait& wait) {
  if (lost_) {
    return *lost_;
  }
  if (cut_) {
    const bool under_way = port_.state == DataPort::State::asked;
    if (!under_way) {
      port_.extended = profile().epsv;
    }
    const int code = port_.extended ? 229 : 227;
    FTPSFS_TRY_ASSIGN(const auto mark, port_command());
    FTPSFS_TRY_ASSIGN(const auto reply, under_way ? control_->skip_to_mark(code, wait)
                                                  : control_->settle_with_mark(mark, code, wait));
    cut_ = false;
    return take_port(reply);
  }
  if (port_.state == DataPort::State::asked) {
    FTPSFS_TRY_ASSIGN(const auto reply, control_->receive(wait));
    FTPSFS_TRY(take_port(reply));
  }
  return control_->settle(wait);
}

Result<void> Session::probe(const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const auto reply, command("NOOP", {}, wait));
  if (!reply.is_completion()) {
    return make_broken(Errc::protocol_error, "NOOP: " + reply.text(), reply.code);
  }
  return {};
}

void Session::quit(const Wait& wait) {
  if (!is_quiet()) {
    return;
  }
  auto bye = command("QUIT", {}, wait);
  if (!bye) {
    log::debug("QUIT: {}", bye.error().text);
  }
}

}  // namespace ftpsfs::session
