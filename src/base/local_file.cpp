// SPDX-License-Identifier: MIT
#include "ftpsfs/base/local_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace ftpsfs {

Error local_error(const std::string& path) {
  const int number = errno;
  const Errc code = number == ENOSPC || number == EDQUOT ? Errc::no_space : Errc::io_error;
  return make_error(code, fmt::format("{}: {}", path, std::strerror(number)));
}

bool is_private_directory(const std::string& path, uid_t owner) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == owner &&
         (status.st_mode & 077U) == 0;
}

}  // namespace ftpsfs
