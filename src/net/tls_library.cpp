// SPDX-License-Identifier: MIT
#include "ftpsfs/net/tls_library.hpp"

#include <openssl/crypto.h>

namespace ftpsfs::net {

std::string tls_library() {
  return ::OpenSSL_version(OPENSSL_VERSION);
}

}  // namespace ftpsfs::net
