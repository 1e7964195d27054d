// SPDX-License-Identifier: MIT
//
// What to mount, as the user writes it: ftpes://[user[:password]@]host[:port]/path,
// ftps://… (implicit TLS), or [user@]host:path. Pure. No error text ever holds a password.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/secret.hpp"
#include "ftpsfs/net/route.hpp"
#include "ftpsfs/session/settings.hpp"

namespace ftpsfs::app {

struct MountUrl {
  session::TlsMode mode = session::TlsMode::explicit_tls;
  std::string host;  ///< an IPv6 address without its brackets
  std::uint16_t port = 21;
  std::string username;  ///< empty: none given
  std::optional<Secret> password;
  /// As written (percent signs decoded). Absolute; or relative to the directory in which the login
  /// starts (host:dir); or empty: that directory itself.
  std::string path;

  /// "host:port", with brackets where needed: the beginning of error lines.
  std::string authority() const;
  /// For /proc/mounts and df: scheme://host[:port]/path, never user or password.
  std::string fsname() const;
};

/// @errors invalid_argument: one line with the cure.
Result<MountUrl> parse_mount_url(std::string_view text);

/// socks5://[user[:password]@]host[:port] or socks5h://…, which has the proxy look names up.
/// @errors invalid_argument: one line with the cure.
Result<net::SocksProxy> parse_proxy(std::string_view text);

/// The place of a password inside `text`, for overwriting it where it stands (argv).
struct TextRange {
  std::size_t begin = 0;
  std::size_t length = 0;
};
std::optional<TextRange> find_password(std::string_view text);
/// "ftpes://user:word@host" as "ftpes://user@host".
std::string password_removed(std::string text);

/// The text with whatever may be a password in it replaced by "***": all from the first ':' to the
/// last '@', because a URL that could not be read may be a password with a '/' inside.
std::string without_password(std::string_view text);

}  // namespace ftpsfs::app
