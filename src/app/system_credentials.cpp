// SPDX-License-Identifier: MIT
#include "ftpsfs/app/system_credentials.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "ftpsfs/app/password_prompt.hpp"
#include "ftpsfs/app/user_places.hpp"
#include "ftpsfs/base/small_file.hpp"

namespace ftpsfs::app {
namespace {

/// @return nullopt when there is no such file. Who owns it is systemd's business: the directory is
/// made for this service alone, and its files may have access lists.
Result<std::optional<Secret>> read_word(const std::string& directory, std::string_view name) {
  constexpr std::string_view kUnsendable("\r\n\0", 3);
  const std::string path = fmt::format("{}/ftpsfs.{}", directory, name);
  auto file = read_small_file(path, kLongestPassword + 2);
  if (!file && file.error().code == Errc::not_found) {
    return std::optional<Secret>();
  }
  if (!file) {
    return make_error(file.error().code, fmt::format("credential {}: {}", path, file.error().text));
  }
  std::string& word = file->bytes;
  if (word.ends_with('\n')) {
    word.pop_back();
  }
  if (word.find_first_of(kUnsendable) != std::string::npos) {
    Secret::wipe(word);
    return make_error(Errc::invalid_argument, fmt::format("credential {}: not one line", path));
  }
  return std::optional<Secret>(Secret(std::move(word)));
}

}  // namespace

Result<Credentials> read_system_credentials() {
  Credentials found;
  const std::string directory = environment_path("CREDENTIALS_DIRECTORY");
  if (directory.empty()) {
    return found;
  }
  FTPSFS_TRY_ASSIGN(const auto username, read_word(directory, "username"));
  if (username) {
    found.username = std::string(username->reveal());
  }
  FTPSFS_TRY_ASSIGN(found.password, read_word(directory, "password"));
  FTPSFS_TRY_ASSIGN(found.account, read_word(directory, "account"));
  FTPSFS_TRY_ASSIGN(found.key_password, read_word(directory, "key_password"));
  FTPSFS_TRY_ASSIGN(found.proxy_password, read_word(directory, "proxy_password"));
  return found;
}

}  // namespace ftpsfs::app
