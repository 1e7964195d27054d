// SPDX-License-Identifier: MIT
#include "ftpsfs/app/mount_mark.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

#include "ftpsfs/app/private_directory.hpp"
#include "ftpsfs/base/hex_id.hpp"
#include "ftpsfs/base/local_file.hpp"
#include "ftpsfs/base/random_number.hpp"

namespace ftpsfs::app {
namespace {

constexpr std::size_t kMachineIdDigits = 32;
/// After that nobody looks any more for what a dead mount may have left in directories that no
/// program has listed since.
constexpr std::time_t kRemembered = 90L * 24 * 60 * 60;

std::uint64_t random_id() {
  std::uint64_t id = 0;
  while (id == 0) {
    id = random_number();
  }
  return id;
}

/// The directory may be shared by several machines, whose locks need not reach each other.
std::string machine() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  ::gethostname(name.data(), name.size() - 1);
  std::string id;  // machine-id(5): names are not unique
  std::getline(std::ifstream("/etc/machine-id"), id);
  return fmt::format("{} {}", name.data(), id.substr(0, kMachineIdDigits));
}

std::string content_of(int fd) {
  std::array<char, HOST_NAME_MAX + kMachineIdDigits + 2> text{};
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  return {text.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

bool lock(int fd) {
  return ::flock(fd, LOCK_EX | LOCK_NB) == 0;
}

std::vector<std::uint64_t> find_dead(const std::string& directory) {
  std::vector<std::uint64_t> dead;
  std::error_code failure;
  const std::string here = machine();
  for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
    const auto id = parse_hex_id(entry.path().filename().string());
    const UniqueFd fd(id ? ::open(entry.path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1);
    if (!fd || !lock(fd.get()) || content_of(fd.get()) != here) {
      continue;
    }
    dead.push_back(*id);
    struct stat status {};
    if (::fstat(fd.get(), &status) == 0 && std::time(nullptr) - status.st_mtime > kRemembered) {
      ::unlink(entry.path().c_str());
    }
  }
  return dead;
}

}  // namespace

Result<MountMark> MountMark::make(const std::string& directory) {
  MountMark mark;
  // Named after the user: the directory that was asked for may be everybody's.
  mark.directory_ = fmt::format("{}/mounts-{}", directory, ::geteuid());
  FTPSFS_TRY(ensure_private_directory(mark.directory_));
  mark.dead_ = find_dead(mark.directory_);
  mark.id_ = random_id();
  const std::string name = fmt::format("{}/{:016x}", mark.directory_, mark.id_);
  // Locked before it has its name: nobody may take it for that of a dead mount.
  const std::string early = name + ".new";
  mark.lock_.reset(::open(early.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!mark.lock_) {
    return local_error(early);
  }
  const std::string host = machine();
  const bool written =
      ::write(mark.lock_.get(), host.data(), host.size()) == static_cast<ssize_t>(host.size());
  if (!written || !lock(mark.lock_.get()) || ::rename(early.c_str(), name.c_str()) != 0) {
    Error error = local_error(early);
    ::unlink(early.c_str());
    return error;
  }
  return mark;
}

void MountMark::end_clean() {
  if (lock_) {
    ::unlink(fmt::format("{}/{:016x}", directory_, id_).c_str());
    lock_.reset();
  }
}

}  // namespace ftpsfs::app
