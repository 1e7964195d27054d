// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/staged_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace ftpsfs::transfer {
namespace {

Error local_error(const char* what, const std::string& where = {}) {
  const int number = errno;
  Errc code = Errc::io_error;
  if (number == ENOSPC || number == EDQUOT) {
    code = Errc::no_space;
  } else if (number == EACCES || number == EPERM || number == EROFS) {
    code = Errc::access_denied;
  } else if (number == EFBIG) {
    code = Errc::file_too_large;
  } else if (number == EINVAL) {
    code = Errc::invalid_argument;
  }
  return make_error(code, fmt::format("{} the local copy{}{}: {}", what,
                                      where.empty() ? "" : " in ", where, std::strerror(number)));
}

}  // namespace

Result<std::shared_ptr<StagedFile>> StagedFile::create(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
    // Not every filesystem knows O_TMPFILE: make a name and remove it at once.
    std::string name = directory + "/ftpsfs-XXXXXX";
    fd.reset(::mkostemp(name.data(), O_CLOEXEC));
    if (fd) {
      ::unlink(name.c_str());
    }
  }
  if (!fd) {
    return local_error("cannot create", directory);
  }
  return std::shared_ptr<StagedFile>(new StagedFile(std::move(fd)));
}

Result<Slices> StagedFile::read(std::uint64_t offset, std::size_t size) const {
  auto buffer = std::make_shared<std::vector<std::byte>>(size);
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::pread(fd_.get(), buffer->data() + filled, size - filled,
                                static_cast<off_t>(offset + filled));
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return local_error("cannot read");
    }
    if (got == 0) {
      break;
    }
    filled += static_cast<std::size_t>(got);
  }
  if (filled == 0) {
    return Slices{};
  }
  const std::span<const std::byte> bytes(buffer->data(), filled);
  return Slices{Slice{std::move(buffer), bytes}};
}

Result<void> StagedFile::write(std::uint64_t offset, std::span<const std::byte> data) {
  std::size_t done = 0;
  while (done < data.size()) {
    const ssize_t put = ::pwrite(fd_.get(), data.data() + done, data.size() - done,
                                 static_cast<off_t>(offset + done));
    if (put < 0) {
      if (errno == EINTR) {
        continue;
      }
      return local_error("cannot write");
    }
    done += static_cast<std::size_t>(put);
    const std::uint64_t end = offset + done;
    std::uint64_t known = size_.load();
    while (known < end && !size_.compare_exchange_weak(known, end)) {
    }
  }
  return {};
}

Result<void> StagedFile::truncate(std::uint64_t size) {
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
    return local_error("cannot resize");
  }
  size_ = size;
  return {};
}

}  // namespace ftpsfs::transfer
