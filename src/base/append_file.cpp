// SPDX-License-Identifier: MIT
#include "ftpsfs/base/append_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ftpsfs {
namespace {

Error unusable(Errc code, const std::string& path, std::string_view what, std::string_view why) {
  return make_error(code, fmt::format("{} file {}: {}", what, path, why));
}

Result<void> check_owner_and_kind(int fd, const std::string& path, std::string_view what) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return unusable(Errc::io_error, path, what, std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return unusable(Errc::access_denied, path, what, "is no regular file");
  }
  if (status.st_uid != ::geteuid() || status.st_nlink != 1) {
    return unusable(Errc::access_denied, path, what,
                    status.st_nlink != 1 ? "has another name elsewhere (a hard link)"
                                         : "belongs to another user");
  }
  if (::fchmod(fd, S_IRUSR | S_IWUSR) != 0) {
    return unusable(Errc::io_error, path, what, std::strerror(errno));
  }
  return {};
}

}  // namespace

Result<UniqueFd> open_for_appending(const std::string& path, std::string_view what) {
  // O_NONBLOCK: a pipe without a reader must not hold us here.
  UniqueFd file(::open(
      path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
      S_IRUSR | S_IWUSR));
  if (!file) {
    return unusable(Errc::access_denied, path, what,
                    errno == ELOOP ? "is a symbolic link" : std::strerror(errno));
  }
  FTPSFS_TRY(check_owner_and_kind(file.get(), path, what));
  UniqueFd high(::fcntl(file.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!high) {
    return unusable(Errc::io_error, path, what, std::strerror(errno));
  }
  return high;
}

}  // namespace ftpsfs
