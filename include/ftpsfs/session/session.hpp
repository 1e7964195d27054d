// SPDX-License-Identifier: MIT
//
// One logged-in connection: commands and their replies, and data connections, one transfer at a
// time. Knows verbs and ports, but not what files are: floor `remote` does.
// Not thread-safe: whoever holds the lease uses it. The transport, the knowledge and the counters
// are shared by all sessions of the mount and outlive them.
// Invariant: `cut_` is set while a transfer's replies are owed. A transfer that ends in any other
// way than by its final reply leaves it set, and settle() then brings the dialogue back into step.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/ftp/command.hpp"
#include "ftpsfs/ftp/reply.hpp"
#include "ftpsfs/ftp/server_profile.hpp"
#include "ftpsfs/session/control_channel.hpp"
#include "ftpsfs/session/server_knowledge.hpp"
#include "ftpsfs/session/session_pool.hpp"
#include "ftpsfs/session/settings.hpp"
#include "ftpsfs/session/transport.hpp"

namespace ftpsfs::session {

/// Shared by all sessions of a mount.
struct TrafficCounters {
  std::atomic<std::uint64_t> bytes_read{0};
  std::atomic<std::uint64_t> bytes_written{0};
  std::atomic<std::uint64_t> data_connections{0};
};

/// A port that the server opened for us, and the replies to what was sent along.
struct PassivePort {
  std::uint16_t port = 0;
  std::vector<ftp::Reply> ahead;
};

class Session final : public PooledSession {
 public:
  /// Dials and logs in. @errors as log_in().
  static Result<std::unique_ptr<Session>> open(const SessionSettings& settings,
                                               Transport& transport, ServerKnowledge& knowledge,
                                               TrafficCounters& counters, const Wait& wait);

  ftp::ServerProfile profile() const { return knowledge_.profile(); }
  ServerKnowledge& knowledge() const { return knowledge_; }
  TrafficCounters& counters() const { return counters_; }
  const SessionSettings& settings() const { return settings_; }
  const std::string& start_directory() const { return start_directory_; }
  const std::string& tls() const { return tls_; }

  /// @errors as ControlChannel::exchange.
  Result<std::vector<ftp::Reply>> exchange(std::span<const ftp::Command> commands,
                                           const Wait& wait);
  /// One command. @errors also invalid_argument, name_too_long: nothing was sent.
  Result<ftp::Reply> command(std::string_view verb, std::string_view argument, const Wait& wait);

  // Data connections, in three steps.

  /// Asks for a port: EPSV, or PASV where that is refused (remembered for the server). `ahead`
  /// travels in the same flight.
  /// @errors as exchange; refused: neither is allowed.
  /// @source RFC 2428 §3, RFC 959 §4.1.2. Addresses in replies are ignored: they may point
  /// elsewhere.
  Result<PassivePort> request_port(std::vector<ftp::Command> ahead, const Wait& wait);

  /// Dials the port at the control peer's address. When that fails after EPSV, PASV is tried.
  /// @errors unreachable, timed_out, cancelled, tls_failed.
  Result<std::unique_ptr<net::ByteStream>> dial_data(const PassivePort& port, const Wait& wait);

  /// Sends the transfer's commands (REST before RETR) in one write, awaits the 1xx and the data
  /// connection's TLS handshake, which resumes this control connection's session.
  /// @return true when the final 2xx has come already, without any data.
  /// @errors the refusal of the verb, classified; link failures. After any error the transfer is
  /// over and `data` is of no use.
  Result<bool> start_transfer(std::span<const ftp::Command> commands, net::ByteStream& data,
                              const Wait& wait);

  /// The final reply of the transfer. @errors as ControlChannel::receive.
  Result<ftp::Reply> await_verdict(const Wait& wait);

  /// After the data connection broke: what the server says of it, within a short time.
  /// @param before_start no 1xx has come: the refusal is an answer about the name.
  /// @return its refusal, or `fallback` when it says nothing of use.
  Error explain_broken_data(std::string_view verb, Error fallback, bool before_start = false);

  // PooledSession:
  bool is_quiet() override;
  Result<void> settle(const Wait& wait) override;
  Result<void> probe(const Wait& wait) override;
  void quit(const Wait& wait) override;

 private:
  Session(const SessionSettings& settings, Transport& transport, ServerKnowledge& knowledge,
          TrafficCounters& counters)
      : settings_(settings), transport_(transport), knowledge_(knowledge), counters_(counters) {}

  Result<std::uint16_t> request_pasv(const Wait& wait);
  Result<std::unique_ptr<net::ByteStream>> dial_port(std::uint16_t port, const Wait& wait);
  Result<void> await_intermediates(std::span<const ftp::Command> commands, const Wait& wait);
  Result<bool> judge_start(std::string_view verb, const ftp::Reply& reply);
  Result<bool> shake_hands(std::string_view verb, net::ByteStream& data, bool* started,
                           const Wait& wait);

  const SessionSettings& settings_;
  Transport& transport_;
  ServerKnowledge& knowledge_;
  TrafficCounters& counters_;
  std::unique_ptr<ControlChannel> control_;
  std::string start_directory_;
  std::string tls_;
  bool cut_ = false;
};

}  // namespace ftpsfs::session
