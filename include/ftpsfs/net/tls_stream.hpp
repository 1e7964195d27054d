// SPDX-License-Identifier: MIT
//
// A TLS client over a Socket. A control connection keeps the newest session that its server gave it
// (TLS 1.3 sends tickets after the handshake, several times); each data connection offers a copy of
// its own control connection's session, and must show the same certificate. A copy, because
// OpenSSL marks a session as not resumable when a connection that uses it ends without a shutdown,
// as a download that is cut short does.
// Thread-safety: as ByteStream; open_data() reads the control stream, so the same lease covers it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ftpsfs/net/stream.hpp"
#include "ftpsfs/net/tls_context.hpp"

struct ssl_session_st;

namespace ftpsfs::net {

/// A session that a later connection may resume. Empty, or bound to the context and the server
/// that it came from: offered to another one it is silently left out. A value.
class TlsResumption {
 public:
  TlsResumption() = default;
  explicit operator bool() const noexcept { return session_ != nullptr; }

 private:
  friend class TlsStream;
  std::shared_ptr<ssl_session_st> session_;
  std::shared_ptr<const TlsContext> context_;
  std::string server_;  // name and port
};

/// Who is at the other end, for logs and status. A value.
struct TlsPeerInfo {
  std::string version;                           ///< "TLSv1.3"
  std::string cipher;                            ///< "TLS_AES_256_GCM_SHA384"
  std::string subject;                           ///< "CN = ftp.example.com"
  std::string issuer;                            ///< the same of its signer
  std::string not_after;                         ///< "2027-01-31 12:00:00 UTC"
  std::chrono::system_clock::time_point ends{};  ///< the same
  std::string fingerprint;  ///< SHA-256 of the certificate, lower-case hex with colons
  std::string public_key;   ///< as pin= has it
  /// Subjects of the chain that was verified, the server's own first; empty when it was not, or
  /// when the session was resumed.
  std::vector<std::string> chain;
  std::string alpn;  ///< the protocol that was agreed on; empty: none
  bool resumed = false;
};

class TlsStream final : public ByteStream {
 public:
  enum class Handshake : std::uint8_t {
    done,
    interrupted,  ///< the watched stream has input: read it, then call handshake() again
  };

  /// Prepares TLS on a connected (or connecting) socket: nothing is sent yet.
  /// @param host the name that the user gave: sent as SNI when a name, and checked.
  /// @param earlier a session of an earlier control connection of the same identity, or empty.
  /// @errors tls_failed.
  static Result<std::unique_ptr<TlsStream>> open_control(Socket socket,
                                                         std::shared_ptr<const TlsContext> context,
                                                         const std::string& host,
                                                         const TlsResumption& earlier = {});

  /// The same for a data connection of `control`, whose handshake must be done.
  static Result<std::unique_ptr<TlsStream>> open_data(Socket socket, const TlsStream& control);

  /// Finishes the TCP connect where needed, then the TLS handshake and the certificate checks.
  /// @param watch when given, its input interrupts the wait: the control connection may bring a 550
  ///   in place of a handshake on the data connection.
  /// @errors unreachable, timed_out, cancelled, closed, untrusted (the text names cause and cure),
  ///   tls_failed (among them: the peer speaks clear FTP here).
  Result<Handshake> handshake(const Wait& wait, ByteStream* watch = nullptr);

  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  Result<std::size_t> read(std::span<std::byte> into, const Wait& wait) override;
  Result<std::optional<std::size_t>> try_read(std::span<std::byte> into) override;
  Result<void> write_all(std::span<const std::byte> bytes, const Wait& wait) override;
  Result<std::size_t> try_write(std::span<const std::byte> bytes) override;
  Result<void> wait_for_progress(bool want_write, const Wait& wait) override;
  Result<void> close_write(const Wait& wait) override;
  bool announce_end(HalfClose how) noexcept override;
  Result<void> drain_to_end(const Wait& wait) override;
  void reset() noexcept override;
  bool has_pending_input() override;
  EndOfStream end() const noexcept override;
  SocketAddress peer_address() const override;
  int native_handle() const noexcept override;

  // After the handshake:
  bool session_resumed() const noexcept;
  TlsPeerInfo peer_info() const;
  /// Version and cipher alone: "TLSv1.3 TLS_AES_256_GCM_SHA384".
  std::string describe() const;
  /// The newest session of this control connection, for a later control connection. Empty when the
  /// server gave none (Pure-FTPd in TLS 1.3).
  TlsResumption resumption() const;
  /// When the newest session stops being resumable by its ticket's word: retire the control
  /// connection before. nullopt when the server named no lifetime.
  std::optional<SteadyTime> session_expiry() const;

 private:
  struct State;
  explicit TlsStream(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace ftpsfs::net
