// SPDX-License-Identifier: MIT
//
// Private keys out of the bytes of a file, however old its encryption is. OpenSSL 3 keeps RC2, DES
// and their like in a provider of its own; it is loaded into a library context that lives for one
// import alone, so that no connection can ever use them. What comes out belongs to the default
// context. Private to src/net.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/base/secret.hpp"
#include "openssl_ptr.hpp"

namespace ftpsfs::net {

struct Imported {
  enum class Outcome {
    done,
    nothing,           ///< no key in it
    needs_passphrase,  ///< and none was given
    wrong_passphrase,
    unreadable,  ///< encrypted in a way that this OpenSSL does not know, or damaged
  };

  Outcome outcome = Outcome::nothing;
  KeyPtr key{};
  std::vector<CertificatePtr> certificates{};  ///< of a PKCS#12 file, in no order
};

/// A private key in PEM (PKCS#8 or of the older forms) or DER.
Imported import_key(const std::string& bytes, const std::optional<Secret>& passphrase);

/// Is it PKCS#12?
bool looks_like_pkcs12(const std::string& bytes);

/// The first key of a PKCS#12 file, and all of its certificates.
/// @source RFC 7292
Imported import_pkcs12(const std::string& bytes, const std::optional<Secret>& passphrase);

}  // namespace ftpsfs::net
