// SPDX-License-Identifier: MIT
//
// See test_certificates.hpp.
#include "support/test_certificates.hpp"

#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "support/freeing.hpp"
#include "support/require.hpp"

namespace ftpsfs::test {
namespace {

using Extension = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;

struct Authority {
  Key key;
  Certificate certificate;
};

struct Wanted {
  std::string common_name;
  std::string names;  // subjectAltName
  const char* not_before = "20200101000000Z";
  const char* not_after = "20991231235959Z";
  bool authority = false;
};

constexpr const char* kGoodNames = "DNS:localhost,IP:127.0.0.1,IP:::1";

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, value);
}

/// Signed by `by`, or by itself when that is null.
Certificate issue(const Wanted& wanted, EVP_PKEY* key, const Authority* by) {
  static long serial = 1000;
  Certificate made(X509_new());
  X509* const raw = made.get();
  X509_set_version(raw, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(raw), ++serial);
  ASN1_TIME_set_string(X509_getm_notBefore(raw), wanted.not_before);
  ASN1_TIME_set_string(X509_getm_notAfter(raw), wanted.not_after);
  X509_NAME* const subject = X509_get_subject_name(raw);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wanted.common_name.c_str()), -1,
                             -1, 0);
  X509* const issuer = by != nullptr ? by->certificate.get() : raw;
  X509_set_issuer_name(raw, X509_get_subject_name(issuer));
  X509_set_pubkey(raw, key);
  add_extension(raw, issuer, NID_subject_key_identifier, "hash");
  add_extension(raw, issuer, NID_authority_key_identifier, "keyid");
  if (wanted.authority) {
    add_extension(raw, issuer, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(raw, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    add_extension(raw, issuer, NID_basic_constraints, "CA:FALSE");
    add_extension(raw, issuer, NID_subject_alt_name, wanted.names.c_str());
  }
  require(X509_sign(raw, by != nullptr ? by->key.get() : key, EVP_sha256()) > 0,
          "signing a certificate");
  return made;
}

Authority make_authority(const std::string& name) {
  Authority made{Key(EVP_EC_gen("P-256")), nullptr};
  Wanted wanted;
  wanted.common_name = name;
  wanted.authority = true;
  made.certificate = issue(wanted, made.key.get(), nullptr);
  return made;
}

File open_for_writing(const std::string& path) {
  File file(std::fopen(path.c_str(), "wb"));
  require(file != nullptr, path.c_str());
  return file;
}

void write_certificate(const std::string& path, X509* certificate) {
  require(PEM_write_X509(open_for_writing(path).get(), certificate) == 1, "writing a certificate");
}

void write_key(const std::string& path, EVP_PKEY* key) {
  require(PEM_write_PrivateKey(open_for_writing(path).get(), key, nullptr, nullptr, 0, nullptr,
                               nullptr) == 1,
          "writing a key");
}

const char* file_stem(ServerCertificate which) {
  switch (which) {
    case ServerCertificate::good:
      return "good";
    case ServerCertificate::other_good:
      return "other-good";
    case ServerCertificate::wrong_name:
      return "wrong-name";
    case ServerCertificate::expired:
      return "expired";
    case ServerCertificate::not_yet:
      return "not-yet";
    case ServerCertificate::self_signed:
      return "self-signed";
    case ServerCertificate::unknown_ca:
      return "unknown-ca";
  }
  return "";
}

Wanted wanted_for(ServerCertificate which) {
  Wanted wanted;
  wanted.common_name = std::string("test server, ") + file_stem(which);
  wanted.names = kGoodNames;
  if (which == ServerCertificate::wrong_name) {
    wanted.names = "DNS:elsewhere.example,DNS:*.example.org,IP:192.0.2.7";
  } else if (which == ServerCertificate::expired) {
    wanted.not_before = "20190101000000Z";
    wanted.not_after = "20200102030405Z";
  } else if (which == ServerCertificate::not_yet) {
    wanted.not_before = "20900101000000Z";
  }
  return wanted;
}

std::string make_directory() {
  const char* const base = std::getenv("TMPDIR");
  std::string path = std::string(base != nullptr ? base : "/tmp") + "/ftpsfs-certificates-XXXXXX";
  require(::mkdtemp(path.data()) != nullptr, "mkdtemp for the certificates");
  return path;
}

}  // namespace

TestCertificates::TestCertificates() : directory_(make_directory()) {
  const Authority trusted = make_authority("ftpsfs Test CA");
  const Authority unknown = make_authority("Unknown Test CA");
  ca_file_ = directory_ + "/ca.pem";
  ca_der_file_ = directory_ + "/ca.cer";
  ca_directory_ = directory_ + "/ca.d";
  write_certificate(ca_file_, trusted.certificate.get());
  write_key(ca_key_file(), trusted.key.get());
  require(i2d_X509_fp(open_for_writing(ca_der_file_).get(), trusted.certificate.get()) == 1,
          "writing the CA as DER");
  std::filesystem::create_directory(ca_directory_);
  write_certificate(
      fmt::format("{}/{:08x}.0", ca_directory_, X509_subject_name_hash(trusted.certificate.get())),
      trusted.certificate.get());
  for (const ServerCertificate which :
       {ServerCertificate::good, ServerCertificate::other_good, ServerCertificate::wrong_name,
        ServerCertificate::expired, ServerCertificate::not_yet, ServerCertificate::self_signed,
        ServerCertificate::unknown_ca}) {
    const Key key(EVP_EC_gen("P-256"));
    const Authority* by = &trusted;
    if (which == ServerCertificate::unknown_ca) {
      by = &unknown;
    } else if (which == ServerCertificate::self_signed) {
      by = nullptr;
    }
    write_certificate(certificate_file(which), issue(wanted_for(which), key.get(), by).get());
    write_key(key_file(which), key.get());
  }
}

TestCertificates::~TestCertificates() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

const TestCertificates& TestCertificates::instance() {
  static const TestCertificates certificates;
  return certificates;
}

std::string TestCertificates::certificate_file(ServerCertificate which) const {
  return directory_ + "/" + file_stem(which) + ".crt";
}

std::string TestCertificates::key_file(ServerCertificate which) const {
  return directory_ + "/" + file_stem(which) + ".key";
}

}  // namespace ftpsfs::test
