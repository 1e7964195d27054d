// SPDX-License-Identifier: MIT
//
// See certificate_store.hpp.
#include "ftpsfs/net/certificate_store.hpp"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <filesystem>
#include <system_error>

#include "certificate_parse.hpp"
#include "ftpsfs/base/small_file.hpp"

namespace ftpsfs::net {
namespace {

namespace stdfs = std::filesystem;

constexpr std::size_t kLargestBundle = std::size_t{16} << 20;  // all of a system's are 0.2 MiB

Error bad_path(const char* kind, const std::string& path, const std::string& why) {
  return make_error(Errc::invalid_argument, fmt::format("{} {}: {}", kind, path, why));
}

Result<std::string> read_file(const char* kind, const std::string& path) {
  auto file = read_small_file(path, kLargestBundle);
  return file ? Result<std::string>(std::move(file->bytes))
              : bad_path(kind, path, file.error().text);
}

Result<std::string> read_ca_file(const std::string& path) {
  auto bytes = read_file("CA file", path);
  std::error_code ignored;
  if (!bytes && stdfs::is_directory(path, ignored)) {
    bytes.error().text += " (use capath=)";
  }
  return bytes;
}

/// @return how many lists of revoked certificates there were.
std::size_t add_revocations(X509_STORE* store, const std::string& bytes) {
  const std::vector<RevocationsPtr> found = parse_revocations(bytes);
  for (const RevocationsPtr& each : found) {
    X509_STORE_add_crl(store, each.get());
  }
  ERR_clear_error();
  return found.size();
}

/// @return how many were new or known: none at all means that the file holds no certificate.
std::size_t add_all(X509_STORE* store, const std::string& bytes) {
  const std::vector<CertificatePtr> found = parse_certificates(bytes);
  for (const CertificatePtr& each : found) {
    X509_STORE_add_cert(store, each.get());
  }
  ERR_clear_error();  // a certificate named twice leaves traces
  return found.size();
}

Result<std::size_t> add_directory(X509_STORE* store, const std::string& path) {
  std::error_code code;
  stdfs::directory_iterator each(path, code);
  if (code) {
    return bad_path("CA directory", path, code.message());
  }
  // All files are read now rather than looked up by hash: it needs no c_rehash, and it works after
  // a change of root or user.
  std::size_t count = 0;
  for (; each != stdfs::directory_iterator(); each.increment(code)) {
    std::error_code ignored;
    if (each->is_regular_file(ignored)) {
      if (const auto bytes = read_ca_file(each->path().string())) {
        count += add_all(store, *bytes);
      }
    }
    if (code) {
      break;
    }
  }
  if (code) {
    return bad_path("CA directory", path, code.message());
  }
  if (count == 0) {
    return bad_path("CA directory", path, "holds no certificate");
  }
  return count;
}

}  // namespace

Result<CertificateStore> CertificateStore::load(const std::vector<std::string>& ca_files,
                                                const std::vector<std::string>& ca_directories,
                                                const std::vector<std::string>& crl_files) {
  CertificateStore result;
  result.store_ = std::shared_ptr<X509_STORE>(X509_STORE_new(), X509_STORE_free);
  X509_STORE* const store = result.store_.get();
  for (const std::string& path : crl_files) {
    FTPSFS_TRY_ASSIGN(const std::string bytes, read_file("CRL file", path));
    if (add_revocations(store, bytes) == 0) {
      return bad_path("CRL file", path, "holds no list of revoked certificates (PEM or DER)");
    }
    // A missing list is a fault of the server's own certificate alone
    // (TlsStream::State::on_verify).
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  }
  if (ca_files.empty() && ca_directories.empty()) {
    X509_STORE_set_default_paths(store);
    ERR_clear_error();  // a system without authorities fails at the first server, by name
    return result;
  }
  for (const std::string& path : ca_files) {
    FTPSFS_TRY_ASSIGN(const std::string bytes, read_ca_file(path));
    const std::size_t count = add_all(store, bytes);
    if (count == 0) {
      return bad_path("CA file", path, "holds no certificate (PEM or DER)");
    }
    result.size_ += count;
  }
  for (const std::string& path : ca_directories) {
    FTPSFS_TRY_ASSIGN(const std::size_t count, add_directory(store, path));
    result.size_ += count;
  }
  // What the user named is trusted as it is: the server's own certificate, or an intermediate one.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return result;
}

}  // namespace ftpsfs::net
