// SPDX-License-Identifier: MIT
//
// One logged-in connection: commands and their replies, and data connections, one transfer at a
// time. Knows verbs and ports, but not what files are: floor `remote` does.
// Not thread-safe: whoever holds the lease uses it. The transport, the knowledge and the counters
// are shared by all sessions of the mount and outlive them.
// Invariants: `cut_` is set while a transfer's replies are owed. A transfer that ends in any other
// way than by its final reply leaves it set, and settle() then brings the dialogue back into step.
// While `port_` is asked for, its reply (or that of another mark, in active mode) is the first that
// is owed, or, behind a transfer, the last.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/ftp/command.hpp"
#include "ftpsfs/ftp/reply.hpp"
#include "ftpsfs/ftp/server_profile.hpp"
#include "ftpsfs/session/control_channel.hpp"
#include "ftpsfs/session/data_port.hpp"
#include "ftpsfs/session/server_knowledge.hpp"
#include "ftpsfs/session/session_pool.hpp"
#include "ftpsfs/session/settings.hpp"
#include "ftpsfs/session/transfer_board.hpp"
#include "ftpsfs/session/transport.hpp"
#include "ftpsfs/session/verb_times.hpp"

namespace ftpsfs::session {

/// Shared by all sessions of a mount.
struct TrafficCounters {
  std::atomic<std::uint64_t> bytes_read{0};
  std::atomic<std::uint64_t> bytes_written{0};
  std::atomic<std::uint64_t> data_connections{0};
  std::atomic<std::uint64_t> warm_starts{0};      ///< transfers over a connection made ahead
  std::atomic<std::uint64_t> full_handshakes{0};  ///< TLS of data connections, not resumed
  std::atomic<std::uint64_t> fallbacks{0};        ///< fast ways that failed and were replaced
  std::atomic<std::uint64_t> commands{0};
  std::atomic<std::uint64_t> flights{0};        ///< what travelled together counts once
  std::atomic<std::uint64_t> link_failures{0};  ///< operations and transfers that the link cut
  std::atomic<std::uint64_t> sent_again{0};     ///< operations that were asked for once more
  VerbTimes verb_times{};
  std::atomic<std::uint64_t> sessions{0};  ///< begun so far: the number of the latest
  TransferBoard transfers{};
};

/// What a transfer needs: its verb, and what is asked along with it.
struct TransferOrder {
  std::vector<ftp::Command> questions;  ///< one reply each: SIZE, MDTM, CWD
  bool questions_must_succeed = false;  ///< else nothing is transferred (CWD before a listing)
  std::optional<ftp::Command> restart;  ///< REST
  ftp::Command verb;                    ///< RETR, STOR, APPE, LIST, MLSD
  bool only_reads = false;              ///< RETR, LIST, MLSD
  /// What is asked when the transfer has ended, if the server takes it along: SIZE, MDTM.
  std::vector<ftp::Command> questions_behind{};

  /// When they have been answered on the way.
  TransferOrder without_questions() const {
    return {{}, false, restart, verb, only_reads, questions_behind};
  }
};

struct StartedTransfer {
  std::unique_ptr<net::ByteStream> data;
  std::vector<ftp::Reply> answers;  ///< to the questions
  bool over = false;                ///< the final 2xx came at once: there is no data
  bool asked_behind = false;        ///< the questions behind it are under way: take_answers()
};

/// When a session should be lent no more whose TLS session expires then: a transfer may begin a
/// little later. @return nullopt: it may live for ever.
std::optional<SteadyTime> retirement(std::optional<SteadyTime> expiry, SteadyTime now);

class Session final : public PooledSession {
 public:
  /// Dials and logs in. All that is handed in by reference must outlive the session.
  /// @param kept what the session keeps alive for that.
  /// @errors as log_in().
  static Result<std::unique_ptr<Session>> open(const SessionSettings& settings,
                                               Transport& transport, ServerKnowledge& knowledge,
                                               TrafficCounters& counters, const Wait& wait,
                                               std::shared_ptr<const void> kept = {});

  ftp::ServerProfile profile() const { return knowledge_.profile(); }
  ServerKnowledge& knowledge() const { return knowledge_; }
  TrafficCounters& counters() const { return counters_; }
  const SessionSettings& settings() const { return settings_; }
  /// Text of a data connection: with charset= it is in that, elsewhere as it is.
  std::string to_utf8(std::string text) const { return control_->to_utf8(std::move(text)); }
  const std::string& start_directory() const { return start_directory_; }
  const std::string& tls() const { return tls_; }

  /// @errors as ControlChannel::exchange.
  Result<std::vector<ftp::Reply>> exchange(std::span<const ftp::Command> commands,
                                           const Wait& wait);
  /// The same, but hands each reply on as it comes, in the order of the commands.
  Result<void> exchange_each(std::span<const ftp::Command> commands, const Wait& wait,
                             const std::function<void(ftp::Reply)>& take);
  /// One command. @errors also invalid_argument, name_too_long: nothing was sent.
  Result<ftp::Reply> command(std::string_view verb, std::string_view argument, const Wait& wait);

  /// Starts a transfer: over the warm data connection when there is one (everything goes out in one
  /// record, together with the ClientHello), else over a new one (EPSV, or PASV where that is
  /// refused or blocked; in active mode EPRT or PORT, and the server dials). A server that does not
  /// bear the fast way is asked the slow way, and remembered. The data connection's TLS resumes
  /// this control connection's session.
  /// @errors the refusal of the verb, or of a question that must succeed, classified; unsupported:
  /// REST is refused; unreachable: no data connection; link failures. After any error the transfer
  /// is over.
  /// @source PROTOCOL.md "Measured: the wire scheme"; RFC 2428 §3. Addresses in replies are
  /// ignored: they may point elsewhere.
  Result<StartedTransfer> start_transfer(const TransferOrder& order, const Wait& wait);

  /// The final reply of the transfer. @errors as ControlChannel::receive.
  Result<ftp::Reply> await_verdict(const Wait& wait);

  /// The answers to the questions that were asked behind the transfer.
  /// @pre asked_behind; its verdict has come. @errors as ControlChannel::receive.
  Result<std::vector<ftp::Reply>> take_answers(std::size_t count, const Wait& wait);

  /// Ends our direction of a download's connection, where the server waits for that behind the
  /// data, and takes it before them.
  /// @param bytes that are to come; nullopt: a listing.
  void announce_end(net::ByteStream& data, std::optional<std::uint64_t> bytes);
  /// What became of a download whose end was announced, if it was. A short one proves nothing: all
  /// of it may have been on its way before the server heard of it.
  void judge_announced_end(bool is_whole, std::uint64_t bytes);

  /// After the data connection broke: what the server says of it, within a short time.
  /// @param before_start no 1xx has come: the refusal is an answer about the name.
  /// @return its refusal, or `fallback` when it says nothing of use.
  Error explain_broken_data(std::string_view verb, Error fallback, bool before_start = false);

  // PooledSession:
  std::uint64_t number() const override { return control_->session_number(); }
  bool is_lendable() override;
  bool is_spent() override;
  Readiness rest() override;
  void ask_for_a_sign() override;
  int descriptor() const override { return control_->stream().native_handle(); }
  Result<void> probe(const Wait& wait) override;
  void quit(const Wait& wait) override;

  /// Brings the dialogue back into step after a transfer that was cut, or a wait that was.
  /// @errors any but cancelled: the session is lost.
  Result<void> settle(const Wait& wait);
  /// Nothing is owed, nothing unexpected has arrived.
  bool is_quiet();

 private:
  Session(const SessionSettings& settings, Transport& transport, ServerKnowledge& knowledge,
          TrafficCounters& counters)
      : settings_(settings), transport_(transport), knowledge_(knowledge), counters_(counters) {}

  /// When a data connection breaks, the reason is on the control connection already or soon.
  static constexpr Duration kReasonLimit = std::chrono::seconds(3);
  /// A write of one short command never waits for long, or the link is dead.
  static constexpr Duration kAskLimit = std::chrono::seconds(1);

  struct Start;
  enum class Greeting : std::uint8_t { at_once, after_1xx };  ///< when the ClientHello goes out
  struct OpenPort {
    std::uint16_t port = 0;
    std::vector<ftp::Reply> answers;
  };

  /// Does the server owe more than the answer to the request for the next port?
  bool owes_transfer() const {
    return control_->owed() > (port_.state == DataPort::State::asked ? 1U : 0U);
  }
  /// Does the server owe an answer to nothing but the request for the next port?
  bool owes_port_alone() const;
  /// As settle(), as far as it has come. @return false when more is owed.
  Result<bool> try_settle();

  // session_data.cpp
  bool may_ask_ahead() const;
  /// How long a port that was made ahead is good.
  Duration warm_for() const;
  /// How long the ClientHello waits for the 1xx.
  Duration hello_patience() const;
  std::optional<ftp::Command> next_port_command();
  Readiness ask_ahead();
  Result<ftp::Command> port_command() const;
  Result<ftp::Command> mark_command() const;
  int mark_code() const;
  Result<std::uint16_t> parse_port(const ftp::Reply& reply) const;
  Result<void> take_port(const ftp::Reply& reply);
  Result<std::optional<net::Socket>> take_warm(const Wait& wait);
  Result<OpenPort> request_port(std::vector<ftp::Command> ahead, const Wait& wait);
  Result<std::uint16_t> request_pasv(const Wait& wait);
  Result<net::Socket> dial_port(std::uint16_t port, const Wait& wait);
  Result<net::Socket> dial_data(std::uint16_t port, const Wait& wait);
  Result<StartedTransfer> start_warm(net::Socket socket, const TransferOrder& order,
                                     const Wait& wait);
  Greeting hello_time() const;
  Result<std::vector<ftp::Reply>> tell_port(const TransferOrder& order,
                                            const net::SocketAddress& address, const Wait& wait);
  Result<void> accept_data(net::Listener& listener, const TransferOrder& order, Start& start,
                           const Wait& wait);
  Result<StartedTransfer> start_active(const TransferOrder& order, const Wait& wait);
  Result<void> take_data(net::Socket socket, Start& start);
  Result<void> judge_answers(const TransferOrder& order, std::span<const ftp::Reply> answers) const;
  Result<StartedTransfer> start_cold(const TransferOrder& order, Greeting greeting,
                                     const Wait& wait);
  Result<StartedTransfer> start_on(net::Socket socket, const TransferOrder& order,
                                   Greeting greeting, const Wait& wait);
  Result<void> append_behind(const TransferOrder& order, std::vector<ftp::Command>& record,
                             Start& start);
  Result<void> send_start(const TransferOrder& order, Start& start, const Wait& wait);
  Result<void> run_start(const TransferOrder& order, Greeting greeting, Start& start,
                         const Wait& wait);
  Result<void> take_reply(const TransferOrder& order, Start& start, ftp::Reply reply);
  Error judge_failed_start(const TransferOrder& order, const Start& start, Error error) const;
  Error explain_broken_start(const TransferOrder& order, Start& start, Error fallback);

  std::shared_ptr<const void> kept_;
  const SessionSettings& settings_;
  Transport& transport_;
  ServerKnowledge& knowledge_;
  TrafficCounters& counters_;
  std::unique_ptr<ControlChannel> control_;
  std::string start_directory_;
  std::string tls_;
  /// Servers that insist on resumption (vsftpd) refuse data connections from then on.
  std::optional<SteadyTime> spent_at_;
  bool cut_ = false;
  bool end_announced_ = false;  ///< of the download under way
  DataPort port_;
  std::optional<Error> lost_;  ///< out of step, found out while idle
};

}  // namespace ftpsfs::session
