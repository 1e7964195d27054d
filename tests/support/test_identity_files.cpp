// SPDX-License-Identifier: MIT
//
// See test_identity_files.hpp.
#include "support/test_identity_files.hpp"

#include <fmt/core.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstring>
#include <memory>

#include "support/freeing.hpp"
#include "support/require.hpp"

namespace ftpsfs::test {
namespace {

File open_file(const std::string& path, const char* mode) {
  File file(std::fopen(path.c_str(), mode));
  require(file != nullptr, path.c_str());
  return file;
}

/// A new file that nobody else may read.
File new_file(const std::string& path) {
  File file = open_file(path, "wb");
  require(::chmod(path.c_str(), 0600) == 0, "chmod of a key");
  return file;
}

Key read_key(ServerCertificate which) {
  const File file = open_file(TestCertificates::instance().key_file(which), "rb");
  return Key(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr));
}

Certificate read_certificate(const std::string& path) {
  const File file = open_file(path, "rb");
  return Certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
}

std::string scratch(const char* kind, ServerCertificate which, int form) {
  return fmt::format("{}/{}-{}-{}", TestCertificates::instance().scratch_directory(), kind,
                     static_cast<int>(which), form);
}

/// RC2 and DES live in the legacy provider: loaded for as long as this lives.
class LegacyCiphers {
 public:
  LegacyCiphers()
      : context_(OSSL_LIB_CTX_new()),
        ordinary_(OSSL_PROVIDER_load(context_, "default")),
        legacy_(OSSL_PROVIDER_load(context_, "legacy")) {
    require(legacy_ != nullptr, "OpenSSL's legacy provider");
  }
  ~LegacyCiphers() {
    OSSL_PROVIDER_unload(legacy_);
    OSSL_PROVIDER_unload(ordinary_);
    OSSL_LIB_CTX_free(context_);
  }
  LegacyCiphers(const LegacyCiphers&) = delete;
  LegacyCiphers& operator=(const LegacyCiphers&) = delete;
  OSSL_LIB_CTX* context() const { return context_; }

 private:
  OSSL_LIB_CTX* context_;
  OSSL_PROVIDER* ordinary_;
  OSSL_PROVIDER* legacy_;
};

/// As `openssl ecparam -genkey` writes it: the curve's name, then the key.
bool write_old_pem(std::FILE* file, EVP_PKEY* key, bool encrypted) {
  const std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new_fp(file, BIO_NOCLOSE), BIO_free);
  std::string words = kTestPassphrase;
  if (encrypted) {
    return PEM_write_bio_PrivateKey_traditional(
               out.get(), key, EVP_des_ede3_cbc(), reinterpret_cast<unsigned char*>(words.data()),
               static_cast<int>(words.size()), nullptr, nullptr) == 1;
  }
  return PEM_write_bio_Parameters(out.get(), key) == 1 &&
         PEM_write_bio_PrivateKey_traditional(out.get(), key, nullptr, nullptr, 0, nullptr,
                                              nullptr) == 1;
}

bool write_form(std::FILE* file, EVP_PKEY* key, KeyForm form) {
  const auto size = static_cast<int>(std::strlen(kTestPassphrase));
  switch (form) {
    case KeyForm::pem:
      return PEM_write_PKCS8PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr) == 1;
    case KeyForm::encrypted_pem:
      return PEM_write_PKCS8PrivateKey(file, key, EVP_aes_256_cbc(), kTestPassphrase, size, nullptr,
                                       nullptr) == 1;
    case KeyForm::old_pem:
      return write_old_pem(file, key, false);
    case KeyForm::old_encrypted_pem:
      return write_old_pem(file, key, true);
    case KeyForm::der:
      return i2d_PrivateKey_fp(file, key) == 1;
    case KeyForm::encrypted_der:
      return i2d_PKCS8PrivateKey_fp(file, key, EVP_aes_256_cbc(), kTestPassphrase, size, nullptr,
                                    nullptr) == 1;
  }
  return false;
}

}  // namespace

std::string write_key(ServerCertificate which, KeyForm form) {
  std::string path = scratch("key", which, static_cast<int>(form));
  require(write_form(new_file(path).get(), read_key(which).get(), form), "writing a key");
  return path;
}

std::string write_pkcs12(ServerCertificate which, Pkcs12Form form, const std::string& passphrase) {
  std::string path = scratch("pkcs12", which, static_cast<int>(form));
  const TestCertificates& files = TestCertificates::instance();
  const Key key = read_key(which);
  const Certificate certificate = read_certificate(files.certificate_file(which));
  const Certificate authority = read_certificate(files.ca_file());
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> others(
      sk_X509_new_null(), [](STACK_OF(X509) * all) { sk_X509_free(all); });
  sk_X509_push(others.get(), authority.get());
  const LegacyCiphers ciphers;
  const bool old = form == Pkcs12Form::old;
  const std::unique_ptr<PKCS12, void (*)(PKCS12*)> made(
      PKCS12_create_ex(passphrase.c_str(), "test", key.get(), certificate.get(), others.get(),
                       old ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : 0,
                       old ? NID_pbe_WithSHA1And40BitRC2_CBC : 0, 0, 0, 0, ciphers.context(),
                       nullptr),
      PKCS12_free);
  require(made && i2d_PKCS12_fp(new_file(path).get(), made.get()) == 1, "writing PKCS#12");
  return path;
}

std::string write_der_certificate(ServerCertificate which) {
  std::string path = scratch("certificate", which, 0);
  const Certificate certificate =
      read_certificate(TestCertificates::instance().certificate_file(which));
  require(i2d_X509_fp(new_file(path).get(), certificate.get()) == 1, "writing a certificate");
  return path;
}

}  // namespace ftpsfs::test
