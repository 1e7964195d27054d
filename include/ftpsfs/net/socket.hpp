// SPDX-License-Identifier: MIT
//
// TCP sockets whose every wait has a deadline and can be cancelled. The descriptors are
// non-blocking; an operation is tried first and only then polled, together with an eventfd that the
// caller's stop token writes to. The eventfd is made at the first wait that can be cancelled and
// kept, so that a transfer pays for it once. Knows nothing of TLS or FTP.
// Thread-safety: a Socket belongs to one thread at a time; values are free.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/unique_fd.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/net/route.hpp"

namespace ftpsfs::net {

/// An eventfd that a stop token makes readable.
class WakeFd {
 public:
  /// One descriptor to wait for, and what poll(2) said about it.
  struct Item {
    int fd = -1;
    short events = 0;
    short revents = 0;
  };

  /// Waits until one of `items` (at most four) is ready.
  /// @errors timed_out, cancelled (named with `what`), io_error.
  Result<void> wait_any(std::span<Item> items, const Wait& wait, const char* what);

 private:
  int ready_fd();
  void drain() noexcept;

  UniqueFd event_;
};

/// An IPv4 or IPv6 address with its port. A value.
class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t length);

  /// The same host, another port: where a data channel dials.
  SocketAddress with_port(std::uint16_t port) const;
  /// "192.0.2.1:21" or "[2001:db8::1]:21".
  std::string to_string() const;
  /// "192.0.2.1" or "2001:db8::1": as commands have it, without a scope.
  std::string host() const;
  std::uint16_t port() const noexcept;
  /// The same host and port?
  bool operator==(const SocketAddress& other) const noexcept;
  int family() const noexcept { return storage_.ss_family; }
  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return length_; }

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

/// A connected (or connecting) stream socket. Movable; closes itself (FIN).
class Socket {
 public:
  Socket() = default;
  /// Takes over a connected stream socket (TCP or a socketpair) and makes it non-blocking.
  explicit Socket(UniqueFd fd);

  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  int fd() const noexcept { return fd_.get(); }

  /// Where the other side is. Empty family for a socketpair.
  SocketAddress peer_address() const;
  /// Through a proxy the server is that other side, as far as its address is known.
  void stand_for(const SocketAddress& peer) { dialled_ = peer; }

  /// Is a connect begun by begin_connect() still under way?
  bool connecting() const noexcept { return connecting_; }
  /// Of what is connecting: whoever waits for it for so long, counted from its SYN, sends another
  /// one, once, from a new descriptor. TCP itself waits a second, which is an age where the server
  /// is near and a packet was lost (RFC 6298 section 2.1); a longer patience gains nothing.
  void dial_again_after(Duration patience) noexcept {
    patience_ = patience < std::chrono::seconds(1) ? patience : Duration(0);
  }

  /// Waits for a connect begun by begin_connect(); at once when it is done already.
  /// @errors unreachable, timed_out, cancelled.
  Result<void> finish_connect(const Wait& wait);

  /// Reads what is there. @return 0 = FIN; nullopt = nothing yet.  @pre `into` is not empty.
  /// @errors closed.
  Result<std::optional<std::size_t>> try_read(std::span<std::byte> into);
  /// Writes what fits now. @return bytes taken; 0 = no room.
  /// @errors closed. Never raises SIGPIPE.
  Result<std::size_t> try_write(std::span<const std::byte> bytes);

  /// @errors timed_out, cancelled.
  Result<void> wait_readable(const Wait& wait, const char* what);
  Result<void> wait_writable(const Wait& wait, const char* what);
  /// The same for several descriptors, this socket's own eventfd serving them all. The socket's
  /// item has its new descriptor when it was dialled again.
  Result<void> wait_any(std::span<WakeFd::Item> items, const Wait& wait, const char* what);

  /// Is there input, or the end of it, that a read would return at once? No I/O is done.
  bool readable_now() const noexcept;

  /// Half-close: our FIN goes out, reading goes on.
  void shutdown_write() noexcept;
  /// Closes with RST (SO_LINGER 0): the peer's unsent data is thrown away. DESIGN: the one way to
  /// end a download early that every server survives.
  void reset() noexcept;
  void close() noexcept { fd_.reset(); }

 private:
  Result<void> dial();

  UniqueFd fd_;
  WakeFd wake_;
  SocketAddress dialled_;  // for the words of a late connect error
  bool connecting_ = false;
  SteadyTime dialled_at_;
  Duration patience_{0};  ///< none: TCP's own

  friend Result<Socket> begin_connect(const SocketAddress& to);
};

/// The addresses of a host, by name or as written. The look-up runs on a thread of its own.
/// @errors as connect_tcp.
Result<std::vector<SocketAddress>> resolve(const std::string& host, const Wait& wait,
                                           AddressFamily family = AddressFamily::any);

/// Resolves `host` (name or literal address) and tries each address in turn. TCP_NODELAY and
/// SO_KEEPALIVE are set. The name lookup runs on a thread of its own, as getaddrinfo(3) cannot be
/// interrupted; when the deadline passes first, that thread ends by itself later.
/// @errors unreachable ("cannot resolve host …", "connection refused by …", "no route to …"),
///   timed_out, cancelled.
Result<Socket> connect_tcp(const std::string& host, std::uint16_t port, const Wait& wait,
                           AddressFamily family = AddressFamily::any);

/// Dials one known address: `control_peer.with_port(port)` for a data channel.
/// @errors as connect_tcp.
Result<Socket> connect_to(const SocketAddress& to, const Wait& wait);

/// Sends the SYN and does not wait: Socket::finish_connect does, when the commands are out.
/// @errors unreachable.
Result<Socket> begin_connect(const SocketAddress& to);

}  // namespace ftpsfs::net
