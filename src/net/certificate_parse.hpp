// SPDX-License-Identifier: MIT
//
// Certificates, and lists of revoked ones, in the forms in which files hold them. Private to
// src/net. Pure.
#pragma once

#include <string>
#include <vector>

#include "openssl_ptr.hpp"

namespace ftpsfs::net {

bool looks_like_pem(const std::string& bytes);

/// Every certificate of a PEM bundle, in its order (keys and other blocks between them are passed
/// over), or the one of a DER file; none when there is none.
std::vector<CertificatePtr> parse_certificates(const std::string& bytes);

/// The same of lists of revoked certificates.
std::vector<RevocationsPtr> parse_revocations(const std::string& bytes);

}  // namespace ftpsfs::net
