// SPDX-License-Identifier: MIT
//
// What all TLS connections of one mount have in common: versions, groups, authorities, and how
// strictly the server's certificate is checked. OpenSSL stays behind forward declarations.
// Thread-safety: immutable; shared by shared_ptr.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/net/client_identity.hpp"

struct ssl_ctx_st;

namespace ftpsfs::net {

enum class TlsVerify : std::uint8_t {
  full,  ///< chain, dates and name
  ca,    ///< chain and dates: the name may differ
  none,  ///< anything goes; data connections must still show the control connection's certificate
};

enum class TlsVersion : std::uint8_t { tls1_0, tls1_1, tls1_2, tls1_3 };

/// What is done with the CA's word that a server staples to its certificate (OCSP).
enum class StapledStatus : std::uint8_t {
  check,    ///< heeded when it is there
  require,  ///< a server without is refused
};

/// TLS sessions of the control connection on its data connections: many servers insist on it.
enum class SessionReuse : std::uint8_t {
  on,       ///< offered; the server decides
  require,  ///< a data connection without is an error: it might not be this login's
  off,      ///< never offered
};

struct TlsSettings {
  std::vector<std::string> ca_files;
  std::vector<std::string> ca_directories;
  std::vector<std::string> crl_files;  ///< empty: revocation is not checked
  /// Public keys, one of which the server's certificate must have ("sha256:BASE64" of the SPKI), on
  /// top of what `verify` demands. Empty: any.
  std::vector<std::string> pins;
  TlsVerify verify = TlsVerify::full;
  TlsVersion min_version = TlsVersion::tls1_2;
  TlsVersion max_version = TlsVersion::tls1_3;
  /// Everything that OpenSSL still knows: old ciphers and signatures, short keys, servers without
  /// secure renegotiation. Needed for versions below 1.2.
  bool legacy = false;
  StapledStatus stapled_status = StapledStatus::check;
  std::string ciphers;       ///< for TLS 1.2, in OpenSSL's words; empty: OpenSSL's own choice
  std::string ciphersuites;  ///< for TLS 1.3
  SessionReuse session_reuse = SessionReuse::on;
  /// Shown to servers that ask; none: nothing is.
  std::shared_ptr<const ClientIdentity> identity{};
  std::string server_name;  ///< checked and sent (SNI) in place of the URL's host, when not empty
};

class TlsContext {
 public:
  /// Reads the authorities and prepares everything that can fail without a server.
  /// @errors invalid_argument (a CA or CRL path; ciphers that nobody knows; versions the wrong way
  /// round; a client certificate that is too weak), tls_failed.
  static Result<std::shared_ptr<const TlsContext>> create(TlsSettings settings);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const TlsSettings& settings() const noexcept { return settings_; }
  ssl_ctx_st* native() const noexcept { return context_; }

 private:
  TlsContext(TlsSettings settings, ssl_ctx_st* context);

  TlsSettings settings_;
  ssl_ctx_st* context_;
};

}  // namespace ftpsfs::net
