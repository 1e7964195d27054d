// SPDX-License-Identifier: MIT
//
// The authorities whose signature on a server certificate is believed: CA files (PEM bundles, or
// one DER certificate), CA directories, or the system's own set; and which certificates their
// issuers have revoked. Everything is read before any connection is made, so that a bad path is one
// clear error at start. Thread-safety: immutable once loaded; OpenSSL counts its references
// atomically.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ftpsfs/base/result.hpp"

struct x509_store_st;

namespace ftpsfs::net {

class CertificateStore {
 public:
  /// Loads the named files and directories; the system's authorities when none is named.
  /// @param crl_files PEM (several in one file) or DER. With one or more, a certificate is believed
  ///   only when a list of its issuer is among them, in date, and does not name it.
  /// @errors invalid_argument: names the path and what is wrong with it (missing, unreadable, no
  ///   certificate in it).
  static Result<CertificateStore> load(const std::vector<std::string>& ca_files,
                                       const std::vector<std::string>& ca_directories,
                                       const std::vector<std::string>& crl_files = {});

  /// How many certificates were read from named places (0 for the system's).
  std::size_t size() const noexcept { return size_; }
  const std::shared_ptr<x509_store_st>& native() const noexcept { return store_; }

 private:
  std::shared_ptr<x509_store_st> store_;
  std::size_t size_ = 0;
};

}  // namespace ftpsfs::net
