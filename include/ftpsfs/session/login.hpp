// SPDX-License-Identifier: MIT
//
// From nothing to a logged-in control connection: dial, TLS (never a fall back to clear), USER and
// PASS, protection, and what the server says of itself. Every step has its own clear error, for
// this is what a user sees when a mount fails.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/ftp/server_profile.hpp"
#include "ftpsfs/session/control_channel.hpp"
#include "ftpsfs/session/data_port.hpp"
#include "ftpsfs/session/server_knowledge.hpp"
#include "ftpsfs/session/settings.hpp"
#include "ftpsfs/session/transport.hpp"

namespace ftpsfs::session {

struct LoggedIn {
  std::unique_ptr<ControlChannel> control;
  ftp::ServerProfile profile;
  std::string greeting;
  std::string start_directory;     ///< PWD; empty when the server would not say
  std::string tls;                 ///< version and cipher
  std::optional<ftp::Reply> port;  ///< the answer to EPSV, where it was asked along
  WarmSlots::Slot port_slot;
};

/// AUTH TLS, and AUTH SSL where that is unknown. In four round trips with TLS 1.3: AUTH goes out
/// ahead of the greeting, and everything from USER on in one flight. A server that closes the
/// connection on that is asked step by step, and remembered.
/// @param notes for the control connection's whole life.
/// @errors unreachable, timed_out, closed (421, or an end of file: a full house), tls_failed,
/// untrusted, login_refused (with the server's words; also when it asks for a password or an
/// account that is not given), unsupported (PROT), protocol_error.
/// @source RFC 4217; RFC 2228 §3; PROTOCOL.md "Rules for the TLS side"
Result<LoggedIn> log_in(const SessionSettings& settings, Transport& transport,
                        ServerKnowledge& knowledge, const Wait& wait, DialogueNotes notes = {});

}  // namespace ftpsfs::session
