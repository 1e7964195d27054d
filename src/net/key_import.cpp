// SPDX-License-Identifier: MIT
//
// See key_import.hpp.
#include "key_import.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>

#include <algorithm>
#include <utility>

#include "certificate_parse.hpp"

namespace ftpsfs::net {
namespace {

using Outcome = Imported::Outcome;
using Pkcs12Ptr = std::unique_ptr<PKCS12, FreeWith<PKCS12_free>>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreeWith<PKCS8_PRIV_KEY_INFO_free>>;
using EncryptedKeyPtr = std::unique_ptr<X509_SIG, FreeWith<X509_SIG_free>>;

/// The library context of one import.
class ImportLibrary {
 public:
  ImportLibrary()
      : context_(OSSL_LIB_CTX_new()),
        ordinary_(OSSL_PROVIDER_load(context_.get(), "default")),
        legacy_(OSSL_PROVIDER_load(context_.get(), "legacy")) {
    ERR_clear_error();  // without the legacy module the newer files can still be read
  }
  OSSL_LIB_CTX* context() const noexcept { return context_.get(); }

 private:
  std::unique_ptr<OSSL_LIB_CTX, FreeWith<OSSL_LIB_CTX_free>> context_;
  std::unique_ptr<OSSL_PROVIDER, FreeWith<OSSL_PROVIDER_unload>> ordinary_;
  std::unique_ptr<OSSL_PROVIDER, FreeWith<OSSL_PROVIDER_unload>> legacy_;
};

struct Asked {
  const std::optional<Secret>& passphrase;
  bool asked = false;
};

/// OpenSSL's pem_password_cb.
int give_passphrase(char* buffer, int size, int /*writing*/, void* user) {
  auto& ask = *static_cast<Asked*>(user);
  ask.asked = true;
  if (!ask.passphrase || ask.passphrase->reveal().size() > static_cast<std::size_t>(size)) {
    return -1;
  }
  const std::string_view words = ask.passphrase->reveal();
  std::copy(words.begin(), words.end(), buffer);
  return static_cast<int>(words.size());
}

/// Did OpenSSL fail for want of a cipher? Others than EVP call "unsupported" what a wrong
/// passphrase has decrypted to by chance.
bool lacks_an_algorithm() {
  while (const unsigned long code = ERR_get_error()) {
    const int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) == ERR_LIB_EVP &&
        (reason == ERR_R_UNSUPPORTED || reason == EVP_R_UNSUPPORTED_ALGORITHM ||
         reason == EVP_R_UNKNOWN_PBE_ALGORITHM || reason == EVP_R_UNSUPPORTED_CIPHER)) {
      return true;
    }
  }
  return false;
}

Imported failure(bool encrypted, bool has_passphrase) {
  const bool unknown = lacks_an_algorithm();
  ERR_clear_error();
  if (!encrypted) {
    return {Outcome::nothing};
  }
  if (!has_passphrase) {
    return {Outcome::needs_passphrase};
  }
  return {unknown ? Outcome::unreadable : Outcome::wrong_passphrase};
}

/// The same key for the default library context.
KeyPtr bring_home(EVP_PKEY* key) {
  const Pkcs8Ptr plain(EVP_PKEY2PKCS8(key));
  return KeyPtr(plain ? EVP_PKCS82PKEY(plain.get()) : nullptr);
}

CertificatePtr bring_home(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  const unsigned char* at = der;
  CertificatePtr copy(size > 0 ? d2i_X509(nullptr, &at, size) : nullptr);
  OPENSSL_free(der);
  return copy;
}

Imported found(EVP_PKEY* key) {
  Imported result{Outcome::done, bring_home(key)};
  result.outcome = result.key ? Outcome::done : Outcome::unreadable;
  ERR_clear_error();
  return result;
}

Imported import_pem(const std::string& bytes, const std::optional<Secret>& passphrase) {
  const ImportLibrary library;
  const BioPtr source = bio_over(bytes);
  Asked ask{passphrase};
  const KeyPtr key(PEM_read_bio_PrivateKey_ex(source.get(), nullptr, give_passphrase, &ask,
                                              library.context(), nullptr));
  return key ? found(key.get()) : failure(ask.asked, passphrase.has_value());
}

Imported import_der(const std::string& bytes, const std::optional<Secret>& passphrase) {
  const ImportLibrary library;
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto size = static_cast<long>(bytes.size());
  if (const KeyPtr plain{d2i_AutoPrivateKey_ex(nullptr, &at, size, library.context(), nullptr)}) {
    return found(plain.get());
  }
  at = reinterpret_cast<const unsigned char*>(bytes.data());
  const EncryptedKeyPtr encrypted(d2i_X509_SIG(nullptr, &at, size));
  ERR_clear_error();
  if (!encrypted || !passphrase) {
    return failure(encrypted != nullptr, false);
  }
  const std::string_view words = passphrase->reveal();
  const Pkcs8Ptr plain(PKCS8_decrypt_ex(
      encrypted.get(), words.data(), static_cast<int>(words.size()), library.context(), nullptr));
  KeyPtr key(plain ? EVP_PKCS82PKEY(plain.get()) : nullptr);
  if (!key) {
    return failure(true, true);
  }
  return {Outcome::done, std::move(key)};
}

Pkcs12Ptr parse_pkcs12(const std::string& bytes, OSSL_LIB_CTX* context) {
  PKCS12* raw = PKCS12_init_ex(NID_pkcs7_data, context, nullptr);
  const BioPtr source = bio_over(bytes);
  const bool parsed = d2i_PKCS12_bio(source.get(), &raw) != nullptr;
  Pkcs12Ptr result(raw);
  ERR_clear_error();
  return parsed ? std::move(result) : nullptr;
}

/// Which passphrase opens it? @param words null: try none, and the empty one.
Outcome check_seal(PKCS12* file, const char* words) {
  if (PKCS12_mac_present(file) != 1) {
    return Outcome::done;
  }
  const bool fits = words != nullptr ? PKCS12_verify_mac(file, words, -1) == 1
                                     : PKCS12_verify_mac(file, nullptr, 0) == 1 ||
                                           PKCS12_verify_mac(file, "", 0) == 1;
  if (fits) {
    return Outcome::done;
  }
  // A seal that does not fit leaves no error; one that cannot be computed does.
  if (ERR_peek_error() != 0) {
    return Outcome::unreadable;
  }
  return words != nullptr ? Outcome::wrong_passphrase : Outcome::needs_passphrase;
}

Imported open_pkcs12(PKCS12* file, const char* words) {
  if (const Outcome seal = check_seal(file, words); seal != Outcome::done) {
    ERR_clear_error();
    return {seal};
  }
  EVP_PKEY* raw_key = nullptr;
  X509* raw_certificate = nullptr;
  STACK_OF(X509)* raw_others = nullptr;
  const bool opened = PKCS12_parse(file, words, &raw_key, &raw_certificate, &raw_others) == 1;
  const KeyPtr key(raw_key);
  const CertificatePtr certificate(raw_certificate);
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> others(
      raw_others, [](STACK_OF(X509) * all) { sk_X509_pop_free(all, X509_free); });
  if (!opened) {
    ERR_clear_error();
    if (PKCS12_mac_present(file) == 1) {
      return {Outcome::unreadable};
    }
    return {words != nullptr ? Outcome::wrong_passphrase : Outcome::needs_passphrase};
  }
  if (!key) {
    return {Outcome::nothing};
  }
  Imported result = found(key.get());
  if (certificate) {
    result.certificates.push_back(bring_home(certificate.get()));
  }
  for (int i = 0; i < sk_X509_num(others.get()); ++i) {
    result.certificates.push_back(bring_home(sk_X509_value(others.get(), i)));
  }
  std::erase(result.certificates, nullptr);
  ERR_clear_error();
  return result;
}

}  // namespace

Imported import_key(const std::string& bytes, const std::optional<Secret>& passphrase) {
  return looks_like_pem(bytes) ? import_pem(bytes, passphrase) : import_der(bytes, passphrase);
}

bool looks_like_pkcs12(const std::string& bytes) {
  return parse_pkcs12(bytes, nullptr) != nullptr;
}

Imported import_pkcs12(const std::string& bytes, const std::optional<Secret>& passphrase) {
  const ImportLibrary library;
  const Pkcs12Ptr file = parse_pkcs12(bytes, library.context());
  if (!file) {
    return {Outcome::nothing};
  }
  if (!passphrase) {
    return open_pkcs12(file.get(), nullptr);
  }
  std::string words(passphrase->reveal());  // with its NUL at the end
  Imported result = open_pkcs12(file.get(), words.c_str());
  Secret::wipe(words);
  return result;
}

}  // namespace ftpsfs::net
