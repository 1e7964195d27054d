// SPDX-License-Identifier: MIT
#include "ftpsfs/session/session.hpp"

#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/session/login.hpp"

namespace ftpsfs::session {
namespace {

/// When a data connection breaks, the reason is on the control connection already or soon.
constexpr Duration kReasonLimit = std::chrono::seconds(3);

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const SessionSettings& settings,
                                               Transport& transport, ServerKnowledge& knowledge,
                                               TrafficCounters& counters, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(auto logged_in, log_in(settings, transport, wait));
  std::unique_ptr<Session> session(new Session(settings, transport, knowledge, counters));
  session->control_ = std::move(logged_in.control);
  session->start_directory_ = std::move(logged_in.start_directory);
  session->tls_ = std::move(logged_in.tls);
  log::info("logged in to {}: {}, {}", settings.host, logged_in.profile.describe(), session->tls_);
  knowledge.learn(std::move(logged_in.profile));
  return session;
}

Result<std::vector<ftp::Reply>> Session::exchange(std::span<const ftp::Command> commands,
                                                  const Wait& wait) {
  if (cut_) {
    FTPSFS_TRY(settle(wait));
  }
  return control_->exchange(commands, wait);
}

Result<ftp::Reply> Session::command(std::string_view verb, std::string_view argument,
                                    const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const auto command, ftp::Command::make(verb, argument));
  FTPSFS_TRY_ASSIGN(auto replies, exchange(std::span(&command, 1), wait));
  return std::move(replies.front());
}

// ---- Data connections ----

Result<PassivePort> Session::request_port(std::vector<ftp::Command> ahead, const Wait& wait) {
  const bool extended = profile().epsv;
  FTPSFS_TRY_ASSIGN(auto ask, ftp::Command::make(extended ? "EPSV" : "PASV"));
  ahead.push_back(std::move(ask));
  FTPSFS_TRY_ASSIGN(auto replies, exchange(ahead, wait));
  const ftp::Reply answer = std::move(replies.back());
  replies.pop_back();

  auto port = extended ? ftp::parse_epsv_port(answer) : ftp::parse_pasv(answer);
  if (!port && extended && answer.is_permanent_negative()) {
    log::debug("EPSV is refused; PASV from now on");
    port = request_pasv(wait);
    if (port) {
      knowledge_.forget(&ftp::ServerProfile::epsv);
    }
  }
  if (!port) {
    // Whatever the words, they say nothing of a file.
    Error error = std::move(port).error();
    error.code = is_link_failure(error.code) ? error.code : Errc::io_error;
    return error;
  }
  return PassivePort{*port, std::move(replies)};
}

Result<std::uint16_t> Session::request_pasv(const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const auto reply, command("PASV", {}, wait));
  return ftp::parse_pasv(reply);
}

Result<std::unique_ptr<net::ByteStream>> Session::dial_port(std::uint16_t port, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(auto socket,
                    transport_.dial_data(control_->stream(), port,
                                         wait.no_longer_than(settings_.connect_timeout)));
  ++counters_.data_connections;
  if (settings_.protection == Protection::clear_data) {
    return std::unique_ptr<net::ByteStream>(std::make_unique<net::SocketStream>(std::move(socket)));
  }
  return transport_.prepare_data(std::move(socket), control_->stream());
}

Result<std::unique_ptr<net::ByteStream>> Session::dial_data(const PassivePort& port,
                                                            const Wait& wait) {
  const ftp::ServerProfile known = profile();
  auto data = dial_port(port.port, wait);
  const bool blocked =
      !data && (data.error().code == Errc::unreachable || data.error().code == Errc::timed_out);
  if (!blocked || !known.epsv || !known.pasv || wait.expired()) {
    return data;
  }
  // Some NAT boxes open only the ports that they read in a 227.
  auto other = request_pasv(wait);
  if (!other) {
    return data;
  }
  auto second = dial_port(*other, wait);
  if (!second) {
    return data;
  }
  knowledge_.forget(&ftp::ServerProfile::epsv);
  return second;
}

Result<bool> Session::start_transfer(std::span<const ftp::Command> commands, net::ByteStream& data,
                                     const Wait& wait) {
  const std::string verb(commands.back().verb());
  cut_ = true;  // until the replies are in step again
  FTPSFS_TRY(control_->send(commands, wait));
  FTPSFS_TRY(await_intermediates(commands, wait));
  const ftp::ServerProfile known = profile();
  bool started = false;
  if (settings_.protection == Protection::private_data) {
    if (!known.early_data_handshake) {
      FTPSFS_TRY_ASSIGN(const auto reply, control_->receive(wait));
      FTPSFS_TRY_ASSIGN(const bool over, judge_start(verb, reply));
      if (over) {
        return true;
      }
      started = true;
    }
    FTPSFS_TRY_ASSIGN(const bool over, shake_hands(verb, data, &started, wait));
    if (over) {
      return true;
    }
  }
  if (!started) {
    FTPSFS_TRY_ASSIGN(const auto reply, control_->receive(wait));
    return judge_start(verb, reply);
  }
  return false;
}

/// The 350 to REST. When it is refused, RETR runs from the start and is of no use.
Result<void> Session::await_intermediates(std::span<const ftp::Command> commands,
                                          const Wait& wait) {
  for (const ftp::Command& command : commands.first(commands.size() - 1)) {
    FTPSFS_TRY_ASSIGN(const auto reply, control_->receive(wait));
    if (!reply.is_positive()) {
      if (reply.code == 500 || reply.code == 502) {
        knowledge_.forget(&ftp::ServerProfile::rest);
      }
      Error error = ftp::make_refusal(command.verb(), reply);
      error.code = Errc::unsupported;
      return error;
    }
  }
  return {};
}

/// @return true when the transfer is over (2xx at once).
Result<bool> Session::judge_start(std::string_view verb, const ftp::Reply& reply) {
  if (reply.is_preliminary()) {
    return false;
  }
  cut_ = control_->owed() > 0;
  if (reply.is_completion()) {
    return true;
  }
  return ftp::make_refusal(verb, reply);
}

/// @return true when the transfer is over before its handshake.
Result<bool> Session::shake_hands(std::string_view verb, net::ByteStream& data, bool* started,
                                  const Wait& wait) {
  for (;;) {
    auto done = transport_.handshake_data(data, control_->stream(), wait);
    if (!done) {
      if (done.error().code == Errc::cancelled) {
        return std::move(done).error();
      }
      // Nothing has begun: a refusal of the verb is the cause of the broken handshake, not its
      // effect.
      return explain_broken_data(verb, std::move(done).error(), !*started);
    }
    if (*done) {
      return false;
    }
    FTPSFS_TRY_ASSIGN(const auto reply, control_->try_receive());
    if (!reply) {
      continue;
    }
    FTPSFS_TRY_ASSIGN(const bool over, judge_start(verb, *reply));
    if (over) {
      return true;
    }
    *started = true;
  }
}

Result<ftp::Reply> Session::await_verdict(const Wait& wait) {
  for (;;) {
    FTPSFS_TRY_ASSIGN(auto reply, control_->receive(wait));
    if (!reply.is_preliminary()) {
      cut_ = control_->owed() > 0;
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
  return !cut_ && control_->is_quiet();
}

Result<void> Session::settle(const Wait& wait) {
  if (!cut_) {
    return control_->settle(wait);
  }
  const bool extended = profile().epsv;
  FTPSFS_TRY_ASSIGN(const auto mark, ftp::Command::make(extended ? "EPSV" : "PASV"));
  FTPSFS_TRY(control_->settle_with_mark(mark, extended ? 229 : 227, wait));
  cut_ = false;
  return {};
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
