// SPDX-License-Identifier: MIT
//
// Stapled OCSP responses: good ones, and those wrong in one way each. The CA of the tests is its
// own responder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include "ftpsfs/net/tls_stream.hpp"
#include "loopback_client.hpp"
#include "support/faulty_ftps_server_tls.hpp"
#include "support/freeing.hpp"
#include "support/test_certificates.hpp"

namespace ftpsfs::net {
namespace {

using test::ServerCertificate;
using test::TestCertificates;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Versions = test::ServerTls::Versions;

/// What a response says.
struct Told {
  int status = V_OCSP_CERTSTATUS_GOOD;
  ServerCertificate about = ServerCertificate::good;
  long made_before = 3600;
  std::optional<long> next_behind = 86400;
  bool by_the_ca = true;
  const EVP_MD* names_by = EVP_sha1();
  int overall = OCSP_RESPONSE_STATUS_SUCCESSFUL;
};

test::Certificate read_certificate(const std::string& path) {
  const test::File file(std::fopen(path.c_str(), "rb"));
  return test::Certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
}

test::Key read_key(const std::string& path) {
  const test::File file(std::fopen(path.c_str(), "rb"));
  return test::Key(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr));
}

using Time = std::unique_ptr<ASN1_GENERALIZEDTIME, test::FreeWith<ASN1_GENERALIZEDTIME_free>>;
Time seconds_from_now(long seconds) {
  return Time(ASN1_GENERALIZEDTIME_adj(nullptr, std::time(nullptr), 0, seconds));
}

std::string response(const Told& told) {
  const TestCertificates& files = TestCertificates::instance();
  const auto ca = read_certificate(files.ca_file());
  const auto about = read_certificate(files.certificate_file(told.about));
  const std::unique_ptr<OCSP_BASICRESP, test::FreeWith<OCSP_BASICRESP_free>> basic(
      OCSP_BASICRESP_new());
  const std::unique_ptr<OCSP_CERTID, test::FreeWith<OCSP_CERTID_free>> id(
      OCSP_cert_to_id(told.names_by, about.get(), ca.get()));
  const Time made = seconds_from_now(-told.made_before);
  const Time next = told.next_behind ? seconds_from_now(*told.next_behind) : nullptr;
  const Time revoked = seconds_from_now(-told.made_before);
  const bool is_revoked = told.status == V_OCSP_CERTSTATUS_REVOKED;
  EXPECT_NE(
      OCSP_basic_add1_status(basic.get(), id.get(), told.status, OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                             is_revoked ? revoked.get() : nullptr, made.get(), next.get()),
      nullptr);
  const auto stranger = read_certificate(files.certificate_file(ServerCertificate::self_signed));
  const auto key = told.by_the_ca ? read_key(files.ca_key_file())
                                  : read_key(files.key_file(ServerCertificate::self_signed));
  EXPECT_EQ(OCSP_basic_sign(basic.get(), told.by_the_ca ? ca.get() : stranger.get(), key.get(),
                            EVP_sha256(), nullptr, 0),
            1);
  const std::unique_ptr<OCSP_RESPONSE, test::FreeWith<OCSP_RESPONSE_free>> whole(
      OCSP_response_create(
          told.overall, told.overall == OCSP_RESPONSE_STATUS_SUCCESSFUL ? basic.get() : nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_RESPONSE(whole.get(), &der);
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

int staple(SSL* ssl, void* bytes) {
  const auto& text = *static_cast<const std::string*>(bytes);
  if (text.empty()) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  void* const copy = OPENSSL_memdup(text.data(), text.size());
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(text.size()));
  return SSL_TLSEXT_ERR_OK;
}

/// What comes of a handshake with a server that staples `bytes` (nothing: no response).
class Stapling : public ::testing::TestWithParam<Versions> {
 protected:
  Stapling() { settings_.ca_files = {TestCertificates::instance().ca_file()}; }

  std::string outcome(std::string bytes) {
    test::ServerTls tls(ServerCertificate::good, GetParam());
    SSL_CTX_set_tlsext_status_cb(tls.native(), staple);
    SSL_CTX_set_tlsext_status_arg(tls.native(), &bytes);
    const test::LoopbackServer server([&tls](test::ServerConnection& connection) {
      if (connection.start_tls(tls, 1)) {
        connection.write("x");
        connection.await_end();
      }
    });
    auto context = TlsContext::create(settings_);
    auto stream = TlsStream::open_control(dial(server.port()), *context, "localhost");
    auto shaken = (*stream)->handshake(patient());
    if (shaken) {
      return "accepted";
    }
    EXPECT_EQ(shaken.error().code, Errc::untrusted) << shaken.error().text;
    return shaken.error().text;
  }

  TlsSettings settings_;
};

INSTANTIATE_TEST_SUITE_P(EachVersion, Stapling,
                         ::testing::Values(Versions::only_1_2, Versions::only_1_3));

TEST_P(Stapling, AGoodWordIsHeeded) {
  settings_.stapled_status = StapledStatus::require;
  EXPECT_EQ(outcome(response({})), "accepted");
  Told told;
  told.names_by = EVP_sha256();
  EXPECT_EQ(outcome(response(told)), "accepted");
}

TEST_P(Stapling, ARevokedCertificateIsRefused) {
  Told told;
  told.status = V_OCSP_CERTSTATUS_REVOKED;
  EXPECT_THAT(outcome(response(told)),
              AllOf(HasSubstr("test server, good"), HasSubstr("revoked by CN = ftpsfs Test CA")));
}

TEST_P(Stapling, ACertificateThatTheCaDoesNotKnowIsRefused) {
  Told told;
  told.status = V_OCSP_CERTSTATUS_UNKNOWN;
  EXPECT_THAT(outcome(response(told)), HasSubstr("does not know"));
}

TEST_P(Stapling, AWordOfSomebodyElseIsRefused) {
  Told told;
  told.by_the_ca = false;
  EXPECT_THAT(outcome(response(told)), HasSubstr("not signed by CN = ftpsfs Test CA"));
}

TEST_P(Stapling, AWordAboutAnotherCertificateIsRefused) {
  Told told;
  told.about = ServerCertificate::other_good;
  EXPECT_THAT(outcome(response(told)), HasSubstr("another certificate"));
}

TEST_P(Stapling, AnOldWordIsRefused) {
  Told told;
  told.made_before = 7 * 86400;
  told.next_behind = -86400;
  EXPECT_THAT(outcome(response(told)), HasSubstr("out of date"));
  told.made_before = -86400;
  told.next_behind = 2 * 86400;
  EXPECT_THAT(outcome(response(told)), HasSubstr("out of date")) << "of tomorrow";
}

TEST_P(Stapling, AWordWithoutAnEndIsBelievedForAWeek) {
  Told told;
  told.next_behind = std::nullopt;
  told.made_before = 6 * 86400;
  EXPECT_EQ(outcome(response(told)), "accepted");
  told.made_before = 8 * 86400;
  EXPECT_THAT(outcome(response(told)), HasSubstr("out of date"));
}

TEST_P(Stapling, GarbageIsRefused) {
  EXPECT_THAT(outcome("garbage"), HasSubstr("cannot be read"));
}

TEST_P(Stapling, NoneIsAnErrorWhereOneIsRequired) {
  Told later;
  later.overall = OCSP_RESPONSE_STATUS_TRYLATER;
  EXPECT_EQ(outcome(""), "accepted");
  EXPECT_EQ(outcome(response(later)), "accepted") << "it says nothing";
  settings_.stapled_status = StapledStatus::require;
  EXPECT_THAT(outcome(""), AllOf(HasSubstr("ocsp=require"), HasSubstr("crlfile=")));
  EXPECT_THAT(outcome(response(later)), HasSubstr("says nothing"));
}

TEST_P(Stapling, WhoseCertificateIsTrustedItselfHasNoIssuerToAsk) {
  settings_.ca_files = {TestCertificates::instance().certificate_file(ServerCertificate::good)};
  EXPECT_EQ(outcome(response({})), "accepted");
  settings_.stapled_status = StapledStatus::require;
  EXPECT_THAT(outcome(response({})), HasSubstr("issuer of the certificate is unknown"));
}

}  // namespace
}  // namespace ftpsfs::net
