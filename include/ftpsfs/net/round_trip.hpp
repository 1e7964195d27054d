// SPDX-License-Identifier: MIT
//
// How far away a peer is, as the kernel has measured it beside the traffic. Thread-safe.
#pragma once

#include <chrono>
#include <optional>

namespace ftpsfs::net {

/// In what time the peer has acknowledged what was sent on this TCP connection of late. A proxy on
/// the way is the peer. @return absent where the kernel does not know (tcp(7), TCP_INFO).
std::optional<std::chrono::microseconds> round_trip(int fd) noexcept;

/// Has the peer not answered our SYN yet?
bool awaits_peer(int fd) noexcept;

}  // namespace ftpsfs::net
