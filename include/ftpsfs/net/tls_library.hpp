// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace ftpsfs::net {

/// The TLS library that is loaded, for --version: "OpenSSL 3.0.17 1 Jul 2025".
std::string tls_library();

}  // namespace ftpsfs::net
