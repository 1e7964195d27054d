// SPDX-License-Identifier: MIT
#include "ftpsfs/app/mount_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace ftpsfs::app {
namespace {

constexpr std::uint16_t kExplicitPort = 21;
constexpr std::uint16_t kImplicitPort = 990;

Error bad_url(std::string_view text, std::string_view why) {
  return make_error(Errc::invalid_argument, fmt::format("{}: {}", without_password(text), why));
}

/// Where the parts of a URL or of host:path lie. The user's part ends at the last '@' before the
/// first '/': passwords may hold an '@'.
struct Parts {
  std::string_view scheme;  ///< empty for host:path
  std::optional<std::string_view> userinfo;
  std::string_view host_and_port;
  std::string_view path;
};

Parts split(std::string_view text) {
  Parts parts;
  const std::size_t scheme_end = text.find("://");
  if (scheme_end != std::string_view::npos) {
    parts.scheme = text.substr(0, scheme_end);
    text.remove_prefix(scheme_end + 3);
  }
  const std::size_t authority_end = std::min(text.find('/'), text.size());
  const std::size_t at = text.substr(0, authority_end).rfind('@');
  std::size_t host_begin = 0;
  if (at != std::string_view::npos) {
    parts.userinfo = text.substr(0, at);
    host_begin = at + 1;
  }
  parts.host_and_port = text.substr(host_begin, authority_end - host_begin);
  parts.path = text.substr(authority_end);
  return parts;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool cannot_be_sent(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

/// @return nullopt: a '%' without two hexadecimal digits, or a byte that FTP cannot carry.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char byte = text[i];
    if (byte == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        Secret::wipe(out);
        return std::nullopt;
      }
      byte = static_cast<char>(high * 16 + low);
      i += 2;
    }
    out += byte;
  }
  if (cannot_be_sent(out)) {
    Secret::wipe(out);
    return std::nullopt;
  }
  return out;
}

constexpr std::string_view kBadEscape =
    "'%' must be followed by two hexadecimal digits (write %25 for '%'), and line ends and NUL "
    "are not allowed";

Result<void> read_scheme(std::string_view text, const Parts& parts, MountUrl& url) {
  if (parts.scheme.empty() || parts.scheme == "ftpes") {
    url.mode = session::TlsMode::explicit_tls;
    url.port = kExplicitPort;
    return {};
  }
  if (parts.scheme == "ftps") {
    url.mode = session::TlsMode::implicit_tls;
    url.port = kImplicitPort;
    return {};
  }
  if (parts.scheme == "ftp") {
    return bad_url(text,
                   "ftp:// would send the password in clear and is refused; ftpes:// is FTP with "
                   "TLS on the same port");
  }
  return bad_url(text,
                 "unknown kind of URL; use ftpes:// (explicit TLS, port 21) or ftps:// "
                 "(implicit TLS, port 990)");
}

Result<void> read_userinfo(std::string_view text, const Parts& parts, MountUrl& url) {
  if (!parts.userinfo) {
    return {};
  }
  const std::string_view info = *parts.userinfo;
  const std::size_t colon = info.find(':');
  const bool is_url = !parts.scheme.empty();
  const auto decoded = [is_url](std::string_view raw) {
    return is_url                ? percent_decoded(raw)
           : cannot_be_sent(raw) ? std::nullopt
                                 : std::optional<std::string>(raw);
  };
  const auto user = decoded(info.substr(0, colon));
  if (!user) {
    return bad_url(text, kBadEscape);
  }
  if (user->empty()) {
    return bad_url(text, "the user's name before '@' is empty");
  }
  url.username = *user;
  if (colon != std::string_view::npos) {
    auto password = decoded(info.substr(colon + 1));
    if (!password) {
      return bad_url(text, kBadEscape);
    }
    url.password = Secret(std::move(*password));
  }
  return {};
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  unsigned value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size() || value == 0 ||
      value > 65535) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(value);
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 255 && host.front() != '-' &&
         std::all_of(host.begin(), host.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte != 0x7f && c != '/' && c != '@' && c != '\\' && c != '[' &&
                  c != ']';
         });
}

/// Takes the host off the front of `rest`; brackets around an IPv6 address go away.
/// @return false when there is none.
bool take_host(std::string_view& rest, MountUrl& url) {
  std::string_view host;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) {
      return false;
    }
    host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (host.find(':') == std::string_view::npos) {
      return false;
    }
  } else {
    host = rest.substr(0, rest.find(':'));
    rest.remove_prefix(host.size());
  }
  url.host = std::string(host);
  return is_host(host);
}

Result<void> read_url_target(std::string_view text, const Parts& parts, MountUrl& url) {
  std::string_view rest = parts.host_and_port;
  if (!take_host(rest, url)) {
    return bad_url(text,
                   "no host in it; the form is ftpes://[user@]host[:port]/path, with IPv6 "
                   "addresses in brackets");
  }
  if (!rest.empty()) {
    const auto port = rest.starts_with(':') ? port_number(rest.substr(1)) : std::nullopt;
    if (!port) {
      return bad_url(text,
                     "what stands behind the host is not a port (1 to 65535); IPv6 addresses "
                     "stand in brackets, and '/' in a password is written %2F");
    }
    url.port = *port;
  }
  const auto path = percent_decoded(parts.path);
  if (!path) {
    return bad_url(text, kBadEscape);
  }
  url.path = *path;
  return {};
}

Result<void> read_bare_target(std::string_view text, const Parts& parts, MountUrl& url) {
  std::string_view rest = parts.host_and_port;
  if (!take_host(rest, url) || !rest.starts_with(':')) {
    return bad_url(text, "neither a URL nor host:/path; try ftpes://[user@]host[:port]/path");
  }
  rest.remove_prefix(1);
  url.path = std::string(rest) + std::string(parts.path);
  if (cannot_be_sent(url.path)) {
    return bad_url(text, "line ends and NUL are not allowed in a path");
  }
  // user:pass/word@host:/path would show the password as a part of the path, everywhere.
  if (!url.path.starts_with('/') && url.path.find('@') != std::string::npos) {
    return bad_url(text, "a relative path with '@' in it could be a password; write host:/path");
  }
  // host:2121/path is a habit from URLs; as a relative path it would only say "not found".
  if (!rest.empty() && !parts.path.empty() && port_number(rest)) {
    return bad_url(text, "a port needs the form of a URL: ftpes://HOST:PORT/PATH");
  }
  return {};
}

}  // namespace

std::string MountUrl::authority() const {
  const bool brackets = host.find(':') != std::string::npos;
  return brackets ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string MountUrl::fsname() const {
  const bool implicit = mode == session::TlsMode::implicit_tls;
  const bool brackets = host.find(':') != std::string::npos;
  std::string out = implicit ? "ftps://" : "ftpes://";
  out += brackets ? fmt::format("[{}]", host) : host;
  if (port != (implicit ? kImplicitPort : kExplicitPort)) {
    out += fmt::format(":{}", port);
  }
  if (!path.starts_with('/')) {
    out += path.empty() ? "" : "/~/";  // where the login starts
  }
  return out + path;
}

Result<MountUrl> parse_mount_url(std::string_view text) {
  const Parts parts = split(text);
  MountUrl url;
  FTPSFS_TRY(read_scheme(text, parts, url));
  FTPSFS_TRY(read_userinfo(text, parts, url));
  if (parts.scheme.empty()) {
    FTPSFS_TRY(read_bare_target(text, parts, url));
  } else {
    FTPSFS_TRY(read_url_target(text, parts, url));
  }
  return url;
}

Result<net::SocksProxy> parse_proxy(std::string_view text) {
  const Parts parts = split(text);
  if (parts.scheme != "socks5" && parts.scheme != "socks5h") {
    return bad_url(text, "unknown kind of proxy; use socks5h://HOST:PORT, or socks5://HOST:PORT");
  }
  MountUrl url;  // what user and host have in common with a server's
  FTPSFS_TRY(read_userinfo(text, parts, url));
  std::string_view rest = parts.host_and_port;
  if (!take_host(rest, url) || (!parts.path.empty() && parts.path != "/")) {
    return bad_url(text, "the form is socks5h://[user@]host[:port]");
  }
  net::SocksProxy proxy;
  if (!rest.empty()) {
    const auto port = rest.starts_with(':') ? port_number(rest.substr(1)) : std::nullopt;
    if (!port) {
      return bad_url(text, "what stands behind the host is not a port (1 to 65535)");
    }
    proxy.port = *port;
  }
  proxy.host = std::move(url.host);
  proxy.resolves_names = parts.scheme == "socks5h";
  proxy.username = std::move(url.username);
  proxy.password = std::move(url.password);
  return proxy;
}

std::optional<TextRange> find_password(std::string_view text) {
  const Parts parts = split(text);
  if (!parts.userinfo) {
    return std::nullopt;
  }
  const std::size_t colon = parts.userinfo->find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view password = parts.userinfo->substr(colon + 1);
  return TextRange{static_cast<std::size_t>(password.data() - text.data()), password.size()};
}

std::string password_removed(std::string text) {
  if (const auto password = find_password(text)) {
    text.erase(password->begin - 1, password->length + 1);  // the ':' too
  }
  return text;
}

std::string without_password(std::string_view text) {
  const std::size_t scheme_end = text.find("://");
  const std::size_t begin = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
  const std::size_t colon = text.find(':', begin);
  const std::size_t at = text.rfind('@');
  if (colon == std::string_view::npos || at == std::string_view::npos || at < colon) {
    return std::string(text);
  }
  return std::string(text.substr(0, colon + 1)) + "***" + std::string(text.substr(at));
}

}  // namespace ftpsfs::app
