// SPDX-License-Identifier: MIT
//
// OpenSSL's objects as things that are ours to free. Private to src/net.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace ftpsfs::net {

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* what) const {
    Free(what);
  }
};

using CertificatePtr = std::unique_ptr<X509, FreeWith<X509_free>>;
using RevocationsPtr = std::unique_ptr<X509_CRL, FreeWith<X509_CRL_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using DigestMethodPtr = std::unique_ptr<EVP_MD, FreeWith<EVP_MD_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;

/// Reads `bytes` where they are: they must outlive it.
inline BioPtr bio_over(const std::string& bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

}  // namespace ftpsfs::net
