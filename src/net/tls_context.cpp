// SPDX-License-Identifier: MIT
//
// See tls_context.hpp.
#include "ftpsfs/net/tls_context.hpp"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <utility>

#include "ftpsfs/net/certificate_store.hpp"
#include "tls_explain.hpp"

namespace ftpsfs::net {
namespace {

int native_version(TlsVersion version) {
  switch (version) {
    case TlsVersion::tls1_0:
      return TLS1_VERSION;
    case TlsVersion::tls1_1:
      return TLS1_1_VERSION;
    case TlsVersion::tls1_2:
      return TLS1_2_VERSION;
    case TlsVersion::tls1_3:
      break;
  }
  return TLS1_3_VERSION;
}

/// For machines that nobody can renew. A list of ciphers that the user gives counts nevertheless.
bool allow_what_is_old(SSL_CTX* context) {
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_options(context, SSL_OP_LEGACY_SERVER_CONNECT);
  return SSL_CTX_set_cipher_list(context, "ALL:!aNULL:!eNULL") == 1;
}

/// @return false when OpenSSL refuses one of the settings.
bool apply_settings(SSL_CTX* context, const TlsSettings& settings) {
  // P-256 first: vsftpd and Pure-FTPd take no other group, and OpenSSL's own first choice, X25519,
  // would cost them a HelloRetryRequest, a round trip on every TLS 1.3 handshake.
  constexpr const char* kGroups = "P-256:X25519:P-384";
  // ALPN "ftp" and no other: FileZilla Server closes the connection on names it does not know.
  constexpr std::array<unsigned char, 4> kAlpn{3, 'f', 't', 'p'};

  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_AUTO_RETRY);
  // Sessions are handed to us and kept by their control connection, never in a cache that would
  // mix the tickets of several servers or users.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  return (!settings.legacy || allow_what_is_old(context)) &&
         // Asks for a stapled response; what comes of it, TlsStream looks at.
         SSL_CTX_set_tlsext_status_type(context, TLSEXT_STATUSTYPE_ocsp) == 1 &&
         SSL_CTX_set_min_proto_version(context, native_version(settings.min_version)) == 1 &&
         SSL_CTX_set_max_proto_version(context, native_version(settings.max_version)) == 1 &&
         SSL_CTX_set1_groups_list(context, kGroups) == 1 &&
         SSL_CTX_set_alpn_protos(context, kAlpn.data(), kAlpn.size()) == 0;
}

Result<void> choose_ciphers(SSL_CTX* context, const TlsSettings& settings) {
  const auto unknown = [](const char* option, const std::string& list) {
    ERR_clear_error();
    return make_error(
        Errc::invalid_argument,
        fmt::format("{}={}: OpenSSL knows none of these that is safe; `openssl ciphers -v` lists "
                    "those that it knows",
                    option, list));
  };
  // Whatever the list says: none without the server's certificate, none without encryption.
  const std::string ciphers = settings.ciphers + ":!aNULL:!eNULL";
  if (!settings.ciphers.empty() && SSL_CTX_set_cipher_list(context, ciphers.c_str()) != 1) {
    return unknown("ciphers", settings.ciphers);
  }
  if (!settings.ciphersuites.empty() &&
      SSL_CTX_set_ciphersuites(context, settings.ciphersuites.c_str()) != 1) {
    return unknown("ciphersuites", settings.ciphersuites);
  }
  return {};
}

}  // namespace

TlsContext::TlsContext(TlsSettings settings, ssl_ctx_st* context)
    : settings_(std::move(settings)), context_(context) {}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

Result<std::shared_ptr<const TlsContext>> TlsContext::create(TlsSettings settings) {
  if (settings.min_version > settings.max_version) {
    return make_error(Errc::invalid_argument, "the lowest TLS version is above the highest");
  }
  if (settings.min_version < TlsVersion::tls1_2 && !settings.legacy) {
    return make_error(Errc::invalid_argument,
                      "TLS 1.0 and 1.1 are broken, and spoken only when tls_legacy is given, too");
  }
  FTPSFS_TRY_ASSIGN(
      const CertificateStore store,
      CertificateStore::load(settings.ca_files, settings.ca_directories, settings.crl_files));
  ERR_clear_error();
  SSL_CTX* const native = SSL_CTX_new(TLS_client_method());
  if (native == nullptr) {
    return make_error(Errc::tls_failed, "cannot set up TLS: " + take_openssl_reason());
  }
  const std::shared_ptr<const TlsContext> context(new TlsContext(std::move(settings), native));
  SSL_CTX_set1_cert_store(native, store.native().get());
  if (!apply_settings(native, context->settings())) {
    return make_error(Errc::tls_failed, "cannot set up TLS: " + take_openssl_reason());
  }
  FTPSFS_TRY(choose_ciphers(native, context->settings()));
  if (context->settings().identity) {
    FTPSFS_TRY(context->settings().identity->install(native));
  }
  return context;
}

}  // namespace ftpsfs::net
