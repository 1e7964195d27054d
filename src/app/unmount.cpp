// SPDX-License-Identifier: MIT
//
// The part of mount_table.hpp that changes something: unmounting, and who is in the way of it.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "ftpsfs/app/mount_table.hpp"
#include "ftpsfs/base/unique_fd.hpp"
#include "ftpsfs/base/wait.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): not every libc declares it

namespace ftpsfs::app {
namespace {

namespace files = std::filesystem;

constexpr std::size_t kMostNamed = 5;
constexpr auto kFusermountLimit = std::chrono::seconds(20);

bool lies_under(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

bool links_into(const files::path& link, const std::string& directory) {
  std::error_code error;
  const files::path target = files::read_symlink(link, error);
  return !error && lies_under(target.string(), directory);
}

bool uses(const files::path& process, const std::string& directory) {
  if (links_into(process / "cwd", directory) || links_into(process / "root", directory)) {
    return true;
  }
  std::error_code error;
  for (files::directory_iterator it(process / "fd", error), end; !error && it != end;
       it.increment(error)) {
    if (links_into(it->path(), directory)) {
      return true;
    }
  }
  return false;
}

Error busy_error(const std::string& mount_point) {
  std::string text = fmt::format("{} is busy", mount_point);
  const std::vector<std::string> who = processes_using(mount_point);
  for (std::size_t i = 0; i < who.size(); ++i) {
    text += (i == 0 ? ": used by " : ", ") + who[i];
  }
  return make_error(Errc::busy, text + "; close what is open there and try again");
}

/// Waits for a child with a deadline; a pidfd would do, but sleeping steps need no new kernel.
std::optional<int> wait_for_child(pid_t child, const Wait& wait) {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    }
    if ((ended < 0 && errno != EINTR) || wait.expired()) {
      return std::nullopt;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

/// What fusermount3 wrote on its stderr, first line, without its own name.
std::string first_line(int fd) {
  std::array<char, 512> buffer{};
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  std::string text(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  text = text.substr(0, text.find('\n'));
  constexpr std::string_view kPrefix = "fusermount3: ";
  return text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : text;
}

Result<void> run_fusermount(const std::string& mount_point, bool lazy) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return make_error(Errc::io_error, std::strerror(errno));
  }
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), STDERR_FILENO);
  std::string program = "fusermount3";
  std::string flags = lazy ? "-uz" : "-u";
  std::string end_of_options = "--";
  std::string target = mount_point;
  std::array<char*, 5> arguments = {program.data(), flags.data(), end_of_options.data(),
                                    target.data(), nullptr};
  pid_t child = 0;
  const int failure =
      ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  writing.reset();
  if (failure != 0) {
    return make_error(Errc::io_error,
                      fmt::format("cannot run fusermount3 ({}); install the package "
                                  "fuse3",
                                  std::strerror(failure)));
  }
  const auto status = wait_for_child(child, Wait::for_at_most(kFusermountLimit));
  if (status == 0) {
    return {};
  }
  const std::string words = status ? first_line(reading.get()) : "fusermount3 does not end";
  if (words.find("busy") != std::string::npos) {
    return busy_error(mount_point);
  }
  return make_error(Errc::not_permitted, fmt::format("{}: {}", mount_point, words));
}

}  // namespace

std::vector<std::string> processes_using(const std::string& directory) {
  std::vector<std::string> found;
  std::error_code error;  // and not this process: a shell in the mount starts its commands there
  for (files::directory_iterator it("/proc", error), end; !error && it != end;
       it.increment(error)) {
    const std::string pid = it->path().filename().string();
    const bool is_process =
        std::all_of(pid.begin(), pid.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (!is_process || pid == std::to_string(::getpid()) || !uses(it->path(), directory)) {
      continue;
    }
    std::string name;
    std::ifstream comm(it->path() / "comm");
    std::getline(comm, name);
    found.push_back(fmt::format("{} ({})", name, pid));
    if (found.size() == kMostNamed) {
      break;
    }
  }
  return found;
}

Result<void> unmount(const std::string& mount_point, Unmounting how) {
  if (::geteuid() != 0) {
    return run_fusermount(mount_point, how == Unmounting::lazy);
  }
  const int flags = how == Unmounting::lazy     ? MNT_DETACH
                    : how == Unmounting::forced ? MNT_FORCE
                                                : 0;
  if (::umount2(mount_point.c_str(), UMOUNT_NOFOLLOW | flags) == 0) {
    return {};
  }
  switch (errno) {
    case EBUSY:
      return busy_error(mount_point);
    case EINVAL:
    case ENOENT:
      return make_error(Errc::not_found, fmt::format("{} is not mounted", mount_point));
    default:
      return make_error(Errc::not_permitted,
                        fmt::format("cannot unmount {}: {}", mount_point, std::strerror(errno)));
  }
}

}  // namespace ftpsfs::app
