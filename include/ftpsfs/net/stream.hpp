// SPDX-License-Identifier: MIT
//
// A stream of bytes to a peer: clear (SocketStream) or encrypted (TlsStream, in tls_stream.hpp).
// Blocking calls take a Wait; the try_ calls never block, so that a dialogue can read replies while
// it still writes commands. Knows nothing of FTP.
// Thread-safety: one thread at a time. Whoever holds the session's lease uses its streams.
// Errors of a stream are final: after one, only reset() and destruction make sense, except after
// timed_out and cancelled from read() and try_read(), which lose nothing. Error::fate is not set on
// this floor: only the session knows whether a lost stream takes the session with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/net/socket.hpp"

namespace ftpsfs::net {

/// How the peer's bytes ended.
enum class EndOfStream : std::uint8_t {
  none,           ///< not yet
  authenticated,  ///< close_notify: nobody on the way cut the stream
  plain,          ///< a bare FIN: whole only if the 226 and an independent size say so
};

/// Ways to say that nothing will be written, while the other direction stays open.
enum class HalfClose : std::uint8_t {
  close_notify,  ///< TLS 1.3 (RFC 8446 §6.1). In earlier ones it would end both directions
  fin,           ///< TCP's
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// Waits for input and fills `into` with as much as has arrived.  @pre `into` is not empty.
  /// @return bytes read; 0 = the end (TLS: close_notify; clear: FIN).
  /// @errors timed_out, cancelled (nothing lost), closed (reset), truncated (TLS: FIN without
  ///   close_notify; end() is then EndOfStream::plain), tls_failed.
  virtual Result<std::size_t> read(std::span<std::byte> into, const Wait& wait) = 0;

  /// Takes what is there. @return as read(), and nullopt when nothing has arrived.
  virtual Result<std::optional<std::size_t>> try_read(std::span<std::byte> into) = 0;

  /// Writes everything. On TLS each started 16 KiB is one record: a caller that must keep records
  /// small (2,000 bytes on control connections) calls once for each.
  /// @errors timed_out, cancelled (how much went out is unknown: the stream is lost), closed.
  virtual Result<void> write_all(std::span<const std::byte> bytes, const Wait& wait) = 0;

  /// Writes what fits now. @return bytes taken, 0 = no room: call again later with the same bytes
  /// in front (TLS has sealed them already; the address may differ).
  virtual Result<std::size_t> try_write(std::span<const std::byte> bytes) = 0;

  /// Waits until a read (or, with `want_write`, a write too) is worth trying.
  /// @pre try_read() has just said nullopt: bytes that TLS holds already wake nobody.
  /// @errors timed_out, cancelled.
  virtual Result<void> wait_for_progress(bool want_write, const Wait& wait) = 0;

  /// Says that no more bytes will be written: close_notify, then FIN. Reading goes on.
  virtual Result<void> close_write(const Wait& wait) = 0;

  /// Says ahead of need that nothing will be written. Never waits. Until the peer's end has come,
  /// destruction is still a reset().
  /// @return false: this stream cannot say it in this way, and has not.
  virtual bool announce_end(HalfClose how) noexcept = 0;

  /// Reads and throws away until the peer's end: closing with its bytes (TLS tickets) unread would
  /// send RST, and the server would drop the tail of an upload. A bare FIN or a reset by the peer
  /// is an end too.
  /// @errors timed_out, cancelled.
  virtual Result<void> drain_to_end(const Wait& wait) = 0;

  /// Ends the connection at once with RST. Destruction does the same to a stream that neither was
  /// finished by close_write() nor has seen the peer's end: FIN would tell the server that a broken
  /// upload is whole, and a FIN in mid-download kills ProFTPD's control connection. (A control
  /// connection under TLS says close_notify and FIN.)
  virtual void reset() noexcept = 0;

  /// Would a read return at once: bytes, an end, an error? On an idle connection each of them
  /// means that it is not fit for use. TLS tickets on the way are taken in and do not count.
  virtual bool has_pending_input() = 0;

  virtual EndOfStream end() const noexcept = 0;

  /// The peer's address: data channels dial it with another port.
  virtual SocketAddress peer_address() const = 0;

  /// For poll(2) beside other descriptors; check has_pending_input() before waiting.
  virtual int native_handle() const noexcept = 0;
};

/// The clear stream: control connections before AUTH TLS, and data under PROT C.
class SocketStream final : public ByteStream {
 public:
  explicit SocketStream(Socket socket) : socket_(std::move(socket)) {}
  ~SocketStream() override;
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

  Result<std::size_t> read(std::span<std::byte> into, const Wait& wait) override;
  Result<std::optional<std::size_t>> try_read(std::span<std::byte> into) override;
  Result<void> write_all(std::span<const std::byte> bytes, const Wait& wait) override;
  Result<std::size_t> try_write(std::span<const std::byte> bytes) override;
  Result<void> wait_for_progress(bool want_write, const Wait& wait) override;
  Result<void> close_write(const Wait& wait) override;
  bool announce_end(HalfClose how) noexcept override;
  Result<void> drain_to_end(const Wait& wait) override;
  void reset() noexcept override { socket_.reset(); }
  bool has_pending_input() override { return socket_.readable_now(); }
  EndOfStream end() const noexcept override { return end_; }
  SocketAddress peer_address() const override { return socket_.peer_address(); }
  int native_handle() const noexcept override { return socket_.fd(); }

  /// Gives the socket away, for TLS to be laid over it. Has no bytes buffered, ever.
  Socket release() && { return std::move(socket_); }

 private:
  Socket socket_;
  bool write_closed_ = false;
  EndOfStream end_ = EndOfStream::none;
};

}  // namespace ftpsfs::net
