// SPDX-License-Identifier: MIT
//
// Owners of what OpenSSL and C libraries give to tests.
#pragma once

#include <cstdio>
#include <memory>

#include "../../src/net/openssl_ptr.hpp"

namespace ftpsfs::test {

using net::FreeWith;
using Key = net::KeyPtr;
using Certificate = net::CertificatePtr;
using File = std::unique_ptr<std::FILE, FreeWith<std::fclose>>;

}  // namespace ftpsfs::test
