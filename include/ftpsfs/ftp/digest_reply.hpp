// SPDX-License-Identifier: MIT
//
// What servers answer to the commands that ask for the digest of a file: HASH, MD5, XSHA256 and
// their like. Pure.
#pragma once

#include <string>
#include <string_view>

#include "ftpsfs/base/digest.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/ftp/reply.hpp"

namespace ftpsfs::ftp {

/// What stands behind the verb. Those that begin with X may be given a range behind the path, so
/// that a path with blanks must be quoted; HASH and MD5 take the line as it is.
/// @return empty: no argument means this path (blanks and quotes in it).
std::string digest_argument(std::string_view verb, std::string_view path);

/// Takes no word for a digest that may be another: the name of a file may look like one.
/// @param path as it was asked for: the reply may repeat it.
/// @return the digest in hexadecimal digits, lower case.
/// @errors as make_refusal (no 2xx); protocol_error: none of this algorithm is told, or it is not
/// certain which one.
/// @source draft-bryan-ftpext-hash-02 §3 ("213 SHA-256 0-49 169cd2…e9dd name"; older drafts and
/// FileZilla Server without range or name); draft-twine-ftpmd5-00 ("251 name 0123…cdef"); the X
/// commands are in no standard: "250 0123…cdef", and with verb or path in front of it.
Result<std::string> parse_digest(std::string_view verb, DigestAlgorithm algorithm,
                                 std::string_view path, const Reply& reply);

}  // namespace ftpsfs::ftp
