// SPDX-License-Identifier: MIT
//
// Session: data connections, and how a transfer begins.
//
// The fast way: an idle session holds a port that is connected already (DataPort), so that verb,
// questions, the request for the next port and the ClientHello leave together. The slow way asks
// for a port first. Each step back is remembered for the server.

#include <algorithm>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/net/round_trip.hpp"
#include "session_start.hpp"

namespace ftpsfs::session {
namespace {

/// Servers were seen to keep an idle port for 300 s; NAT boxes forget earlier.
constexpr Duration kWarmFor = std::chrono::seconds(120);
/// How long the ClientHello waits for a 1xx that never came before the handshake: until the verb
/// has arrived, as some servers reset what speaks before it.
constexpr Duration kBriefPatience = std::chrono::milliseconds(50);
/// "EPSV" with its line end.
constexpr std::size_t kPortBytes = 6;
/// Did the data connection fail, and not the verb? 425 and 426 are its codes.
bool is_data_trouble(const Error& error) {
  if (error.fate == SessionFate::broken) {
    return false;
  }
  const bool by_words = error.reply_code == 425 || error.reply_code == 426;
  return by_words || (error.reply_code == 0 &&
                      (error.code == Errc::closed || error.code == Errc::unreachable ||
                       error.code == Errc::tls_failed || error.code == Errc::truncated));
}

}  // namespace

// ---- Ports ----

bool Session::may_ask_ahead() const {
  return settings_.may_warm_data() && knowledge_.allows(ServerKnowledge::Way::warm_start);
}

Duration Session::warm_for() const {
  return profile().habits_tried ? kWarmFor : std::min(kWarmFor, settings_.untried_port_age);
}

Result<ftp::Command> Session::port_command() const {
  return ftp::Command::make(port_.extended ? "EPSV" : "PASV");
}

/// What brings a dialogue back into step: its reply is like no other that a transfer may have. The
/// request for a port; in active mode, where servers may know none, PWD.
Result<ftp::Command> Session::mark_command() const {
  return settings_.route.active ? ftp::Command::make("PWD") : port_command();
}

int Session::mark_code() const {
  constexpr int kPwd = 257;
  constexpr int kEpsv = 229;
  constexpr int kPasv = 227;
  return settings_.route.active ? kPwd : port_.extended ? kEpsv : kPasv;
}

Result<std::uint16_t> Session::parse_port(const ftp::Reply& reply) const {
  return port_.extended ? ftp::parse_epsv_port(reply) : ftp::parse_pasv(reply);
}

/// The reply to a port asked for ahead of need. Refusals cost nothing here: whoever transfers
/// learns of them. A success of another kind belongs to another command (a cut transfer may be
/// answered twice): then every later reply would be taken for the one before it.
Result<void> Session::take_port(const ftp::Reply& reply) {
  port_.state = DataPort::State::none;
  const auto port = parse_port(reply);
  if (!port || !may_ask_ahead()) {
    const bool is_of_another = reply.is_completion() && reply.code != mark_code();
    port_.clear();
    if (is_of_another) {
      return make_broken(Errc::protocol_error,
                         "out of step: asked for a port, and the server said " + reply.text(),
                         reply.code);
    }
    return {};
  }
  if (!port_.slot) {
    port_.slot = knowledge_.warm_slots().try_take();
  }
  auto socket = port_.slot ? transport_.begin_data(control_->stream(), *port)
                           : Result<net::Socket>(make_error(Errc::unreachable, "too many"));
  if (!socket) {
    port_.clear();
    return {};
  }
  port_.socket = *std::move(socket);
  port_.since = SteadyClock::now();
  port_.state = DataPort::State::ready;
  return {};
}

/// Makes ready to ask for a port ahead of need. @return nullopt: there are enough of them.
std::optional<ftp::Command> Session::next_port_command() {
  port_.clear();
  port_.extended = profile().epsv;
  port_.slot = knowledge_.warm_slots().try_take();
  auto ask = port_command();
  if (!port_.slot || !ask) {
    port_.clear();
    return std::nullopt;
  }
  return *std::move(ask);
}

/// Asks for the next port, so that the next transfer finds it.
Readiness Session::ask_ahead() {
  if (!may_ask_ahead()) {
    return Readiness::ready;
  }
  if (port_.state == DataPort::State::ready && !port_.socket.readable_now() &&
      SteadyClock::now() - port_.since < warm_for() / 2) {
    return Readiness::ready;
  }
  const auto ask = next_port_command();
  if (!ask) {
    return Readiness::ready;
  }
  if (!control_->send(std::span(&*ask, 1), Wait::for_at_most(kAskLimit))) {
    return Readiness::lost;
  }
  port_.state = DataPort::State::asked;
  return Readiness::expecting;
}

Result<std::optional<net::Socket>> Session::take_warm(const Wait& wait) {
  if (cut_ || control_->owed() > 0) {
    FTPSFS_TRY(settle(wait));
  }
  if (port_.state != DataPort::State::ready) {
    return std::optional<net::Socket>();
  }
  DataPort port = std::exchange(port_, DataPort());
  const bool fresh = SteadyClock::now() - port.since < warm_for();
  // Input before its time is the server's end of it.
  if (!may_ask_ahead() || !fresh || port.socket.readable_now()) {
    return std::optional<net::Socket>();
  }
  return std::optional<net::Socket>(std::move(port.socket));
}

Result<Session::OpenPort> Session::request_port(std::vector<ftp::Command> ahead, const Wait& wait) {
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
    // Whatever the words, they say nothing of a file; and a code that means "no such command" says
    // nothing of the one that was to follow.
    Error error = std::move(port).error();
    error.code = is_link_failure(error.code) ? error.code : Errc::io_error;
    error.reply_code = ftp::is_unknown_command(error.reply_code) ? 0 : error.reply_code;
    return error;
  }
  return OpenPort{*port, std::move(replies)};
}

Result<std::uint16_t> Session::request_pasv(const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const auto reply, command("PASV", {}, wait));
  return ftp::parse_pasv(reply);
}

Result<net::Socket> Session::dial_port(std::uint16_t port, const Wait& wait) {
  return transport_.dial_data(control_->stream(), port,
                              wait.no_longer_than(settings_.connect_timeout));
}

/// Dials the port at the control peer's address. When that fails after EPSV, PASV is tried.
Result<net::Socket> Session::dial_data(std::uint16_t port, const Wait& wait) {
  const ftp::ServerProfile known = profile();
  auto socket = dial_port(port, wait);
  const bool blocked = !socket && (socket.error().code == Errc::unreachable ||
                                   socket.error().code == Errc::timed_out);
  if (!blocked || !known.epsv || !known.pasv || wait.expired()) {
    return socket;
  }
  // Some NAT boxes open only the ports that they read in a 227.
  auto other = request_pasv(wait);
  if (!other) {
    return socket;
  }
  auto second = dial_port(*other, wait);
  if (!second) {
    return socket;
  }
  knowledge_.forget(&ftp::ServerProfile::epsv);
  return second;
}

// ---- The start of a transfer ----

Session::Greeting Session::hello_time() const {
  return profile().early_data_handshake ? Greeting::at_once : Greeting::after_1xx;
}

Duration Session::hello_patience() const {
  if (knowledge_.allows(ServerKnowledge::Way::polite_hello)) {
    return settings_.hello_patience;
  }
  const auto there_and_back = std::chrono::duration_cast<Duration>(2 * knowledge_.round_trip());
  return std::min(settings_.hello_patience, kBriefPatience + there_and_back);
}

Result<StartedTransfer> Session::start_transfer(const TransferOrder& order, const Wait& wait) {
  if (settings_.route.active) {
    return start_active(order, wait);
  }
  FTPSFS_TRY_ASSIGN(auto socket, take_warm(wait));
  if (socket) {
    auto started = start_warm(*std::move(socket), order, wait);
    if (started || !is_data_trouble(started.error())) {
      return started;
    }
    log::debug("{}: {}; trying without a warm connection", order.verb.verb(), started.error().text);
    ++counters_.fallbacks;
    FTPSFS_TRY(settle(wait));
    port_.clear();
  }
  return start_cold(order, hello_time(), wait);
}

Result<StartedTransfer> Session::start_warm(net::Socket socket, const TransferOrder& order,
                                            const Wait& wait) {
  const Greeting greeting = hello_time();
  auto started = start_on(std::move(socket), order, greeting, wait);
  if (!started && started.error().code == Errc::unreachable &&
      started.error().fate == SessionFate::broken) {
    knowledge_.rule_out(ServerKnowledge::Way::warm_start);  // the port asked for now may be let by
    return started;
  }
  if (started) {
    ++counters_.warm_starts;
    knowledge_.note(ServerKnowledge::Way::warm_start, true);
    return started;
  }
  if (!is_data_trouble(started.error())) {
    if (is_link_failure(started.error().code)) {
      knowledge_.note(ServerKnowledge::Way::warm_start,
                      false);  // some servers end the session with the data connection
    }
    return started;
  }
  if (greeting == Greeting::after_1xx) {
    knowledge_.note(ServerKnowledge::Way::warm_start, false);
    return started;
  }
  // The same once more, politely: some servers reset what speaks before their 1xx.
  log::debug("{}: {}; trying with the handshake after the 1xx", order.verb.verb(),
             started.error().text);
  ++counters_.fallbacks;
  FTPSFS_TRY_ASSIGN(auto again, take_warm(wait));
  const bool still_warm = again.has_value();
  // No port is under way behind a listing: a fresh one, or early handshakes would never be given
  // up by who lists only.
  auto second = still_warm ? start_on(*std::move(again), order, Greeting::after_1xx, wait)
                           : start_cold(order, Greeting::after_1xx, wait);
  if (second) {
    knowledge_.forget(&ftp::ServerProfile::early_data_handshake);
    knowledge_.note(ServerKnowledge::Way::warm_start, still_warm);
  } else if (is_data_trouble(second.error())) {
    knowledge_.note(ServerKnowledge::Way::warm_start, false);
  }
  return second;
}

/// @pre all questions are answered.
Result<void> Session::judge_answers(const TransferOrder& order,
                                    std::span<const ftp::Reply> answers) const {
  for (std::size_t i = 0; order.questions_must_succeed && i < order.questions.size(); ++i) {
    if (!answers[i].is_completion()) {
      return ftp::make_refusal(order.questions[i].verb(), answers[i]);
    }
  }
  return {};
}

Result<StartedTransfer> Session::start_cold(const TransferOrder& order, Greeting greeting,
                                            const Wait& wait) {
  FTPSFS_TRY_ASSIGN(auto port, request_port(order.questions, wait));
  FTPSFS_TRY(judge_answers(order, port.answers));
  FTPSFS_TRY_ASSIGN(auto socket, dial_data(port.port, wait));
  FTPSFS_TRY_ASSIGN(auto started,
                    start_on(std::move(socket), order.without_questions(), greeting, wait));
  started.answers = std::move(port.answers);
  return started;
}

Result<StartedTransfer> Session::start_on(net::Socket socket, const TransferOrder& order,
                                          Greeting greeting, const Wait& wait) {
  Start start;
  FTPSFS_TRY(take_data(std::move(socket), start));
  auto done = send_start(order, start, wait);
  if (done) {
    done = run_start(order, greeting, start, wait);
  }
  if (!done) {
    start.result.data->reset();
    return judge_failed_start(order, start, std::move(done).error());
  }
  return std::move(start.result);
}

/// An upload's verb that was not answered may be carried out yet, perhaps when the same has been
/// sent over another session: this one goes, and with it what has not arrived.
Error Session::judge_failed_start(const TransferOrder& order, const Start& start,
                                  Error error) const {
  if (cut_ && !start.begun && !start.answered && !order.only_reads) {
    error.fate = SessionFate::broken;
  }
  return error;
}

/// The data connection, whoever dialled it.
Result<void> Session::take_data(net::Socket socket, Start& start) {
  ++counters_.data_connections;
  if (settings_.protection == Protection::clear_data) {
    start.result.data = std::make_unique<net::SocketStream>(std::move(socket));
    return {};
  }
  FTPSFS_TRY_ASSIGN(start.result.data,
                    transport_.prepare_data(std::move(socket), control_->stream()));
  return {};
}

/// What the server is to answer when the transfer has ended. The port comes last: its reply is the
/// mark that what was owed before it is over.
Result<void> Session::append_behind(const TransferOrder& order, std::vector<ftp::Command>& record,
                                    Start& start) {
  std::vector<ftp::Command> longer = record;
  longer.insert(longer.end(), order.questions_behind.begin(), order.questions_behind.end());
  FTPSFS_TRY_ASSIGN(const std::size_t bytes, control_->wire_size(longer));
  if (!order.questions_behind.empty() && bytes <= ControlChannel::kMaxRecordBytes - kPortBytes) {
    record = std::move(longer);
    start.result.asked_behind = true;
  }
  if (may_ask_ahead()) {
    if (auto ask = next_port_command()) {
      record.push_back(*std::move(ask));
      port_.state = DataPort::State::asked;
    }
  }
  return {};
}

/// All in one record where that is allowed and fits; with the request for the next port behind the
/// verb where the server bears it.
Result<void> Session::send_start(const TransferOrder& order, Start& start, const Wait& wait) {
  std::vector<ftp::Command> record = order.questions;
  if (order.restart) {
    record.push_back(*order.restart);
  }
  record.push_back(order.verb);
  // A name that cannot be sent fails here, before anything is noted as under way.
  FTPSFS_TRY_ASSIGN(const std::size_t bytes, control_->wire_size(record));
  if (!settings_.pipelining || bytes > ControlChannel::kMaxRecordBytes - kPortBytes) {
    FTPSFS_TRY_ASSIGN(auto answers, exchange(order.questions, wait));
    for (ftp::Reply& answer : answers) {
      FTPSFS_TRY(take_reply(order, start, std::move(answer)));
    }
    record.erase(record.begin(), record.end() - (order.restart ? 2 : 1));
    if (order.restart) {
      FTPSFS_TRY_ASSIGN(auto reply, exchange(std::span(record).first(1), wait));
      FTPSFS_TRY(take_reply(order, start, std::move(reply.front())));
      record.erase(record.begin());
    }
  }
  if (settings_.pipelining && profile().commands_behind_transfer) {
    FTPSFS_TRY(append_behind(order, record, start));
  }
  cut_ = true;  // until the replies are in step again
  end_announced_ = false;
  counters_.commands += record.size();
  ++counters_.flights;
  return control_->send(record, wait);
}

Result<void> Session::run_start(const TransferOrder& order, Greeting greeting, Start& start,
                                const Wait& wait) {
  net::ByteStream& data = *start.result.data;
  bool secured = settings_.protection == Protection::clear_data;
  bool is_overdue = false;  // the 1xx, when the handshake began
  while (!start.result.over && (!secured || !start.begun)) {
    if (secured) {
      FTPSFS_TRY_ASSIGN(auto reply, control_->receive(wait));
      FTPSFS_TRY(take_reply(order, start, std::move(reply)));
      continue;
    }
    if (greeting == Greeting::after_1xx && !start.begun) {
      FTPSFS_TRY_ASSIGN(auto reply, control_->receive_within(hello_patience(), wait));
      if (!reply) {
        greeting = Greeting::at_once;  // ftp-srv waits for the handshake before its 150
        is_overdue = true;
        continue;
      }
      FTPSFS_TRY(take_reply(order, start, *std::move(reply)));
      if (start.begun) {
        knowledge_.note(ServerKnowledge::Way::polite_hello, true);
      }
      continue;
    }
    // A connection that was begun ahead of need may never come about: packet filters drop it
    // without a word.
    const bool connecting = net::awaits_peer(data.native_handle());
    auto done = transport_.handshake_data(
        data, control_->stream(),
        connecting ? wait.no_longer_than(settings_.connect_timeout) : wait);
    if (!done && done.error().code == Errc::timed_out && !wait.expired() &&
        net::awaits_peer(data.native_handle())) {
      return make_broken(Errc::unreachable, std::move(done).error().text);
    }
    if (!done) {
      return explain_broken_start(order, start, std::move(done).error());
    }
    secured = *done;
    if (secured && is_overdue && !start.begun) {
      knowledge_.note(ServerKnowledge::Way::polite_hello, false);
    }
    counters_.full_handshakes += secured && !transport_.is_resumed(data) ? 1 : 0;
    if (!secured) {
      FTPSFS_TRY_ASSIGN(auto reply, control_->try_receive());
      if (reply) {
        FTPSFS_TRY(take_reply(order, start, *std::move(reply)));
      }
    }
  }
  return {};
}

/// The next reply in turn: to a question, to REST, to the verb.
Result<void> Session::take_reply(const TransferOrder& order, Start& start, ftp::Reply reply) {
  auto& answers = start.result.answers;
  if (answers.size() < order.questions.size()) {
    const ftp::Command& question = order.questions[answers.size()];
    answers.push_back(std::move(reply));
    if (order.questions_must_succeed && !answers.back().is_completion()) {
      return ftp::make_refusal(question.verb(), answers.back());
    }
    return {};
  }
  if (order.restart && !start.restarted) {
    start.restarted = true;
    if (reply.is_positive()) {
      return {};
    }
    // RETR runs from the start, and is of no use. RANG was asked within the file: whoever refuses
    // it does not have it, whatever the code.
    if (order.restart->verb() == "RANG") {
      knowledge_.forget(&ftp::ServerProfile::rang);
    } else if (ftp::is_unknown_command(reply.code)) {
      knowledge_.forget(&ftp::ServerProfile::rest);
    }
    Error error = ftp::make_refusal(order.restart->verb(), reply);
    error.code = Errc::unsupported;
    return error;
  }
  if (reply.is_preliminary()) {
    start.begun = true;
    return {};
  }
  start.answered = true;
  cut_ = owes_transfer();
  if (reply.is_completion() && start.begun) {
    // The end has overtaken the handshake: what the data connection carried was not read. Not to be
    // taken for an empty file or directory.
    return make_error(Errc::truncated, "the server's end of the transfer came before its data");
  }
  if (reply.is_completion()) {
    start.result.over = true;
    return {};
  }
  return ftp::make_refusal(order.verb.verb(), reply);
}

/// The handshake failed. When nothing has begun, a refusal of the verb is the cause, not its
/// effect.
Error Session::explain_broken_start(const TransferOrder& order, Start& start, Error fallback) {
  // Whom we do not trust is not asked why.
  if (fallback.code == Errc::cancelled || fallback.code == Errc::timed_out ||
      fallback.code == Errc::untrusted) {
    return fallback;
  }
  // The server may still be waiting for our part of the handshake, and speak behind its end alone.
  start.result.data->reset();
  const Wait limit = Wait::for_at_most(kReasonLimit);
  const std::size_t before = order.questions.size() + (order.restart ? 1U : 0U);
  while (start.result.answers.size() + (start.restarted ? 1U : 0U) < before) {
    auto reply = control_->receive(limit);
    if (!reply) {
      fallback.fate = SessionFate::broken;
      return fallback;
    }
    if (auto taken = take_reply(order, start, *std::move(reply)); !taken) {
      return std::move(taken).error();
    }
  }
  Error explained = explain_broken_data(order.verb.verb(), std::move(fallback), !start.begun);
  start.answered = true;  // or the session is broken
  return explained;
}

}  // namespace ftpsfs::session
