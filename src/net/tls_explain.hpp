// SPDX-License-Identifier: MIT
//
// OpenSSL's verdicts in words: what is wrong with the server's certificate and which option helps,
// and what a failed handshake means. Private to src/net. Stateless.
#pragma once

#include <openssl/x509.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::net {

/// "CN = ftp.example.com, O = Example".
std::string one_line(const X509_NAME* name);

/// "2027-01-31 12:00:00 UTC".
std::string to_text(const ASN1_TIME* time);

/// The epoch when the date cannot be read: it is over.
std::chrono::system_clock::time_point to_time(const ASN1_TIME* time);

/// "aa:bb:…": the SHA-256 of the certificate.
std::string fingerprint(const X509* certificate);

/// "sha256:BASE64" of the public key (SubjectPublicKeyInfo), as pin= has it.
/// @source RFC 7469 §2.4
std::string public_key_pin(const X509* certificate);

/// The names and addresses that a certificate is for, e.g. "a.example, 192.0.2.1".
std::string names_of(const X509* certificate);

/// @param code an X509_V_ERR_…; @param certificate the one it is about, or null.
/// @param host as the user named the server.
/// @return untrusted: cause, then cure.
Error explain_certificate(int code, const X509* certificate, const std::string& host);

/// What OpenSSL's error queue says last; empties it. Empty when the queue is.
std::string take_openssl_reason();

/// What the server knows of us.
enum class ShownIdentity : std::uint8_t {
  untold,       ///< it has not asked
  none,         ///< it has asked, and we have none
  certificate,  ///< we have one
};

/// The server's alert about our certificate, or about its absence, in words.
/// @return login_refused; nullopt: the reason is about something else.
std::optional<Error> explain_refused_identity(const std::string& reason, ShownIdentity shown);

/// A handshake that failed for other reasons than the certificate or the network.
/// @param first_bytes what the peer sent first.
Error explain_handshake(const std::string& reason, std::string_view first_bytes);

}  // namespace ftpsfs::net
