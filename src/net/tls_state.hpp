// SPDX-License-Identifier: MIT
//
// The inside of a TlsStream: the SSL object, its socket, and what each OpenSSL call came to.
// Private to src/net. Thread-safety: as its stream.
#pragma once

#include <openssl/ssl.h>
#include <poll.h>

#include <memory>
#include <optional>
#include <string>

#include "ftpsfs/net/tls_stream.hpp"
#include "openssl_ptr.hpp"
#include "tls_wire.hpp"

namespace ftpsfs::net {

struct TlsStream::State {
  TlsWire wire;
  std::shared_ptr<const TlsContext> context;
  std::string host;    // as the user named it, for messages
  std::string server;  // name and port: sessions are not offered elsewhere
  std::unique_ptr<SSL, FreeWith<SSL_free>> ssl;  // behind `wire`, so that it is freed first

  bool is_data = false;
  CertificatePtr required;  // data: the control connection's certificate
  bool is_asked = false;    // for a certificate of ours

  bool handshake_done = false;
  bool write_closed = false;
  EndOfStream end = EndOfStream::none;
  std::optional<Error> failed;  // OpenSSL is of no use after its first error
  short wanted = POLLIN;        // what the last call waits for

  int verify_code = X509_V_OK;
  CertificatePtr rejected;

  static Result<std::unique_ptr<State>> create(Socket socket,
                                               std::shared_ptr<const TlsContext> context,
                                               const std::string& host);
  bool expect_name(const std::string& name) const;
  static int on_verify(int ok, X509_STORE_CTX* store);
  static int on_asked(SSL* ssl, void* state);

  bool reuses_sessions() const { return context->settings().session_reuse != SessionReuse::off; }

  enum class Outcome { wait, end, failed };
  Outcome classify(int returned);
  void hear_last_words();
  Error explain() const;
  Result<void> wait_wanted(const Wait& wait, const char* what);
  Result<void> check_peer();
  std::optional<Error> doubt_data() const;
  std::optional<Error> doubt_key() const;
  std::optional<Error> doubt_status() const;
  Outcome advance_handshake(bool& done);
};

}  // namespace ftpsfs::net
