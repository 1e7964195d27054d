// SPDX-License-Identifier: MIT
//
// Who we are to a server that asks for a certificate: key, certificate, and the chain above it,
// from PEM or DER files or from a PKCS#12 export (.pfx, .p12). All that can be wrong with them is
// found here, before any connection is made.
// Thread-safety: immutable once loaded; OpenSSL counts its references atomically.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/secret.hpp"

struct ssl_ctx_st;

namespace ftpsfs::net {

struct IdentityFiles {
  std::string certificate;  ///< PEM (with the chain above it, in any order) or DER
  std::string key;          ///< PEM or DER; empty: the certificate's own file holds it
  std::string pkcs12;       ///< in place of both

  bool empty() const noexcept { return certificate.empty() && key.empty() && pkcs12.empty(); }
};

/// Gives the passphrase of the encrypted file at `path`. Called once at most, and only when a file
/// is encrypted; an error is handed on as it is.
using PassphraseSource = std::function<Result<Secret>(const std::string& path)>;

class ClientIdentity {
 public:
  /// @errors not_found, access_denied (also: the key lies open to others, in clear),
  /// invalid_argument: no certificate or key in the file, a wrong passphrase, a key that belongs to
  /// another certificate, a certificate that has expired or is not valid yet. One line: file,
  /// cause, cure.
  static Result<std::shared_ptr<const ClientIdentity>> load(const IdentityFiles& files,
                                                            const PassphraseSource& passphrase);
  ~ClientIdentity();
  ClientIdentity(const ClientIdentity&) = delete;
  ClientIdentity& operator=(const ClientIdentity&) = delete;

  /// "CN = alice, O = Example".
  std::string subject() const;
  std::chrono::system_clock::time_point ends() const;

  /// For the connections of `context`: certificate, key and chain.
  /// @errors invalid_argument: OpenSSL finds them too weak.
  Result<void> install(ssl_ctx_st* context) const;

 private:
  struct Parts;
  explicit ClientIdentity(std::unique_ptr<Parts> parts);

  std::unique_ptr<const Parts> parts_;
};

}  // namespace ftpsfs::net
