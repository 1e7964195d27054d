// SPDX-License-Identifier: MIT
//
// Owners of what OpenSSL and C libraries give to tests.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdio>
#include <memory>

namespace ftpsfs::test {

template <auto Free>
struct Freeing {
  template <typename T>
  void operator()(T* what) const {
    Free(what);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freeing<X509_free>>;
using File = std::unique_ptr<std::FILE, Freeing<std::fclose>>;

}  // namespace ftpsfs::test
