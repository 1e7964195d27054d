// SPDX-License-Identifier: MIT
//
// See tls_explain.hpp.
#include "tls_explain.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <iterator>
#include <memory>
#include <vector>

namespace ftpsfs::net {
namespace {

std::string from_memory(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string address_text(const ASN1_OCTET_STRING* octets) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  constexpr int kIpv4Length = 4;
  const int family = ASN1_STRING_length(octets) == kIpv4Length ? AF_INET : AF_INET6;
  ::inet_ntop(family, ASN1_STRING_get0_data(octets), text.data(), text.size());
  return text.data();
}

std::string string_text(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string common_name(const X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  return at < 0 ? std::string()
                : string_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

}  // namespace

std::string one_line(const X509_NAME* name) {
  const std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  return from_memory(out.get());
}

std::string to_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) {
    return "an unreadable date";
  }
  constexpr int kTmYear0 = 1900;
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", parts.tm_year + kTmYear0,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::chrono::system_clock::time_point to_time(const ASN1_TIME* time) {
  std::tm parts{};
  return std::chrono::system_clock::from_time_t(
      ASN1_TIME_to_tm(time, &parts) == 1 ? ::timegm(&parts) : std::time_t{0});
}

std::string fingerprint(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) {
    return {};
  }
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += fmt::format("{}{:02x}", i == 0 ? "" : ":", digest[i]);
  }
  return text;
}

std::string public_key_pin(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned digest_size = 0;
  const bool done = size > 0 && EVP_Digest(der, static_cast<std::size_t>(size), digest.data(),
                                           &digest_size, EVP_sha256(), nullptr) == 1;
  OPENSSL_free(der);
  if (!done) {
    return {};
  }
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> base64{};
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest_size));
  return "sha256:" + std::string(reinterpret_cast<const char*>(base64.data()),
                                 static_cast<std::size_t>(length));
}

std::string names_of(const X509* certificate) {
  std::string names;
  const auto add = [&names](const std::string& name) {
    names += names.empty() ? name : ", " + name;
  };
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> alternatives(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* const each = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (each->type == GEN_DNS) {
      add(string_text(each->d.dNSName));
    } else if (each->type == GEN_IPADD) {
      add(address_text(each->d.iPAddress));
    }
  }
  return names.empty() ? common_name(certificate) : names;
}

Error explain_certificate(int code, const X509* certificate, const std::string& host) {
  const auto untrusted = [](std::string text) {
    return make_error(Errc::untrusted, std::move(text));
  };
  if (certificate == nullptr) {
    return untrusted(fmt::format("the server's certificate was not accepted: {}",
                                 X509_verify_cert_error_string(code)));
  }
  const std::string subject = one_line(X509_get_subject_name(certificate));
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return untrusted(
          fmt::format("the certificate {} expired on {}: the server needs a new one (or this "
                      "computer's clock is wrong; verify=none would accept it, unsafely)",
                      subject, to_text(X509_get0_notAfter(certificate))));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return untrusted(
          fmt::format("the certificate {} is valid only from {}: check this "
                      "computer's clock",
                      subject, to_text(X509_get0_notBefore(certificate))));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return untrusted(
          fmt::format("the server's certificate {} is self-signed and not trusted: check its "
                      "fingerprint ({}), save it to a file and use cacert=FILE",
                      subject, fingerprint(certificate)));
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return untrusted(
          fmt::format("the server's certificate was issued by an unknown authority, {}: if you "
                      "trust it, use cacert=FILE with that authority's certificate",
                      one_line(X509_get_issuer_name(certificate))));
    case X509_V_ERR_CERT_REVOKED:
      return untrusted(fmt::format(
          "the server's certificate {} has been revoked by {}: do not send it anything, "
          "and ask whoever runs the server",
          subject, one_line(X509_get_issuer_name(certificate))));
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return untrusted(
          fmt::format("crlfile= holds no list of {}, which issued the server's certificate {}: add "
                      "that list to the file",
                      one_line(X509_get_issuer_name(certificate)), subject));
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return untrusted(
          fmt::format("the list of revoked certificates of {} in crlfile= is out of date: fetch a "
                      "new one, then ftpsfs reload MOUNTPOINT where it is mounted",
                      one_line(X509_get_issuer_name(certificate))));
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return untrusted(fmt::format(
          "the certificate {} is too weak ({}): the server needs a new one; until then tls_legacy "
          "would accept it, unsafely",
          subject, X509_verify_cert_error_string(code)));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return untrusted(
          fmt::format("the server's certificate is for {}, not for {}: connect by a name that it "
                      "has, or use verify=ca to accept any name",
                      names_of(certificate), host));
    default:
      return untrusted(fmt::format("the server's certificate {} was not accepted: {}", subject,
                                   X509_verify_cert_error_string(code)));
  }
}

std::string take_openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) {
    return {};
  }
  if (const char* const reason = ERR_reason_error_string(code)) {
    return reason;
  }
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

/// @source RFC 8446 §6.2; OpenSSL says "sslv3 alert" for those that are as old.
std::optional<Error> explain_refused_identity(const std::string& reason, ShownIdentity shown) {
  const std::size_t alert = reason.find("alert ");
  struct Cure {
    std::string_view alert;
    const char* words;
  };
  constexpr const char* kTrust = "it must trust the CA that issued it";
  constexpr Cure kCures[] = {
      {"unknown ca", kTrust},
      {"certificate unknown", kTrust},
      {"bad certificate", kTrust},
      {"certificate expired", "get a new one from whoever issued it, or see to the server's clock"},
      {"certificate revoked", "get a new one from whoever issued it"},
      {"unsupported certificate", "ask for one for client authentication, with a usual key"},
      {"access denied", "whoever runs the server must allow it in"}};
  const Cure* const cure =
      std::find_if(std::begin(kCures), std::end(kCures),
                   [&reason](const Cure& each) { return reason.ends_with(each.alert); });
  // Below TLS 1.3 there is no alert of its own for an empty certificate.
  const bool wants_one =
      reason.ends_with("alert certificate required") ||
      (shown == ShownIdentity::none &&
       (cure != std::end(kCures) || reason.ends_with("alert handshake failure")));
  if (alert != std::string::npos && wants_one) {
    return make_error(Errc::login_refused,
                      "the server lets in none without a client certificate: give one by cert= and "
                      "key=, or pkcs12=");
  }
  if (shown != ShownIdentity::certificate || alert == std::string::npos ||
      cure == std::end(kCures)) {
    return std::nullopt;
  }
  return make_error(Errc::login_refused,
                    fmt::format("the server does not accept the client certificate ({}): {}",
                                reason.substr(alert + 6), cure->words));
}

namespace {

/// What tls_legacy bears with.
bool is_age(const std::string& reason) {
  constexpr std::string_view kOfOldServers[] = {"unsafe legacy renegotiation disabled",
                                                "dh key too small",
                                                "ee key too small",
                                                "ca key too small",
                                                "ca md too weak",
                                                "wrong signature type",
                                                "legacy sigalg disallowed or unsupported",
                                                "no ciphers available"};
  return std::find(std::begin(kOfOldServers), std::end(kOfOldServers), reason) !=
         std::end(kOfOldServers);
}

}  // namespace

Error explain_handshake(const std::string& reason, std::string_view first_bytes) {
  const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  // "220 ready" or "220-Welcome": an FTP greeting, where a TLS record was due.
  if (first_bytes.size() >= 4 && is_digit(first_bytes[0]) && is_digit(first_bytes[1]) &&
      is_digit(first_bytes[2]) && (first_bytes[3] == ' ' || first_bytes[3] == '-')) {
    return make_error(Errc::tls_failed, "this port speaks explicit TLS: use ftpes://");
  }
  constexpr char kHandshakeRecord = 0x16;
  constexpr char kAlertRecord = 0x15;
  if (!first_bytes.empty() && first_bytes[0] != kHandshakeRecord &&
      first_bytes[0] != kAlertRecord) {
    return make_error(Errc::tls_failed, "the server does not speak TLS on this port");
  }
  if (reason == "unsupported protocol" || reason == "tlsv1 alert protocol version" ||
      reason == "wrong version number" || reason == "no protocols available") {
    return make_error(Errc::tls_failed,
                      "the server and ftpsfs have no TLS version in common (" + reason +
                          "): see tls_min= and tls_max=, which bound it; TLS 1.0 and 1.1 need "
                          "tls_legacy, too");
  }
  if (is_age(reason)) {
    return make_error(Errc::tls_failed,
                      "the server's TLS is too old (" + reason +
                          "): it needs an update; until then tls_legacy would accept it, unsafely");
  }
  return make_error(
      Errc::tls_failed,
      "TLS handshake failed: " + (reason.empty() ? std::string("no reason given") : reason));
}

}  // namespace ftpsfs::net
