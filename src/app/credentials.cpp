// SPDX-License-Identifier: MIT
#include "ftpsfs/app/credentials.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ftpsfs/app/mount_profile.hpp"
#include "ftpsfs/app/netrc.hpp"
#include "ftpsfs/app/password_command.hpp"
#include "ftpsfs/app/private_file.hpp"
#include "ftpsfs/app/system_credentials.hpp"
#include "ftpsfs/ftp/ascii.hpp"

namespace ftpsfs::app {
namespace {

Error bad_line(std::string_view origin, std::size_t number, std::string_view why) {
  return make_error(Errc::invalid_argument,
                    fmt::format("credentials file {}, line {}: {}", origin, number, why));
}

Result<void> keep_secret(std::optional<Secret>& place, std::string_view value, Error twice) {
  if (place) {
    return twice;
  }
  place = Secret(value);
  return {};
}

Result<void> read_line(std::string_view line, std::string_view origin, std::size_t number,
                       Credentials& found) {
  const std::string_view content = ftp::ascii::trim(line);
  if (content.empty() || content.front() == '#') {
    return {};
  }
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) {
    return bad_line(origin, number, "no '=' in it; the form is username=NAME or password=WORD");
  }
  const std::string_view key = ftp::ascii::trim(line.substr(0, equals));
  const std::string_view value = line.substr(equals + 1);
  if (key == "username" || key == "user") {
    if (!found.username.empty()) {
      return bad_line(origin, number, "a second user");
    }
    if (value.empty()) {
      return bad_line(origin, number, "the user is empty");
    }
    found.username = std::string(value);
    return {};
  }
  if (key == "password" || key == "pass") {
    return keep_secret(found.password, value, bad_line(origin, number, "a second password"));
  }
  if (key == "account") {
    return keep_secret(found.account, value, bad_line(origin, number, "a second account"));
  }
  if (key == "key_password") {
    return keep_secret(found.key_password, value,
                       bad_line(origin, number, "a second key_password"));
  }
  if (key == "proxy_password") {
    return keep_secret(found.proxy_password, value,
                       bad_line(origin, number, "a second proxy_password"));
  }
  // The key is not repeated: a password that stands there alone may hold a '='.
  return bad_line(
      origin, number,
      "unknown key; username=, password=, account=, key_password= and proxy_password= are "
      "known");
}

bool is_anonymous(const std::string& username) {
  return username == "anonymous" || username == "ftp";
}

/// The command line and its URL win over the profile. Empty: they do not say.
Result<std::string> asked_username(const Options& options, const MountUrl& url) {
  if (!options.username.empty() && !url.username.empty() && options.username != url.username) {
    return make_error(Errc::invalid_argument,
                      fmt::format("two users: username={} and \"{}\" in the URL; give one",
                                  options.username, url.username));
  }
  const std::string& said = options.username.empty() ? url.username : options.username;
  return said.empty() ? options.profile_username : said;
}

/// The password of one user is never sent for another: partners' systems disable a profile after a
/// few failures.
Result<std::string> choose_username(const Options& options, const std::string& asked,
                                    const Credentials& file) {
  if (!asked.empty() && !file.username.empty() && asked != file.username) {
    return make_error(
        Errc::invalid_argument,
        fmt::format("two users: \"{}\" is asked for, and \"{}\" in the credentials file {}; "
                    "give one",
                    asked, file.username, options.credentials_file));
  }
  return asked.empty() ? file.username : asked;
}

/// For the same reason, what a profile gives is for its own user alone.
bool is_for(const std::string& username, const Options& options, bool is_of_profile) {
  return !is_of_profile || options.profile_username.empty() || options.profile_username == username;
}

bool has_command(const Options& options, const std::string& username) {
  return !options.password_command.empty() &&
         is_for(username, options, options.profile_password_command);
}

Result<Secret> ask(const std::string& username, const MountUrl& url) {
  if (!can_prompt()) {
    return make_error(Errc::invalid_argument,
                      fmt::format("no password for user \"{}\", and no terminal to ask on; give "
                                  "-o credentials=FILE, password_command=CMD or --password-stdin",
                                  username));
  }
  return prompt_password(fmt::format("Password for {}@{}: ", username, url.authority()),
                         Wait::for_at_most(kPromptLimit));
}

/// Of what the profile says only that which nothing before it has said, and no password of somebody
/// else. Its file may name another user now than when it was mounted.
Result<void> add_from_profile(const Options& options, Credentials& chosen) {
  std::string why;
  FTPSFS_TRY_ASSIGN(auto profile, find_profile(options.profile, {options.profile_file}, why));
  if (!profile) {
    return make_error(Errc::not_found, fmt::format("no profile \"{}\": {}", options.profile, why));
  }
  const std::string owner = profile->username();
  if (!chosen.password && (owner.empty() || owner == chosen.username)) {
    chosen.password = std::move(profile->password);
  }
  if (!chosen.key_password && options.key_password_command.empty()) {
    chosen.key_password = std::move(profile->key_password);
  }
  if (!chosen.proxy_password) {
    chosen.proxy_password = std::move(profile->proxy_password);
  }
  return {};
}

/// The user of netrc's entry when nobody has said one, else the entry of that user.
Result<void> add_from_netrc(const Options& options, const MountUrl& url, Credentials& chosen) {
  FTPSFS_TRY_ASSIGN(auto entry, read_netrc(*options.netrc_file, url.host, chosen.username));
  if (!entry) {
    return {};
  }
  if (chosen.username.empty()) {
    chosen.username = std::move(entry->username);
  }
  if (!chosen.password) {
    chosen.password = std::move(entry->password);
  }
  if (!chosen.account) {
    chosen.account = std::move(entry->account);
  }
  return {};
}

Result<void> add_from_system(const Options& options, Credentials& chosen) {
  FTPSFS_TRY_ASSIGN(auto given, read_system_credentials());
  if (chosen.username.empty()) {
    chosen.username = given.username;
  }
  const bool is_of_user = given.username.empty() || given.username == chosen.username;
  if (!chosen.password && is_of_user) {
    chosen.password = std::move(given.password);
  }
  if (!chosen.account && is_of_user) {
    chosen.account = std::move(given.account);
  }
  if (!chosen.key_password && options.key_password_command.empty()) {
    chosen.key_password = std::move(given.key_password);
  }
  if (!chosen.proxy_password) {
    chosen.proxy_password = std::move(given.proxy_password);
  }
  return {};
}

/// What the command line and the files say.
Result<Credentials> read_what_is_written(const Options& options, const MountUrl& url) {
  FTPSFS_TRY_ASSIGN(const std::string asked, asked_username(options, url));
  Credentials chosen;
  if (!options.credentials_file.empty() && is_for(asked, options, options.profile_credentials)) {
    FTPSFS_TRY_ASSIGN(chosen, read_credentials(options.credentials_file));
  }
  FTPSFS_TRY_ASSIGN(chosen.username, choose_username(options, asked, chosen));
  if (!options.account.empty() && is_for(chosen.username, options, options.profile_account)) {
    chosen.account = Secret(std::string_view(options.account));
  }
  if (!options.profile_file.empty()) {
    FTPSFS_TRY(add_from_profile(options, chosen));
  }
  if (options.netrc_file && !chosen.password) {
    FTPSFS_TRY(add_from_netrc(options, url, chosen));
  }
  FTPSFS_TRY(add_from_system(options, chosen));
  return chosen;
}

/// Nobody in particular is "anonymous", for whom there is a password by custom.
Result<void> name_user(Credentials& chosen, const Options& options) {
  if (chosen.username.empty() && chosen.password) {
    return make_error(Errc::invalid_argument,
                      "a password without a user; give username=NAME, on the command line or in "
                      "the credentials file");
  }
  if (chosen.username.empty() && !options.identity.empty()) {
    return make_error(Errc::invalid_argument,
                      "a client certificate without a user, and servers want both; give "
                      "username=NAME, on the command line or in the credentials file");
  }
  if (chosen.username.empty()) {
    chosen.username = "anonymous";
  }
  if (!chosen.password && is_anonymous(chosen.username)) {
    chosen.password = Secret(std::string_view("ftpsfs@"));  // something like an address
  }
  return {};
}

}  // namespace

Result<Credentials> parse_credentials(std::string_view text, std::string_view origin) {
  if (text.find('\0') != std::string_view::npos) {
    return make_error(Errc::invalid_argument,
                      fmt::format("credentials file {}: has a NUL byte in it", origin));
  }
  Credentials found;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (line.find('\r') != std::string_view::npos) {
      return bad_line(origin, number, "a carriage return inside the line");
    }
    FTPSFS_TRY(read_line(line, origin, number, found));
  }
  return found;
}

Result<Credentials> read_credentials(const std::string& path) {
  auto file = read_small_file(path, kLargestPrivateFile, Links::refuse);
  if (!file) {
    return make_error(file.error().code,
                      fmt::format("credentials file {}: {}", path, file.error().text));
  }
  const Result<void> fit = check_private(*file, "credentials file", path);
  auto credentials = fit ? parse_credentials(file->bytes, path) : fit.error();
  Secret::wipe(file->bytes);
  return credentials;
}

Result<Secret> read_password_line(int fd, const Wait& wait) {
  std::string line;
  line.reserve(kLongestPassword + 2);  // never grows: no copy is left behind
  // Byte by byte: what follows the first line is left for others.
  for (;;) {
    pollfd item{fd, POLLIN, 0};
    if (::poll(&item, 1, wait.poll_timeout_ms()) == 0) {
      Secret::wipe(line);
      return make_error(Errc::timed_out, "password_stdin: no line came from standard input");
    }
    char byte = 0;
    const ssize_t got = ::read(fd, &byte, 1);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      const int error = errno;
      Secret::wipe(line);
      return make_error(
          Errc::io_error,
          fmt::format("cannot read the password from standard input: {}", std::strerror(error)));
    }
    if (got == 0 || byte == '\n') {
      break;
    }
    if (byte == '\0' || line.size() > kLongestPassword) {
      Secret::wipe(line);
      return make_error(
          Errc::invalid_argument,
          "password_stdin: the first line of standard input is no password (NUL byte, "
          "or longer than 1024 bytes)");
    }
    line += byte;
  }
  if (line.ends_with('\r')) {
    line.pop_back();
  }
  if (line.empty()) {
    return make_error(Errc::invalid_argument,
                      "password_stdin: the first line of standard input is empty");
  }
  return Secret(std::move(line));
}

Result<Credentials> gather_credentials(const Options& options, const MountUrl& url) {
  FTPSFS_TRY_ASSIGN(Credentials chosen, read_what_is_written(options, url));
  if (options.password_stdin) {
    FTPSFS_TRY_ASSIGN(chosen.password,
                      read_password_line(STDIN_FILENO, Wait::for_at_most(kPromptLimit)));
    chosen.password_source = PasswordSource::given_once;
  } else if (url.password) {
    chosen.password = url.password;
    chosen.password_source = PasswordSource::given_once;
  } else if (has_command(options, chosen.username)) {
    FTPSFS_TRY_ASSIGN(chosen.password,
                      run_password_command("password_command", options.password_command,
                                           Asking::terminal, Wait::for_at_most(kPromptLimit)));
  }
  FTPSFS_TRY(name_user(chosen, options));
  if (!chosen.password && options.identity.empty()) {
    FTPSFS_TRY_ASSIGN(chosen.password, ask(chosen.username, url));
    chosen.password_source = PasswordSource::given_once;
  }
  return chosen;
}

Result<Credentials> gather_credentials_again(const Options& options, const MountUrl& url,
                                             const Credentials& before, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(Credentials chosen, read_what_is_written(options, url));
  chosen.password_source = before.password_source;
  if (before.password_source == PasswordSource::given_once) {
    chosen.password = before.password;
  } else if (has_command(options, chosen.username)) {
    FTPSFS_TRY_ASSIGN(
        chosen.password,
        run_password_command("password_command", options.password_command, Asking::nobody, wait));
  }
  if (!chosen.key_password && options.key_password_command.empty()) {
    chosen.key_password = before.key_password;
  }
  FTPSFS_TRY(name_user(chosen, options));
  if (chosen.username != before.username) {
    return make_error(
        Errc::invalid_argument,
        fmt::format("the user is \"{}\" now, and the mount is that of \"{}\"; unmount, "
                    "and mount again",
                    chosen.username, before.username));
  }
  if (!chosen.password && options.identity.empty()) {
    const std::string place = options.credentials_file.empty()
                                  ? "where it was"
                                  : "in the credentials file " + options.credentials_file;
    return make_error(Errc::invalid_argument,
                      fmt::format("no password for user \"{}\" {} any more; write it there again",
                                  chosen.username, place));
  }
  return chosen;
}

}  // namespace ftpsfs::app
