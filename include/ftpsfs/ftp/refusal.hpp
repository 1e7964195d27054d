// SPDX-License-Identifier: MIT
//
// What a negative reply means for a file: one table over verb, code and, as the last resort, the
// reply's words. Pure.
#pragma once

#include <string_view>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/ftp/reply.hpp"

namespace ftpsfs::ftp {

/// @param verb upper case, as sent ("RETR", "SITE CHMOD"). @pre the reply is not a success.
/// @return refused where it stays ambiguous (a bare 550): only a look at the parent's listing
/// tells. 425 is unreachable, 426 truncated, 421 closed: link failures, worth another session.
Errc classify_refusal(std::string_view verb, const Reply& reply);

/// Does the reply's code say that the server lacks the command, or this form of it (500, 502, 504)?
/// Such an answer never changes: it is not asked again.
inline bool is_unknown_command(int code) noexcept {
  return code == 500 || code == 502 || code == 504;
}

/// The Error for it: "RETR: 550 No such file", the reply's code, and the fate of the session
/// (broken after 421, and after a positive reply, which is out of step here).
Error make_refusal(std::string_view verb, const Reply& reply);

}  // namespace ftpsfs::ftp
