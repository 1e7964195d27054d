// SPDX-License-Identifier: MIT
//
// The seam between a session's dialogue and the network: dialling, and TLS on both kinds of
// connections. NetTransport is the real one; tests script peers on socketpairs.
// Thread-safe: sessions of one mount share it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/net/listener.hpp"
#include "ftpsfs/net/route.hpp"
#include "ftpsfs/net/socket.hpp"
#include "ftpsfs/net/stream.hpp"
#include "ftpsfs/net/tls_stream.hpp"
#include "ftpsfs/session/certificate_watch.hpp"

namespace ftpsfs::session {

class Transport {
 public:
  virtual ~Transport() = default;

  /// @errors unreachable, timed_out, cancelled.
  virtual Result<net::Socket> dial_control(const Wait& wait) = 0;

  /// TLS on a control connection, verified. Resumes the session of an earlier one that logged in.
  /// @errors untrusted, tls_failed, closed, timed_out, cancelled.
  virtual Result<std::unique_ptr<net::ByteStream>> secure_control(net::Socket socket,
                                                                  const Wait& wait) = 0;

  /// The login over `control` is done: later control connections may resume its session.
  virtual void remember(const net::ByteStream& control) = 0;

  /// Dials the control peer's own address, whatever a reply said of addresses.
  virtual Result<net::Socket> dial_data(const net::ByteStream& control, std::uint16_t port,
                                        const Wait& wait) = 0;

  /// The same without waiting: the handshake or the first byte does that.
  virtual Result<net::Socket> begin_data(const net::ByteStream& control, std::uint16_t port) = 0;

  /// Listens for a data connection that the server dials (active mode).
  /// @errors invalid_argument, busy, io_error.
  virtual Result<net::Listener> listen(const net::ByteStream& control) = 0;

  /// TLS on a data connection, resuming its control connection's session. Nothing is sent yet.
  /// @pre `control` came from secure_control().
  virtual Result<std::unique_ptr<net::ByteStream>> prepare_data(net::Socket socket,
                                                                net::ByteStream& control) = 0;

  /// The handshake of a stream from prepare_data(). @return false when `control` has input first.
  virtual Result<bool> handshake_data(net::ByteStream& data, net::ByteStream& control,
                                      const Wait& wait) = 0;

  /// After handshake_data(): did it resume the control connection's session?
  virtual bool is_resumed(const net::ByteStream& data) = 0;

  /// Does the server wait for a ClientHello on a fresh connection? For a clear error when no
  /// greeting comes.
  virtual bool answers_with_tls(const Wait& wait) = 0;

  /// When data connections stop being able to resume this control connection's session.
  /// @return nullopt when the server does not say.
  virtual std::optional<SteadyTime> session_expiry(const net::ByteStream& control) = 0;

  /// "TLSv1.3 TLS_AES_256_GCM_SHA384" of a control connection; empty when it has no TLS.
  virtual std::string describe_tls(const net::ByteStream& control) = 0;
};

class NetTransport final : public Transport {
 public:
  /// @param watch is told of the certificates of each login; outlives the transport. None: nobody.
  NetTransport(std::string host, std::uint16_t port, std::shared_ptr<const net::TlsContext> context,
               CertificateWatch* watch = nullptr, net::Route route = {});

  Result<net::Socket> dial_control(const Wait& wait) override;
  Result<std::unique_ptr<net::ByteStream>> secure_control(net::Socket socket,
                                                          const Wait& wait) override;
  void remember(const net::ByteStream& control) override;
  Result<net::Socket> dial_data(const net::ByteStream& control, std::uint16_t port,
                                const Wait& wait) override;
  Result<net::Socket> begin_data(const net::ByteStream& control, std::uint16_t port) override;
  Result<net::Listener> listen(const net::ByteStream& control) override;
  Result<std::unique_ptr<net::ByteStream>> prepare_data(net::Socket socket,
                                                        net::ByteStream& control) override;
  Result<bool> handshake_data(net::ByteStream& data, net::ByteStream& control,
                              const Wait& wait) override;
  bool is_resumed(const net::ByteStream& data) override;
  bool answers_with_tls(const Wait& wait) override;
  std::optional<SteadyTime> session_expiry(const net::ByteStream& control) override;
  std::string describe_tls(const net::ByteStream& control) override;

 private:
  Result<net::Socket> dial(const Wait& wait) const;
  Result<net::Socket> dial_by_proxy(const Wait& wait) const;
  void watch_certificates(const net::TlsStream& control);

  const std::string host_;
  const std::uint16_t port_;
  const std::shared_ptr<const net::TlsContext> context_;
  CertificateWatch* const watch_;
  const net::Route route_;
  Mutex mutex_;
  net::TlsResumption latest_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::session
