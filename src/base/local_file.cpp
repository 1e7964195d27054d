// SPDX-License-Identifier: MIT
#include "ftpsfs/base/local_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <algorithm>
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

Result<UniqueFd> create_new_file(const std::string& directory, std::string_view name) {
  constexpr int kMostTries = 10'000;
  for (int number = 1; number <= kMostTries; ++number) {
    std::string path = fmt::format("{}/{}", directory, name);
    if (number > 1) {
      path += fmt::format(".{}", number);
    }
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file) {
      return file;
    }
    if (errno != EEXIST) {
      return local_error(path);
    }
  }
  return make_error(Errc::already_exists, fmt::format("no free name for {}", name));
}

bool copy_bytes(int from, int to, std::uint64_t size) {
  off_t offset = 0;
  while (static_cast<std::uint64_t>(offset) < size) {
    const std::uint64_t left = size - static_cast<std::uint64_t>(offset);
    const ssize_t sent = ::sendfile(to, from, &offset, std::min<std::uint64_t>(left, 1U << 20U));
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent == 0) {
      errno = EIO;
    }
    if (sent <= 0) {
      return false;
    }
  }
  return true;
}

}  // namespace ftpsfs
