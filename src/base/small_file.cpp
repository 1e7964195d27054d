// SPDX-License-Identifier: MIT
#include "ftpsfs/base/small_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ftpsfs/base/secret.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs {
namespace {

Error failure(int error) {
  if (error == ELOOP) {
    return make_error(Errc::access_denied,
                      "is a symbolic link, which is not followed; name the file itself");
  }
  const bool is_missing = error == ENOENT || error == ENOTDIR;
  return make_error(is_missing ? Errc::not_found : Errc::access_denied, std::strerror(error));
}

Error unfit(std::string why) {
  return make_error(Errc::invalid_argument, std::move(why));
}

/// Fills `bytes`, which never grows, until the end. @return how many came, or -1 with errno.
ssize_t read_to_end(int fd, std::string& bytes) {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return -1;
    }
    if (got == 0) {
      break;
    }
    filled += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(filled);
}

}  // namespace

Result<SmallFile> read_small_file(const std::string& path, std::size_t largest, Links links) {
  // O_NONBLOCK: a FIFO must not hold us up before fstat has refused it.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (links == Links::refuse ? O_NOFOLLOW : 0);
  const UniqueFd fd(::open(path.c_str(), flags));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    return failure(errno);
  }
  if (S_ISDIR(status.st_mode)) {
    return unfit("is a directory, not a regular file");
  }
  if (!S_ISREG(status.st_mode)) {
    return unfit("not a regular file");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > largest) {
    return unfit(fmt::format("larger than {} KiB", largest / 1024));
  }
  SmallFile file{std::string(size + 1, '\0'), status.st_uid, status.st_mode & 07777U};
  const ssize_t got = read_to_end(fd.get(), file.bytes);
  const int error = errno;
  if (got < 0 || static_cast<std::size_t>(got) > size) {
    Secret::wipe(file.bytes);
    return got < 0 ? failure(error) : unfit("grew while it was read");
  }
  file.bytes.resize(static_cast<std::size_t>(got));
  return file;
}

}  // namespace ftpsfs
