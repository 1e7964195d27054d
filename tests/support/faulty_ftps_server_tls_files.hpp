// SPDX-License-Identifier: MIT
//
// Which files make a server's TLS identity. Values only.
#pragma once

#include <string>

namespace ftpsfs::test {

/// Paths of PEM files.
struct ServerTlsFiles {
  std::string certificate{};
  std::string key{};
  std::string client_ca{};  ///< clients are asked for a certificate of this CA; empty: not asked
};

}  // namespace ftpsfs::test
