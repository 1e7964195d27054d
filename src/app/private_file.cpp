// SPDX-License-Identifier: MIT
#include "ftpsfs/app/private_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace ftpsfs::app {
namespace {

Result<void> check_owner(const SmallFile& file, std::string_view kind, const std::string& path) {
  if (file.owner == ::geteuid() || file.owner == 0) {
    return {};
  }
  return make_error(Errc::access_denied,
                    fmt::format("{} {}: belongs to user {}, not to who mounts (user {}) nor to "
                                "root; chown it, or mount as its owner",
                                kind, path, file.owner, ::geteuid()));
}

}  // namespace

Result<void> check_private(const SmallFile& file, std::string_view kind, const std::string& path) {
  FTPSFS_TRY(check_owner(file, kind, path));
  if (!file.is_open_to_others()) {
    return {};
  }
  return make_error(
      Errc::access_denied,
      fmt::format("{} {}: group or others may use it (mode {:04o}), so its password is no secret; "
                  "chmod 600 {}",
                  kind, path, file.mode, path));
}

Result<void> check_trusted(const SmallFile& file, std::string_view kind, const std::string& path) {
  constexpr mode_t kOthersWrite = 022;
  FTPSFS_TRY(check_owner(file, kind, path));
  if ((file.mode & kOthersWrite) == 0) {
    return {};
  }
  return make_error(Errc::access_denied,
                    fmt::format("{} {}: group or others may change it (mode {:04o}); chmod go-w {}",
                                kind, path, file.mode, path));
}

}  // namespace ftpsfs::app
