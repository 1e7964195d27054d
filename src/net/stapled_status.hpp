// SPDX-License-Identifier: MIT
//
// A stapled OCSP response: what the CA says of the server's certificate, handed over by the server
// itself in the handshake. Private to src/net. Stateless.
#pragma once

#include <openssl/ssl.h>

#include <optional>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::net {

/// Checks the response of a full handshake that is done: its signature, its times, that it is about
/// this certificate, and what it says. One that says nothing of use (try later, unauthorised)
/// counts as none.
/// @param is_required none is an error, too. @return untrusted: cause, then cure; nothing: good.
/// @source RFC 6066 §8; RFC 6960 §3.2, §4.2.2.2
std::optional<Error> doubt_stapled_status(SSL* ssl, bool is_required);

}  // namespace ftpsfs::net
