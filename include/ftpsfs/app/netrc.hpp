// SPDX-License-Identifier: MIT
//
// ~/.netrc, as curl reads it: `machine HOST` or `default`, then login, password and account in any
// order; words may stand in double quotes; macros (macdef) are passed over; a line that begins with
// '#' is a comment. No error and no log ever holds a word of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ftpsfs/app/credentials.hpp"
#include "ftpsfs/base/result.hpp"

namespace ftpsfs::app {

struct NetrcAnswer {
  std::optional<Credentials> entry;  ///< the first one that fits
  bool holds_password = false;       ///< any entry does
};

/// Looks for an entry of `host`, or the default one. Pure.
/// @param user when not empty, only an entry whose login is this one fits: a password is never sent
/// for somebody else. @param origin names the file in errors.
/// @errors invalid_argument: a quote without its end, a word that FTP cannot carry.
Result<NetrcAnswer> find_in_netrc(std::string_view text, std::string_view origin,
                                  std::string_view host, std::string_view user);

/// The same from a file; with an empty `path` from ~/.netrc. A file that holds a password must be
/// private, as a credentials file must.
/// @errors not_found, access_denied, invalid_argument.
Result<std::optional<Credentials>> read_netrc(const std::string& path, std::string_view host,
                                              std::string_view user);

}  // namespace ftpsfs::app
