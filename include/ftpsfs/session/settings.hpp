// SPDX-License-Identifier: MIT
//
// What a session needs to know before it dials: one identity on one server. Values only; copied
// into the mount once and never changed, so that a session can be used again only by those to whom
// all of this applies.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/base/secret.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/ftp/listing.hpp"
#include "ftpsfs/ftp/server_profile.hpp"
#include "ftpsfs/net/route.hpp"
#include "ftpsfs/net/tls_context.hpp"

namespace ftpsfs::session {

class DialogueTrace;

/// How TLS begins on the control connection.
enum class TlsMode : std::uint8_t {
  explicit_tls,  ///< AUTH TLS on a clear connection, required (ftpes://, port 21)
  implicit_tls,  ///< TLS from the first byte (ftps://, port 990)
};

/// PROT P or PROT C: are data connections encrypted?
enum class Protection : std::uint8_t { private_data, clear_data };

/// What the user says of the server.
struct ServerSettings {
  ftp::ProfileOverrides profile{};
  std::vector<std::string> sites{};  ///< what stands behind SITE, sent at each login
  std::string charset{};             ///< of the names on the wire; empty: UTF-8, or as they are
  std::optional<ftp::ServerZone> zone{};  ///< of the times in listings; absent: it is found
  ftp::DateOrder date_order = ftp::DateOrder::unknown;
};

struct SessionSettings {
  std::string host;         ///< name or address as the user wrote it: SNI and certificate check
  std::uint16_t port = 21;  ///< 21 for explicit, 990 for implicit TLS by default
  TlsMode mode = TlsMode::explicit_tls;
  /// In active mode, and through a proxy, no data connection is made ahead of need.
  net::Route route{};
  std::string username = "anonymous";
  /// None: the client's certificate must be enough. Empty: PASS is sent empty when the server asks.
  std::optional<Secret> password{};
  std::optional<Secret> account{};  ///< for ACCT, where a server asks for it
  net::TlsSettings tls;
  Protection protection = Protection::private_data;
  /// Must a download end by close_notify? Else a bare FIN will do where the file's size is known
  /// and reached, and the server says that all is sent.
  bool strict_end = false;
  /// For each connection: dial, handshake and login together.
  Duration connect_timeout = std::chrono::seconds(15);
  /// After this much silence in place of a greeting we look whether the server waits for TLS. Some
  /// servers resolve our name first, so silence alone proves nothing.
  Duration greeting_patience = std::chrono::seconds(3);
  /// How long a data connection's handshake waits for the 1xx, where it waits.
  Duration hello_patience = std::chrono::seconds(3);
  /// How long a data connection that was made ahead is good on a server that nobody has tried. Some
  /// forget the port after 30 s, and then refuse the transfer as if the file were to blame
  /// (ftp-srv).
  Duration untried_port_age = std::chrono::seconds(20);
  /// For each operation, and for each stall of a transfer.
  Duration timeout = std::chrono::seconds(30);
  // Ways to save round trips; each may be switched off for a server that does not bear it.
  bool pipelining = true;    ///< several commands in one record
  bool warm_data = true;     ///< data connections made ahead of need
  bool stat_listing = true;  ///< listings by STAT, over the control connection
  /// Times to the minute or the day will do: MLSD and MLST are not used where the server lists by
  /// STAT, which takes one round trip and no data connection.
  bool coarse_times = false;
  ServerSettings server{};
  ftp::ListingLimits listing{};            ///< a hostile server costs no more memory
  std::shared_ptr<DialogueTrace> trace{};  ///< where the dialogue is written down; none: nowhere

  bool may_warm_data() const { return warm_data && !route.active && !route.proxy; }
};

}  // namespace ftpsfs::session
