// SPDX-License-Identifier: MIT
//
// See tls_state.hpp. Each OpenSSL call is followed by State::classify, which turns its outcome
// into "wait for this event", "the end", or one sticky Error.
#include "tls_state.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "stapled_status.hpp"
#include "tls_explain.hpp"

namespace ftpsfs::net {
namespace {

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return ::inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

/// "[::1]" and "fe80::1%eth0" as certificates write them; a final dot is DNS's business only.
std::string certificate_name(std::string host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.find(':') != std::string::npos) {
    host.resize(std::min(host.find('%'), host.size()));
  } else if (host.size() > 1 && host.back() == '.') {
    host.pop_back();
  }
  return host;
}

/// Lists of the CAs above the server's issuer are seldom at hand; those that are must be heeded.
bool lacks_only_an_upper_list(X509_STORE_CTX* store) {
  return X509_STORE_CTX_get_error(store) == X509_V_ERR_UNABLE_TO_GET_CRL &&
         X509_STORE_CTX_get_error_depth(store) > 0;
}

}  // namespace

/// Sets SNI and what the certificate must be for.
bool TlsStream::State::expect_name(const std::string& name) const {
  const bool address = is_address(name);
  if (!address && SSL_set_tlsext_host_name(ssl.get(), name.c_str()) != 1) {
    return false;
  }
  if (context->settings().verify != TlsVerify::full) {
    return true;
  }
  X509_VERIFY_PARAM* const parameters = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return (address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str())
                  : X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size())) == 1;
}

Result<std::unique_ptr<TlsStream::State>> TlsStream::State::create(
    Socket socket, std::shared_ptr<const TlsContext> context, const std::string& host) {
  ERR_clear_error();
  auto state = std::make_unique<State>();
  state->wire.socket = std::move(socket);
  state->context = std::move(context);
  state->host = host;
  state->server = fmt::format("{}:{}", host, state->wire.socket.peer_address().port());
  state->ssl.reset(SSL_new(state->context->native()));
  SSL* const ssl = state->ssl.get();
  const std::string& other_name = state->context->settings().server_name;
  if (ssl == nullptr ||
      !state->expect_name(certificate_name(other_name.empty() ? host : other_name))) {
    return make_error(Errc::tls_failed, "cannot start TLS: " + take_openssl_reason());
  }
  BIO* const bio = new_wire_bio(state->wire);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, state.get());
  const bool verify = state->context->settings().verify != TlsVerify::none;
  SSL_set_verify(ssl, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, verify ? on_verify : nullptr);
  SSL_set_cert_cb(ssl, on_asked, state.get());
  SSL_set_connect_state(ssl);
  return state;
}

/// OpenSSL forgets a certificate that it rejects: kept here, for the words of the error.
int TlsStream::State::on_verify(int ok, X509_STORE_CTX* store) {
  if (ok != 1 && lacks_only_an_upper_list(store)) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  if (ok != 1) {
    auto* const ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* const state = static_cast<State*>(SSL_get_app_data(ssl));
    state->verify_code = X509_STORE_CTX_get_error(store);
    if (X509* const certificate = X509_STORE_CTX_get_current_cert(store)) {
      X509_up_ref(certificate);
      state->rejected.reset(certificate);
    }
  }
  return ok;
}

int TlsStream::State::on_asked(SSL* /*ssl*/, void* state) {
  static_cast<State*>(state)->is_asked = true;
  return 1;  // go on with what there is
}

/// A server that has hung up takes no more of ours, but what it said before is still to be read:
/// an alert, in the error queue from now on.
void TlsStream::State::hear_last_words() {
  char next = 0;
  std::size_t got = 0;
  const std::optional<Error> lost = wire.error;
  SSL_peek_ex(ssl.get(), &next, 1, &got);
  wire.error = lost;
}

/// Why the last OpenSSL call failed; takes the error queue.
Error TlsStream::State::explain() const {
  const std::string reason = take_openssl_reason();
  if (verify_code != X509_V_OK) {
    return explain_certificate(verify_code, rejected.get(), host);
  }
  // In TLS 1.3 it comes behind a handshake that looked well.
  const ShownIdentity shown = context->settings().identity != nullptr ? ShownIdentity::certificate
                              : is_asked                              ? ShownIdentity::none
                                                                      : ShownIdentity::untold;
  if (auto refused = explain_refused_identity(reason, shown)) {
    // The login was accepted with the same identity: a data connection's trouble is its own.
    refused->code = is_data ? Errc::tls_failed : refused->code;
    return *std::move(refused);
  }
  if (wire.error) {
    Error error = *wire.error;
    if (!handshake_done) {
      error.text += " during the TLS handshake";
    }
    return error;
  }
  if (wire.saw_fin) {
    return handshake_done ? make_error(Errc::truncated,
                                       "the server ended the connection without a close_notify")
                          : make_error(Errc::closed,
                                       "the server ended the connection during the TLS handshake");
  }
  return handshake_done
             ? make_error(Errc::tls_failed, "TLS failed: " + (reason.empty() ? "?" : reason))
             : explain_handshake(reason, wire.first_bytes);
}

TlsStream::State::Outcome TlsStream::State::classify(int returned) {
  switch (SSL_get_error(ssl.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      wanted = POLLIN;
      return Outcome::wait;
    case SSL_ERROR_WANT_WRITE:
      wanted = POLLOUT;
      return Outcome::wait;
    case SSL_ERROR_ZERO_RETURN:
      if (handshake_done) {
        end = EndOfStream::authenticated;
        return Outcome::end;
      }
      [[fallthrough]];
    default:
      failed = explain();
      if (wire.saw_fin && end == EndOfStream::none) {
        end = EndOfStream::plain;
      }
      return Outcome::failed;
  }
}

Result<void> TlsStream::State::wait_wanted(const Wait& wait, const char* what) {
  WakeFd::Item item{wire.socket.fd(), wanted, 0};
  return wire.socket.wait_any({&item, 1}, wait, what);
}

/// A data connection must lead to the machine of its control connection, with verify=none too. (A
/// resumed session carries the certificate of its first one.)
std::optional<Error> TlsStream::State::doubt_data() const {
  const X509* const shown = SSL_get0_peer_certificate(ssl.get());
  if (shown == nullptr || required == nullptr || X509_cmp(shown, required.get()) != 0) {
    return make_error(Errc::untrusted,
                      "the data connection shows another certificate than the control "
                      "connection: something stands between, or the server's set-up is wrong");
  }
  if (context->settings().session_reuse == SessionReuse::require &&
      SSL_session_reused(ssl.get()) != 1) {
    return make_error(Errc::untrusted,
                      "the data connection does not resume the TLS session of the control "
                      "connection, and session_reuse=require wants that");
  }
  return std::nullopt;
}

/// Is there a certificate, and is its key one of the pinned ones?
std::optional<Error> TlsStream::State::doubt_key() const {
  const std::vector<std::string>& pins = context->settings().pins;
  const X509* const shown = SSL_get0_peer_certificate(ssl.get());
  if (shown == nullptr) {  // OpenSSL verifies none that is not shown
    return make_error(Errc::untrusted,
                      "the server shows no certificate, so it may be anybody: whoever runs it must "
                      "give it one, and allow no anonymous ciphers");
  }
  const std::string key = public_key_pin(shown);
  if (pins.empty() || std::find(pins.begin(), pins.end(), key) != pins.end()) {
    return std::nullopt;
  }
  return make_error(
      Errc::untrusted,
      fmt::format("the server's public key is {}, which is none of those that pin= "
                  "names: ask whoever runs the server, and if it has a new key, add it",
                  key));
}

/// Has the certificate been revoked, as far as the server tells? A resumed session has been asked
/// in its first handshake, and a data connection shows the certificate of its control connection.
std::optional<Error> TlsStream::State::doubt_status() const {
  const TlsSettings& settings = context->settings();
  if (settings.verify == TlsVerify::none || SSL_session_reused(ssl.get()) == 1) {
    return std::nullopt;
  }
  return doubt_stapled_status(ssl.get(), settings.stapled_status == StapledStatus::require);
}

/// What OpenSSL does not check.
Result<void> TlsStream::State::check_peer() {
  failed = is_data ? doubt_data() : doubt_key();
  if (!failed && !is_data) {
    failed = doubt_status();
  }
  return failed ? Result<void>(*failed) : Result<void>();
}

/// One step of the handshake; connects first where that is still under way.
TlsStream::State::Outcome TlsStream::State::advance_handshake(bool& done) {
  if (wire.socket.connecting()) {
    wanted = POLLOUT;
    return Outcome::wait;
  }
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl.get());
  if (returned != 1) {
    return classify(returned);
  }
  if (!check_peer()) {
    return Outcome::failed;
  }
  done = handshake_done = true;
  return Outcome::wait;
}

}  // namespace ftpsfs::net
