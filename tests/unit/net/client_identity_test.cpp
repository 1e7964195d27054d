// SPDX-License-Identifier: MIT
//
// Keys and certificates in every form that people have them in; what is wrong with them is told in
// one line; and what a server gets to see of them.
#include "ftpsfs/net/client_identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/net/tls_stream.hpp"
#include "loopback_client.hpp"
#include "support/faulty_ftps_server_tls.hpp"
#include "support/test_identity_files.hpp"

namespace ftpsfs::net {
namespace {

using test::KeyForm;
using test::Pkcs12Form;
using test::ServerCertificate;
using test::TestCertificates;
using testing::AllOf;
using testing::HasSubstr;

std::string good_certificate() {
  return TestCertificates::instance().certificate_file(ServerCertificate::good);
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string private_file(const std::string& name, const std::string& content) {
  std::string path = TestCertificates::instance().scratch_directory() + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  ::chmod(path.c_str(), 0600);
  return path;
}

/// Gives one passphrase, and counts how often it is asked for one.
struct Keeper {
  std::string words = test::kTestPassphrase;
  int asked = 0;
  PassphraseSource source() {
    return [this](const std::string&) -> Result<Secret> {
      ++asked;
      return Secret(std::string_view(words));
    };
  }
};

std::string failure_of(const IdentityFiles& files, const std::string& words = "") {
  Keeper keeper{words};
  const auto identity = ClientIdentity::load(files, keeper.source());
  return identity ? "no failure" : identity.error().text;
}

class KeyForms : public testing::TestWithParam<KeyForm> {};
INSTANTIATE_TEST_SUITE_P(All, KeyForms,
                         testing::Values(KeyForm::pem, KeyForm::encrypted_pem, KeyForm::old_pem,
                                         KeyForm::old_encrypted_pem, KeyForm::der,
                                         KeyForm::encrypted_der));

TEST_P(KeyForms, AreReadWithPemAndDerCertificates) {
  const KeyForm form = GetParam();
  const bool encrypted = form == KeyForm::encrypted_pem || form == KeyForm::encrypted_der ||
                         form == KeyForm::old_encrypted_pem;
  const std::string key = write_key(ServerCertificate::good, form);
  for (const std::string& certificate :
       {good_certificate(), test::write_der_certificate(ServerCertificate::good)}) {
    Keeper keeper;
    const auto identity = ClientIdentity::load({certificate, key, {}}, keeper.source());
    ASSERT_TRUE(identity) << identity.error().text;
    EXPECT_EQ((*identity)->subject(), "CN = \"test server, good\"");
    EXPECT_EQ(keeper.asked, encrypted ? 1 : 0);
  }
  if (encrypted) {
    EXPECT_EQ(failure_of({good_certificate(), key, {}}, "wrong"),
              "key " + key + ": the passphrase does not open it");
  }
}

TEST(ClientIdentityTest, OpensPkcs12OfAllAges) {
  for (const Pkcs12Form form : {Pkcs12Form::modern, Pkcs12Form::old}) {
    const std::string path = write_pkcs12(ServerCertificate::good, form);
    Keeper keeper;
    const auto identity = ClientIdentity::load({{}, {}, path}, keeper.source());
    ASSERT_TRUE(identity) << identity.error().text;
    EXPECT_EQ((*identity)->subject(), "CN = \"test server, good\"");
    EXPECT_EQ(keeper.asked, 1);
    EXPECT_EQ(failure_of({{}, {}, path}, "wrong"),
              "PKCS#12 file " + path + ": the passphrase does not open it");
  }
}

TEST(ClientIdentityTest, AnEmptyPassphraseIsNotAskedFor) {
  const std::string path = write_pkcs12(ServerCertificate::good, Pkcs12Form::modern, "");
  Keeper keeper;
  EXPECT_TRUE(ClientIdentity::load({{}, {}, path}, keeper.source()));
  EXPECT_EQ(keeper.asked, 0);
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  EXPECT_THAT(failure_of({{}, {}, path}), HasSubstr("chmod 600"));
}

TEST(ClientIdentityTest, Pkcs12IsNotForOthersToReadWhateverItsPassphraseSeals) {
  const std::string path = write_pkcs12(ServerCertificate::good, Pkcs12Form::modern);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_THAT(failure_of({{}, {}, path}, test::kTestPassphrase),
              AllOf(HasSubstr(path), HasSubstr("0640"), HasSubstr("chmod 600")));
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(failure_of({{}, {}, path}, test::kTestPassphrase), "no failure");
}

TEST(ClientIdentityTest, OneFileMayHoldBoth) {
  const std::string path =
      private_file("both.pem", content_of(TestCertificates::instance().ca_file()) +
                                   content_of(good_certificate()) +
                                   content_of(write_key(ServerCertificate::good, KeyForm::pem)));
  const auto identity = ClientIdentity::load({path, {}, {}}, Keeper().source());
  ASSERT_TRUE(identity) << identity.error().text;
  EXPECT_EQ((*identity)->subject(), "CN = \"test server, good\"") << "the key's, not the first";
}

/// A certificate of the same key that ended yesterday, in PEM.
std::string forerunner(const std::string& key_file) {
  const std::unique_ptr<BIO, int (*)(BIO*)> source(BIO_new_file(key_file.c_str(), "r"), BIO_free);
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      PEM_read_bio_PrivateKey(source.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> made(X509_new(), X509_free);
  constexpr long kDay = 24L * 60 * 60;
  X509_set_pubkey(made.get(), key.get());
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -2 * kDay);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), -kDay);
  X509_sign(made.get(), key.get(), EVP_sha256());
  const std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(out.get(), made.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

TEST(ClientIdentityTest, OfTwoCertificatesOfOneKeyTheValidOneIsTaken) {
  const std::string key = write_key(ServerCertificate::good, KeyForm::pem);
  const std::string old = forerunner(key);
  ASSERT_NE(old, "");
  const std::string valid = content_of(good_certificate());
  for (const std::string& both : {old + valid, valid + old}) {
    EXPECT_EQ(failure_of({private_file("twins.pem", both), key, {}}), "no failure");
  }
  EXPECT_THAT(failure_of({private_file("old.pem", old), key, {}}), HasSubstr("expired on"));
}

TEST(ClientIdentityTest, AKeyInClearIsNotForOthersToRead) {
  const std::string key = write_key(ServerCertificate::good, KeyForm::pem);
  ASSERT_EQ(::chmod(key.c_str(), 0640), 0);
  EXPECT_THAT(failure_of({good_certificate(), key, {}}),
              AllOf(HasSubstr(key), HasSubstr("0640"), HasSubstr("chmod 600")));
  const std::string encrypted = write_key(ServerCertificate::good, KeyForm::encrypted_pem);
  ASSERT_EQ(::chmod(encrypted.c_str(), 0644), 0);
  EXPECT_TRUE(ClientIdentity::load({good_certificate(), encrypted, {}}, Keeper().source()));
}

TEST(ClientIdentityTest, AKeyOfAnotherCertificateIsNamed) {
  const std::string key = write_key(ServerCertificate::other_good, KeyForm::pem);
  EXPECT_THAT(failure_of({good_certificate(), key, {}}),
              AllOf(HasSubstr(good_certificate()), HasSubstr(key), HasSubstr("belong together")));
}

TEST(ClientIdentityTest, DatesAreChecked) {
  const TestCertificates& files = TestCertificates::instance();
  EXPECT_THAT(failure_of({files.certificate_file(ServerCertificate::expired),
                          write_key(ServerCertificate::expired, KeyForm::pem),
                          {}}),
              AllOf(HasSubstr("expired on 2020-01-02"), HasSubstr("get a new one")));
  EXPECT_THAT(failure_of({files.certificate_file(ServerCertificate::not_yet),
                          write_key(ServerCertificate::not_yet, KeyForm::pem),
                          {}}),
              HasSubstr("valid only from 2090-01-01"));
}

TEST(ClientIdentityTest, WhatIsNoCertificateAndNoKeyIsNamed) {
  const std::string garbage = private_file("garbage", "hello");
  const std::string pkcs12 = write_pkcs12(ServerCertificate::good, Pkcs12Form::modern);
  EXPECT_THAT(failure_of({"/no/such.pem", {}, {}}), HasSubstr("/no/such.pem: No such file"));
  EXPECT_THAT(failure_of({garbage, garbage, {}}), HasSubstr("holds no certificate"));
  EXPECT_THAT(failure_of({good_certificate(), garbage, {}}), HasSubstr("holds no private key"));
  EXPECT_THAT(failure_of({good_certificate(), {}, {}}), HasSubstr("key=FILE"));
  EXPECT_THAT(failure_of({pkcs12, garbage, {}}), HasSubstr("use pkcs12="));
  EXPECT_THAT(failure_of({{}, {}, garbage}), HasSubstr("is no PKCS#12 file"));
  EXPECT_THAT(failure_of({{}, {}, good_certificate()}), HasSubstr("is no PKCS#12 file"));
}

TEST(ClientIdentityTest, ThePassphrasesOwnTroubleIsHandedOn) {
  const std::string key = write_key(ServerCertificate::good, KeyForm::encrypted_pem);
  const auto identity = ClientIdentity::load(
      {good_certificate(), key, {}}, [](const std::string& path) -> Result<Secret> {
        return make_error(Errc::cancelled, "nobody knows that of " + path);
      });
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().text, "nobody knows that of " + key);
}

// ---- What a server sees ----

/// Wants a certificate, believes every one, and writes down what chains it was shown.
class AskingServer {
 public:
  explicit AskingServer(test::ServerTls::Versions versions)
      : tls_(ServerCertificate::good, versions) {
    SSL_CTX_set_verify(tls_.native(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_session_id_context(tls_.native(), reinterpret_cast<const unsigned char*>("t"), 1);
    SSL_CTX_set_cert_verify_callback(tls_.native(), note_chain, this);
  }

  std::uint16_t port() const { return server_.port(); }
  std::vector<int> chain_lengths() {
    const MutexLock lock(mutex_);
    return lengths_;
  }

 private:
  static int note_chain(X509_STORE_CTX* store, void* self) {
    auto& server = *static_cast<AskingServer*>(self);
    const MutexLock lock(server.mutex_);
    server.lengths_.push_back(sk_X509_num(X509_STORE_CTX_get0_untrusted(store)));
    return 1;
  }

  test::ServerTls tls_;
  Mutex mutex_;
  std::vector<int> lengths_ FTPSFS_GUARDED_BY(mutex_);
  test::LoopbackServer server_{[this](test::ServerConnection& connection) {
    if (connection.start_tls(tls_, 1)) {
      connection.write("220 hello\r\n");
      connection.await_end();
    }
  }};
};

/// @return what the first read says, an error's text included.
std::string greeting_of(TlsStream& stream) {
  std::vector<std::byte> into(100);
  const auto done = stream.handshake(patient());
  if (!done) {
    return done.error().text;
  }
  const auto got = stream.read(into, patient());
  return got ? std::string(reinterpret_cast<const char*>(into.data()), *got) : got.error().text;
}

class ShownIdentity : public testing::TestWithParam<test::ServerTls::Versions> {
 protected:
  static std::shared_ptr<const TlsContext> context_with(
      std::shared_ptr<const ClientIdentity> identity) {
    TlsSettings settings;
    settings.verify = TlsVerify::none;  // nor are the CAs at hand that would complete the chain
    settings.identity = std::move(identity);
    return TlsContext::create(settings).value();
  }
};
INSTANTIATE_TEST_SUITE_P(Versions, ShownIdentity,
                         testing::Values(test::ServerTls::Versions::only_1_2,
                                         test::ServerTls::Versions::only_1_3));

TEST_P(ShownIdentity, IsTheWholeChainOnControlAndDataConnections) {
  AskingServer server(GetParam());
  const std::string path = write_pkcs12(ServerCertificate::good, Pkcs12Form::old);
  const auto context = context_with(*ClientIdentity::load({{}, {}, path}, Keeper().source()));
  auto control = TlsStream::open_control(dial(server.port()), context, "127.0.0.1");
  ASSERT_TRUE(control);
  EXPECT_EQ(greeting_of(**control), "220 hello\r\n");
  EXPECT_EQ(server.chain_lengths(), std::vector<int>{2});
  auto data = TlsStream::open_data(dial(server.port()), **control);
  ASSERT_TRUE(data);
  EXPECT_EQ(greeting_of(**data), "220 hello\r\n");
}

TEST_P(ShownIdentity, IsAskedForInWords) {
  AskingServer server(GetParam());
  const auto context = context_with(nullptr);
  auto control = TlsStream::open_control(dial(server.port()), context, "127.0.0.1");
  ASSERT_TRUE(control);
  // TLS 1.2 has no alert of its own for it: that we were asked tells.
  EXPECT_THAT(greeting_of(**control), HasSubstr("cert= and key="));
}

}  // namespace
}  // namespace ftpsfs::net
