// SPDX-License-Identifier: MIT
#include "stapled_status.hpp"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <memory>
#include <string>
#include <utility>

#include "openssl_ptr.hpp"
#include "tls_explain.hpp"

namespace ftpsfs::net {
namespace {

using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, FreeWith<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, FreeWith<OCSP_BASICRESP_free>>;
using CertificateIdPtr = std::unique_ptr<OCSP_CERTID, FreeWith<OCSP_CERTID_free>>;
using StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;

/// Frees the list, not the certificates in it.
struct FreeList {
  void operator()(STACK_OF(X509) * list) const { sk_X509_free(list); }
};
using ListPtr = std::unique_ptr<STACK_OF(X509), FreeList>;

/// Clocks of servers and CAs differ a little.
constexpr long kClockSkewSeconds = 300;

/// How long a response without nextUpdate is believed; CAs renew theirs within days.
constexpr long kLongestAgeSeconds = 7L * 24 * 60 * 60;

std::optional<Error> doubt(std::string text) {
  ERR_clear_error();
  return make_error(Errc::untrusted, std::move(text));
}

/// Who signed the server's certificate: out of the chain that was verified, or, where the
/// certificate itself is what the user trusts, out of what the server sent.
X509* issuer_of(SSL* ssl, X509* certificate) {
  for (STACK_OF(X509) * chain : {SSL_get0_verified_chain(ssl), SSL_get_peer_cert_chain(ssl)}) {
    for (int i = 0; i < sk_X509_num(chain); ++i) {
      X509* const each = sk_X509_value(chain, i);
      if (X509_check_issued(each, certificate) == X509_V_OK &&
          X509_verify(certificate, X509_get0_pubkey(each)) == 1) {
        return each;
      }
    }
  }
  return nullptr;
}

/// Signed by the issuer, or by whom the issuer has charged with that? Of what else is trusted
/// nothing counts here.
bool is_signed_for(OCSP_BASICRESP* response, X509* issuer) {
  const StorePtr store(X509_STORE_new());
  const ListPtr list(sk_X509_new_null());
  if (!store || !list || X509_STORE_add_cert(store.get(), issuer) != 1 ||
      sk_X509_push(list.get(), issuer) <= 0) {
    return false;
  }
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return OCSP_basic_verify(response, list.get(), store.get(), 0) == 1;
}

struct Answer {
  int status = V_OCSP_CERTSTATUS_UNKNOWN;
  ASN1_GENERALIZEDTIME* revoked = nullptr;
  ASN1_GENERALIZEDTIME* made = nullptr;
  ASN1_GENERALIZEDTIME* next = nullptr;
};

/// Responders name certificates by SHA-1 as a rule, and may by SHA-256.
std::optional<Answer> answer_about(OCSP_BASICRESP* response, X509* certificate, X509* issuer) {
  for (const EVP_MD* digest : {EVP_sha1(), EVP_sha256()}) {
    const CertificateIdPtr id(OCSP_cert_to_id(digest, certificate, issuer));
    Answer answer;
    int reason = 0;
    if (id && OCSP_resp_find_status(response, id.get(), &answer.status, &reason, &answer.revoked,
                                    &answer.made, &answer.next) == 1) {
      return answer;
    }
  }
  return std::nullopt;
}

std::optional<Error> judge(OCSP_BASICRESP* response, X509* certificate, X509* issuer) {
  const std::string subject = one_line(X509_get_subject_name(certificate));
  const std::string authority = one_line(X509_get_subject_name(issuer));
  if (!is_signed_for(response, issuer)) {
    return doubt(
        fmt::format("the OCSP response that the server staples is not signed by {}, which issued "
                    "its certificate: whoever runs the server must set it right",
                    authority));
  }
  const auto answer = answer_about(response, certificate, issuer);
  if (!answer) {
    return doubt(
        "the OCSP response that the server staples is about another certificate: whoever "
        "runs the server must set it right");
  }
  const long oldest = answer->next == nullptr ? kLongestAgeSeconds : -1;
  if (OCSP_check_validity(answer->made, answer->next, kClockSkewSeconds, oldest) != 1) {
    return doubt(
        "the OCSP response that the server staples is out of date: whoever runs the server "
        "must have it fetch a new one (or this computer's clock is wrong)");
  }
  if (answer->status == V_OCSP_CERTSTATUS_REVOKED) {
    return doubt(fmt::format(
        "the server's certificate {} was revoked by {} on {}: do not send it anything, and ask "
        "whoever runs the server",
        subject, authority, to_text(answer->revoked)));
  }
  if (answer->status != V_OCSP_CERTSTATUS_GOOD) {
    return doubt(fmt::format("{} does not know the server's certificate {} (stapled OCSP response)",
                             authority, subject));
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> doubt_stapled_status(SSL* ssl, bool is_required) {
  const auto none = [is_required](const char* why) -> std::optional<Error> {
    ERR_clear_error();
    if (!is_required) {
      return std::nullopt;
    }
    return doubt(
        fmt::format("{}, and ocsp=require wants one: whoever runs the server can switch "
                    "OCSP stapling on; crlfile= is another way to know of revocations",
                    why));
  };
  const unsigned char* bytes = nullptr;
  const long size = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);
  if (bytes == nullptr || size <= 0) {
    return none("the server staples no OCSP response");
  }
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &bytes, size));
  if (!response) {
    return doubt(
        "the OCSP response that the server staples cannot be read: whoever runs the server "
        "must set it right");
  }
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return none("the OCSP response that the server staples says nothing");
  }
  const BasicPtr basic(OCSP_response_get1_basic(response.get()));
  X509* const certificate = SSL_get0_peer_certificate(ssl);
  if (!basic || certificate == nullptr) {
    return doubt("the OCSP response that the server staples is of an unknown kind");
  }
  X509* const issuer = issuer_of(ssl, certificate);
  if (issuer == nullptr) {
    return none("the OCSP response cannot be checked, as the issuer of the certificate is unknown");
  }
  return judge(basic.get(), certificate, issuer);
}

}  // namespace ftpsfs::net
