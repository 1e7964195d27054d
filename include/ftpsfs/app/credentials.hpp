// SPDX-License-Identifier: MIT
//
// Who logs in, and where the password comes from. The first of these that gives one counts:
// standard input, the URL, password_command=, the credentials file, the profile, ~/.netrc where it
// is asked for, systemd's credentials, a question on the terminal. What a profile that names a user
// gives counts for that user alone. Nothing here prints or logs a secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ftpsfs/app/mount_url.hpp"
#include "ftpsfs/app/options.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/secret.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::app {

/// Where a password comes from: a reload must not take another one than the mount did.
enum class PasswordSource : unsigned char {
  file,        ///< what can be read again (files, a command), or nowhere
  given_once,  ///< the URL, standard input, the terminal
};

/// What a credentials file says.
struct Credentials {
  std::string username;  ///< empty: not given
  std::optional<Secret> password;
  PasswordSource password_source = PasswordSource::file;
  std::optional<Secret> account;       ///< for servers that ask for one (ACCT)
  std::optional<Secret> key_password;  ///< opens the key of the client's certificate
  std::optional<Secret> proxy_password;
};

/// Lines `username=NAME`, `password=WORD` (`user=`, `pass=` as in mount.cifs), `account=NAME`,
/// `key_password=WORD` and `proxy_password=WORD`; the value is everything behind the first '=', as
/// it stands. Blank lines and lines that begin with '#' are passed over; line ends may be CRLF.
/// Pure.
/// @param origin names the file in errors. No error holds a value.
/// @errors invalid_argument.
Result<Credentials> parse_credentials(std::string_view text, std::string_view origin);

/// Reads a credentials file, if nobody but us and root can have read or written it.
/// @errors access_denied, not_found, invalid_argument.
Result<Credentials> read_credentials(const std::string& path);

/// One line from a descriptor, without its line end.
/// @errors invalid_argument: empty or too long; timed_out; io_error.
Result<Secret> read_password_line(int fd, const Wait& wait);

/// Gathers user and password for a mount; asks on the terminal when nothing else gives one, unless
/// there is a client certificate: then the server shall be content with that.
/// @errors as read_netrc, run_password_command; invalid_argument: names the ways to give a
/// password; or the file and the command line name two different users, or there is a client
/// certificate and no user.
Result<Credentials> gather_credentials(const Options& options, const MountUrl& url);

/// The same while the mount lives: nobody is asked. A password that was typed, read from standard
/// input or given in the URL is taken from `before`; else it is what files and command say now, or
/// none. @param wait for the command.
/// @errors invalid_argument: also when the user is another one now, or has no password any more and
/// no client certificate.
Result<Credentials> gather_credentials_again(const Options& options, const MountUrl& url,
                                             const Credentials& before, const Wait& wait);

}  // namespace ftpsfs::app
