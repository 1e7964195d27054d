// SPDX-License-Identifier: MIT
//
// Between OpenSSL and a Socket: a BIO that never raises SIGPIPE, keeps the socket's own error, and
// remembers the first bytes that came, so that a handshake with a server that speaks something else
// can say so. Private to src/net. Thread-safety: as its stream.
#pragma once

#include <openssl/bio.h>

#include <optional>
#include <string>

#include "ftpsfs/net/socket.hpp"

namespace ftpsfs::net {

struct TlsWire {
  Socket socket;
  std::optional<Error> error;                    ///< what the socket said last, when it failed
  bool saw_fin = false;                          ///< the peer's FIN has been read
  std::string first_bytes;                       ///< at most kFirstBytes
  static constexpr std::size_t kFirstBytes = 5;  // a TLS record header: OpenSSL reads no more first
};

/// A BIO over `wire`, which must outlive it. Never null (bad_alloc is thrown).
BIO* new_wire_bio(TlsWire& wire);

}  // namespace ftpsfs::net
