// SPDX-License-Identifier: MIT
//
// Telling systemd how a unit of Type=notify is doing (sd_notify(3)). The protocol is one datagram
// and is promised to stay; libsystemd would be a library for these few lines.
#pragma once

#include <string>
#include <string_view>

namespace ftpsfs::app {

/// Where to send to: $NOTIFY_SOCKET, taken out of the environment, so that no child speaks for us.
/// Empty: nobody listens. @pre one thread.
std::string take_notify_socket();

/// Sends "READY=1\nSTATUS=…" to `socket` (a path, or "@name" for an abstract one). Does nothing
/// when it is empty; never waits. @return false: it could not be sent.
bool notify(const std::string& socket, std::string_view state);

}  // namespace ftpsfs::app
