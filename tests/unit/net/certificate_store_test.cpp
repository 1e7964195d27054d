// SPDX-License-Identifier: MIT
//
// Authorities from PEM bundles, DER files and directories; each bad path is one clear error.
#include "ftpsfs/net/certificate_store.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "ftpsfs/net/tls_context.hpp"
#include "support/test_certificates.hpp"

namespace ftpsfs::net {
namespace {

using test::ServerCertificate;
using test::TestCertificates;

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string scratch_file(const std::string& name, const std::string& content) {
  const std::string path = TestCertificates::instance().scratch_directory() + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(CertificateStoreTest, LoadsPemDerAndDirectory) {
  const TestCertificates& files = TestCertificates::instance();
  for (const std::string& path : {files.ca_file(), files.ca_der_file()}) {
    auto store = CertificateStore::load({path}, {});
    ASSERT_TRUE(store) << store.error().text;
    EXPECT_EQ(store->size(), 1U);
  }
  auto store = CertificateStore::load({}, {files.ca_directory()});
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_EQ(store->size(), 1U);
}

TEST(CertificateStoreTest, LoadsEveryCertificateOfABundle) {
  const TestCertificates& files = TestCertificates::instance();
  const std::string path =
      scratch_file("bundle.pem", "a comment\n" + slurp(files.ca_file()) +
                                     slurp(files.certificate_file(ServerCertificate::self_signed)) +
                                     slurp(files.ca_file()));
  auto store = CertificateStore::load({path}, {});
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_EQ(store->size(), 3U);
}

TEST(CertificateStoreTest, MissingFileIsNamed) {
  auto store = CertificateStore::load({"/no/such/ca.pem"}, {});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::invalid_argument);
  EXPECT_EQ(store.error().text, "CA file /no/such/ca.pem: No such file or directory");
}

TEST(CertificateStoreTest, FileWithoutCertificateIsNamed) {
  const std::string path = scratch_file("empty.pem", "");
  auto store = CertificateStore::load({path}, {});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().text, "CA file " + path + ": holds no certificate (PEM or DER)");
  const TestCertificates& files = TestCertificates::instance();
  EXPECT_FALSE(CertificateStore::load({files.key_file(ServerCertificate::good)}, {}));
}

TEST(CertificateStoreTest, DirectoryAsFileHintsAtCapath) {
  auto store = CertificateStore::load({TestCertificates::instance().ca_directory()}, {});
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().text.find("use capath="), std::string::npos);
}

TEST(CertificateStoreTest, MissingOrEmptyDirectoryIsNamed) {
  auto store = CertificateStore::load({}, {"/no/such/dir"});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().text, "CA directory /no/such/dir: No such file or directory");
  const std::string empty = TestCertificates::instance().scratch_directory() + "/empty.d";
  std::filesystem::create_directories(empty);
  store = CertificateStore::load({}, {empty});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().text, "CA directory " + empty + ": holds no certificate");
}

TEST(CertificateStoreTest, ListsOfRevokedCertificatesAreNamedWhenTheyAreNone) {
  const TestCertificates& files = TestCertificates::instance();
  auto store = CertificateStore::load({}, {}, {"/no/such.crl"});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().text, "CRL file /no/such.crl: No such file or directory");
  EXPECT_FALSE(CertificateStore::load({files.ca_file()}, {}, {files.ca_file()}));
}

TEST(CertificateStoreTest, SystemAuthoritiesWhenNoneIsNamed) {
  auto store = CertificateStore::load({}, {});
  ASSERT_TRUE(store);
  EXPECT_EQ(store->size(), 0U);
}

TEST(TlsContextTest, BadPathIsToldBeforeAnyConnection) {
  TlsSettings settings;
  settings.ca_files = {"/no/such/ca.pem"};
  auto context = TlsContext::create(settings);
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error().code, Errc::invalid_argument);
}

TEST(TlsContextTest, CiphersThatNobodyKnowsAreNamed) {
  TlsSettings settings;
  settings.ciphers = "ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA";
  settings.ciphersuites = "TLS_AES_128_GCM_SHA256";
  EXPECT_TRUE(TlsContext::create(settings));
  settings.ciphers = "ROT13";
  EXPECT_EQ(TlsContext::create(settings).error().text.substr(0, 14), "ciphers=ROT13:");
  settings.ciphers = "";
  settings.ciphersuites = "TLS_ROT13";
  EXPECT_EQ(TlsContext::create(settings).error().code, Errc::invalid_argument);
}

TEST(TlsContextTest, CiphersWithoutCertificatesAreLeftOut) {
  TlsSettings settings;
  settings.ciphers = "ALL:@SECLEVEL=0";
  EXPECT_TRUE(TlsContext::create(settings));
  settings.ciphers = "aNULL:@SECLEVEL=0";
  EXPECT_EQ(TlsContext::create(settings).error().text.substr(0, 14), "ciphers=aNULL:");
}

TEST(TlsContextTest, VersionsTheWrongWayRoundAreRefused) {
  TlsSettings settings;
  settings.min_version = TlsVersion::tls1_3;
  settings.max_version = TlsVersion::tls1_2;
  auto context = TlsContext::create(settings);
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace ftpsfs::net
