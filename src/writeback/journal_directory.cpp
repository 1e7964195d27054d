// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/journal_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "ftpsfs/base/fnv1a.hpp"

namespace ftpsfs::writeback {
namespace {

/// Of another mount's process, as it wrote it down; only for people.
std::string owner_of(int lock) {
  std::array<char, 32> text{};
  const ssize_t got = ::pread(lock, text.data(), text.size() - 1, 0);
  std::string digits;
  for (ssize_t i = 0; i < got && text[static_cast<std::size_t>(i)] >= '0' &&
                      text[static_cast<std::size_t>(i)] <= '9';
       ++i) {
    digits += text[static_cast<std::size_t>(i)];
  }
  return digits.empty() ? "another process" : "process " + digits;
}

/// @post its name is on the disk, too: what is safe in it must be found again.
Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    return errno == EEXIST ? Result<void>() : local_error("cannot make the directory", path);
  }
  const std::string above = std::filesystem::path(path).parent_path().string();
  const UniqueFd directory(::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) {
    return local_error("cannot write out", above);
  }
  return {};
}

Result<void> check_ours(int directory, const std::string& path) {
  struct stat status {};
  if (::fstat(directory, &status) != 0) {
    return local_error("cannot look at", path);
  }
  if (status.st_uid != ::geteuid() || (status.st_mode & 077U) != 0) {
    return make_error(Errc::access_denied,
                      fmt::format("{} must belong to user {} alone (mode 0700): it holds the "
                                  "content of files that are still to be uploaded",
                                  path, ::geteuid()));
  }
  return {};
}

}  // namespace

Error local_error(std::string_view what, const std::string& name) {
  const int number = errno;
  Errc code = Errc::io_error;
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      code = Errc::no_space;
      break;
    case EEXIST:
      code = Errc::already_exists;
      break;
    case ENOENT:
      code = Errc::not_found;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      code = Errc::access_denied;
      break;
    default:
      break;
  }
  return make_error(code, fmt::format("{} {}: {}", what, name, std::strerror(number)));
}

std::string journal_name(std::string_view identity) {
  constexpr std::size_t kReadable = 80;
  std::string name;
  Fnv1a digest;
  for (const char c : identity) {
    digest.add(c);
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '@';
    if (name.size() < kReadable) {
      name += is_plain ? c : '_';
    }
  }
  return fmt::format("{}-{:016x}", name, digest.value());
}

Result<JournalDirectory> JournalDirectory::open(const std::string& parent,
                                                std::string_view identity) {
  JournalDirectory made;
  made.path_ = fmt::format("{}/{}", parent, journal_name(identity));
  std::error_code ignored;  // the mkdir below tells what is wrong
  std::filesystem::create_directories(std::filesystem::path(parent).parent_path(), ignored);
  FTPSFS_TRY(make_directory(parent));
  FTPSFS_TRY(make_directory(made.path_));
  made.directory_.reset(
      ::open(made.path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made.directory_) {
    return local_error("cannot open the directory", made.path_);
  }
  FTPSFS_TRY(check_ours(made.directory_.get(), made.path_));
  FTPSFS_TRY(made.lock(identity));
  return made;
}

Result<void> JournalDirectory::lock(std::string_view identity) {
  lock_.reset(::openat(directory_.get(), kJournalLockName,
                       O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock_) {
    return local_error("cannot open", path_ + "/" + kJournalLockName);
  }
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return local_error("cannot lock", path_);
    }
    return make_error(Errc::busy,
                      fmt::format("the journal of {} is in use by {}, which may still be uploading",
                                  identity, owner_of(lock_.get())));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock_.get(), 0) != 0 ||
      ::pwrite(lock_.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return local_error("cannot write", path_ + "/" + kJournalLockName);
  }
  return {};
}

Result<UniqueFd> JournalDirectory::create(const std::string& name) const {
  UniqueFd fd(::openat(directory_.get(), name.c_str(),
                       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) {
    return local_error("cannot create", path_ + "/" + name);
  }
  return fd;
}

Result<UniqueFd> JournalDirectory::open_file(const std::string& name) const {
  UniqueFd fd(
      ::openat(directory_.get(), name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    return local_error("cannot open", path_ + "/" + name);
  }
  return fd;
}

std::optional<std::uint64_t> JournalDirectory::size_of(const std::string& name) const {
  struct stat status {};
  if (::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(status.st_size);
}

std::optional<std::uint64_t> JournalDirectory::free_bytes() const {
  struct statvfs disk {};
  if (::fstatvfs(directory_.get(), &disk) != 0 || disk.f_blocks == 0) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
}

Result<void> JournalDirectory::rename(const std::string& from, const std::string& to) const {
  if (::renameat(directory_.get(), from.c_str(), directory_.get(), to.c_str()) != 0) {
    return local_error("cannot rename", path_ + "/" + from);
  }
  return {};
}

Result<void> JournalDirectory::link(const std::string& from, const std::string& to) const {
  if (::linkat(directory_.get(), from.c_str(), directory_.get(), to.c_str(), 0) != 0) {
    return local_error("cannot link", path_ + "/" + from);
  }
  return {};
}

Result<void> JournalDirectory::remove(const std::string& name) const {
  if (::unlinkat(directory_.get(), name.c_str(), 0) != 0 && errno != ENOENT) {
    return local_error("cannot remove", path_ + "/" + name);
  }
  return {};
}

Result<std::vector<std::string>> JournalDirectory::names() const {
  // A descriptor of its own: reading moves the position.
  UniqueFd fd(::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(fd ? ::fdopendir(fd.get()) : nullptr,
                                                    &::closedir);
  if (!listing) {
    return local_error("cannot list", path_);
  }
  fd.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this call's own
    const dirent* entry = ::readdir(listing.get());
    if (entry == nullptr) {
      break;
    }
    const std::string name(static_cast<const char*>(entry->d_name));
    if (name != "." && name != "..") {
      names.push_back(name);
    }
  }
  if (errno != 0) {
    return local_error("cannot list", path_);
  }
  return names;
}

Result<void> JournalDirectory::sync() const {
  if (::fsync(directory_.get()) != 0) {
    return local_error("cannot write out", path_);
  }
  return {};
}

}  // namespace ftpsfs::writeback
