// SPDX-License-Identifier: MIT
//
// See client_identity.hpp.
#include "ftpsfs/net/client_identity.hpp"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "certificate_parse.hpp"
#include "ftpsfs/base/small_file.hpp"
#include "key_import.hpp"
#include "openssl_ptr.hpp"
#include "tls_explain.hpp"

namespace ftpsfs::net {

struct ClientIdentity::Parts {
  std::string origin;  // "client certificate FILE", for messages
  CertificatePtr certificate;
  KeyPtr key;
  std::vector<CertificatePtr> chain;  // from the certificate's issuer upwards
};

namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 20;

/// A file and what it is to us: the beginning of each error about it.
struct Source {
  const char* kind;
  const std::string& path;

  Error error(std::string_view why, Errc code = Errc::invalid_argument) const {
    return make_error(code, fmt::format("{} {}: {}", kind, path, why));
  }
};

Result<SmallFile> read(const Source& source) {
  auto file = read_small_file(source.path, kLargestFile);
  return file ? std::move(file) : source.error(file.error().text, file.error().code);
}

using Parse = Imported (*)(const std::string& bytes, const std::optional<Secret>& passphrase);

Error open_to_others(const Source& source, const SmallFile& file, const char* why) {
  return source.error(fmt::format("group or others may use it (mode {:04o}), and {}; chmod 600 {}",
                                  file.mode, why, source.path),
                      Errc::access_denied);
}

/// Takes a key out of a file, with a passphrase where it needs one.
Result<Imported> take_key(const Source& source, const SmallFile& file, Parse parse,
                          const PassphraseSource& passphrase) {
  Imported imported = parse(file.bytes, std::nullopt);
  const bool encrypted = imported.outcome == Imported::Outcome::needs_passphrase;
  if (encrypted) {
    FTPSFS_TRY_ASSIGN(const Secret words, passphrase(source.path));
    imported = parse(file.bytes, words);
  }
  switch (imported.outcome) {
    case Imported::Outcome::done:
      break;
    case Imported::Outcome::nothing:
      return source.error("holds no private key");
    case Imported::Outcome::needs_passphrase:
    case Imported::Outcome::wrong_passphrase:
      return source.error("the passphrase does not open it");
    case Imported::Outcome::unreadable:
      return source.error(
          "is damaged, or encrypted in a way that this computer's OpenSSL does not know (for old "
          "exports it needs its legacy provider)");
  }
  if (!encrypted && file.is_open_to_others()) {
    return open_to_others(source, file, "its key is not encrypted");
  }
  return imported;
}

/// Is it better to show `one` than `other`? One that is valid now, and of those the last to end.
bool is_fitter(const X509* one, const X509* other) {
  const auto is_valid = [](const X509* each) {
    return X509_cmp_current_time(X509_get0_notBefore(each)) < 0 &&
           X509_cmp_current_time(X509_get0_notAfter(each)) > 0;
  };
  if (is_valid(one) != is_valid(other)) {
    return is_valid(one);
  }
  return to_time(X509_get0_notAfter(one)) > to_time(X509_get0_notAfter(other));
}

/// The certificate that the key belongs to, wherever in the file it stands. A renewed one may stand
/// beside its forerunner, with the same key.
CertificatePtr take_own(std::vector<CertificatePtr>& all, EVP_PKEY* key) {
  auto own = all.end();
  for (auto at = all.begin(); at != all.end(); ++at) {
    if (X509_check_private_key(at->get(), key) == 1 &&
        (own == all.end() || is_fitter(at->get(), own->get()))) {
      own = at;
    }
  }
  ERR_clear_error();
  if (own == all.end()) {
    return nullptr;
  }
  CertificatePtr taken = std::move(*own);
  all.erase(own);
  return taken;
}

/// Each certificate is followed by its issuer, as far as there is one; others are left out.
/// @source RFC 5246 §7.4.2
std::vector<CertificatePtr> chain_above(X509* certificate, std::vector<CertificatePtr> others) {
  std::vector<CertificatePtr> chain;
  while (X509_self_signed(certificate, 0) != 1) {
    const auto issuer =
        std::find_if(others.begin(), others.end(), [certificate](const CertificatePtr& each) {
          return X509_check_issued(each.get(), certificate) == X509_V_OK;
        });
    if (issuer == others.end()) {
      break;
    }
    certificate = issuer->get();
    chain.push_back(std::move(*issuer));
    others.erase(issuer);
  }
  ERR_clear_error();
  return chain;
}

Result<void> check_dates(const Source& source, const X509* certificate) {
  const std::string subject = one_line(X509_get_subject_name(certificate));
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    return source.error(fmt::format(
        "{} expired on {}: get a new one from whoever issued it (or this computer's clock is "
        "wrong)",
        subject, to_text(X509_get0_notAfter(certificate))));
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    return source.error(fmt::format("{} is valid only from {}: check this computer's clock",
                                    subject, to_text(X509_get0_notBefore(certificate))));
  }
  return {};
}

/// What the files hold, before anything is said of its fitness.
struct Loaded {
  KeyPtr key;
  std::vector<CertificatePtr> certificates;
};

Result<Loaded> load_pkcs12(const std::string& path, const PassphraseSource& passphrase) {
  const Source source{"PKCS#12 file", path};
  FTPSFS_TRY_ASSIGN(SmallFile file, read(source));
  const bool is_pkcs12 = looks_like_pkcs12(file.bytes);
  // A passphrase may seal the whole file, and leave the key in clear.
  if (is_pkcs12 && file.is_open_to_others()) {
    Secret::wipe(file.bytes);
    return open_to_others(source, file, "its key may be in clear");
  }
  auto imported = is_pkcs12
                      ? take_key(source, file, import_pkcs12, passphrase)
                      : source.error("is no PKCS#12 file; for PEM and DER use cert= and key=");
  Secret::wipe(file.bytes);
  FTPSFS_TRY_ASSIGN(Imported done, std::move(imported));
  if (done.certificates.empty()) {
    return source.error("holds no certificate; export it again with its certificate");
  }
  return Loaded{std::move(done.key), std::move(done.certificates)};
}

Result<Loaded> load_pair(const IdentityFiles& files, const PassphraseSource& passphrase) {
  const Source source{"client certificate", files.certificate};
  FTPSFS_TRY_ASSIGN(SmallFile file, read(source));
  Loaded loaded{nullptr, parse_certificates(file.bytes)};
  if (loaded.certificates.empty()) {
    const bool is_pkcs12 = looks_like_pkcs12(file.bytes);
    Secret::wipe(file.bytes);
    return source.error(is_pkcs12 ? "is a PKCS#12 file; use pkcs12= in place of cert= and key="
                                  : "holds no certificate (PEM or DER)");
  }
  if (!files.key.empty()) {
    Secret::wipe(file.bytes);
    const Source key_source{"key", files.key};
    FTPSFS_TRY_ASSIGN(file, read(key_source));
    auto imported = take_key(key_source, file, import_key, passphrase);
    Secret::wipe(file.bytes);
    FTPSFS_TRY_ASSIGN(Imported done, std::move(imported));
    loaded.key = std::move(done.key);
    return loaded;
  }
  auto imported = file.bytes.find("PRIVATE KEY-----") != std::string::npos
                      ? take_key(source, file, import_key, passphrase)
                      : source.error("holds no private key; name its file with key=FILE");
  Secret::wipe(file.bytes);
  FTPSFS_TRY_ASSIGN(Imported done, std::move(imported));
  loaded.key = std::move(done.key);
  return loaded;
}

}  // namespace

ClientIdentity::ClientIdentity(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ClientIdentity::~ClientIdentity() = default;

Result<std::shared_ptr<const ClientIdentity>> ClientIdentity::load(
    const IdentityFiles& files, const PassphraseSource& passphrase) {
  ERR_clear_error();
  const bool is_pkcs12 = !files.pkcs12.empty();
  FTPSFS_TRY_ASSIGN(Loaded loaded, is_pkcs12 ? load_pkcs12(files.pkcs12, passphrase)
                                             : load_pair(files, passphrase));
  const Source source{is_pkcs12 ? "PKCS#12 file" : "client certificate",
                      is_pkcs12 ? files.pkcs12 : files.certificate};
  auto parts = std::make_unique<Parts>();
  const std::string first = one_line(X509_get_subject_name(loaded.certificates.front().get()));
  parts->certificate = take_own(loaded.certificates, loaded.key.get());
  if (!parts->certificate) {
    return source.error(
        fmt::format("{} is not the certificate of the private key{}; give the two "
                    "that belong together",
                    first, files.key.empty() ? "" : " " + files.key));
  }
  FTPSFS_TRY(check_dates(source, parts->certificate.get()));
  parts->origin = fmt::format("{} {}", source.kind, source.path);
  parts->chain = chain_above(parts->certificate.get(), std::move(loaded.certificates));
  parts->key = std::move(loaded.key);
  return std::shared_ptr<const ClientIdentity>(new ClientIdentity(std::move(parts)));
}

std::string ClientIdentity::subject() const {
  return one_line(X509_get_subject_name(parts_->certificate.get()));
}

std::chrono::system_clock::time_point ClientIdentity::ends() const {
  return to_time(X509_get0_notAfter(parts_->certificate.get()));
}

Result<void> ClientIdentity::install(ssl_ctx_st* context) const {
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> chain(
      sk_X509_new_null(), [](STACK_OF(X509) * all) { sk_X509_free(all); });
  for (const CertificatePtr& each : parts_->chain) {
    sk_X509_push(chain.get(), each.get());
  }
  ERR_clear_error();
  if (SSL_CTX_use_cert_and_key(context, parts_->certificate.get(), parts_->key.get(), chain.get(),
                               1) != 1) {
    return make_error(Errc::invalid_argument,
                      fmt::format("{}: OpenSSL does not take it ({}); ask for one with a longer "
                                  "key and a newer signature",
                                  parts_->origin, take_openssl_reason()));
  }
  return {};
}

}  // namespace ftpsfs::net
