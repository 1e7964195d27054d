// SPDX-License-Identifier: MIT
//
// An OpenSSL certificate that is ours to free. Private to src/net.
#pragma once

#include <openssl/x509.h>

#include <memory>

namespace ftpsfs::net {

struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using CertificatePtr = std::unique_ptr<X509, FreeCertificate>;

}  // namespace ftpsfs::net
