// SPDX-License-Identifier: MIT
//
// The machine listings of RFC 3659: one MLSD line, and the MLST reply. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/ftp/file_facts.hpp"
#include "ftpsfs/ftp/reply.hpp"

namespace ftpsfs::ftp {

/// One "fact=value;… name" without its line end. Facts in any case and order; unknown ones and
/// values that make no sense are skipped. The name is everything behind the first blank that
/// follows the facts, other blanks, ';' and '=' included.
/// @return absent when the line is none.  @source RFC 3659 §7.2
std::optional<FileFacts> parse_mlsx_line(std::string_view line);

/// The entry inside a 250 reply to MLST. Its name is what the server says: a path or a name; its
/// kind never cdir or pdir, which mean dir here (Pure-FTPd calls the root pdir).
/// @errors as classify_refusal (not 2xx); protocol_error (no facts inside).  @source RFC 3659 §7.2
Result<FileFacts> parse_mlst(const Reply& reply);

}  // namespace ftpsfs::ftp
