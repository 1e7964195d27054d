// SPDX-License-Identifier: MIT
#include "ftpsfs/app/private_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "ftpsfs/app/user_places.hpp"

namespace ftpsfs::app {
namespace {

std::string temporary_directory() {
  std::string named = environment_path("TMPDIR");
  if (named.empty()) {
    named = "/tmp";
  }
  return named;
}

bool lies_inside(const std::string& path, const std::string& directory) {
  return path == directory || (path.size() > directory.size() && path.starts_with(directory) &&
                               (directory.ends_with('/') || path[directory.size()] == '/'));
}

std::vector<std::string> staging_candidates() {
  std::vector<std::string> candidates;
  if (::geteuid() == 0) {
    candidates.emplace_back("/var/cache/ftpsfs");
  } else {
    const std::string cache = environment_path("XDG_CACHE_HOME");
    const std::string home = home_directory();
    if (!cache.empty()) {
      candidates.push_back(cache + "/ftpsfs");
    }
    if (!home.empty()) {
      candidates.push_back(home + "/.cache/ftpsfs");
    }
  }
  candidates.push_back(fmt::format("{}/ftpsfs-staging-{}", temporary_directory(), ::geteuid()));
  return candidates;
}

Result<std::string> check_asked_staging(const std::string& asked, const std::string& mount_point) {
  struct stat status {};
  const auto refusal = [&](Errc code, const char* why) {
    return make_error(code, fmt::format("staging_dir={}: {}", asked, why));
  };
  if (::stat(asked.c_str(), &status) != 0) {
    return refusal(Errc::not_found, std::strerror(errno));
  }
  if (!S_ISDIR(status.st_mode)) {
    return refusal(Errc::not_directory, "not a directory");
  }
  if (::faccessat(AT_FDCWD, asked.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return refusal(Errc::access_denied, "not writable");
  }
  std::error_code ignored;
  const std::string real = std::filesystem::canonical(asked, ignored).string();
  if (lies_inside(real, mount_point)) {
    return refusal(Errc::invalid_argument, "lies inside the mount point; choose another place");
  }
  return real;
}

Result<void> check_private_directory(const std::string& path, uid_t owner) {
  if (!is_private_directory(path, owner)) {
    return make_error(
        Errc::access_denied,
        fmt::format("{} is not a directory of user {} alone (mode 0700)", path, owner));
  }
  return {};
}

}  // namespace

Result<void> ensure_private_directory(const std::string& path) {
  std::error_code ignored;  // the mkdir below tells what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return make_error(Errc::io_error,
                      fmt::format("cannot make the directory {}: {}", path, std::strerror(errno)));
  }
  return check_private_directory(path, ::geteuid());
}

Result<void> give_private_directory(const std::string& path, const RunAs& user) {
  if (::mkdir(path.c_str(), 0700) == 0) {
    if (::chown(path.c_str(), user.user(), user.group()) != 0) {
      const Error error =
          make_error(Errc::io_error, fmt::format("{}: {}", path, std::strerror(errno)));
      ::rmdir(path.c_str());
      return error;
    }
  } else if (errno != EEXIST) {
    return make_error(Errc::io_error,
                      fmt::format("cannot make the directory {}: {}", path, std::strerror(errno)));
  }
  return check_private_directory(path, user.user());
}

std::vector<std::string> control_directories(uid_t owner) {
  std::vector<std::string> directories;
  if (owner == 0) {
    // Not $XDG_RUNTIME_DIR: under sudo that may be another user's.
    directories.emplace_back("/run/ftpsfs");
  } else {
    // Given by root, whose /run is: names in /tmp can be taken by anybody.
    directories.push_back(fmt::format("/run/ftpsfs-{}", owner));
    const std::string runtime = environment_path("XDG_RUNTIME_DIR");
    if (owner == ::geteuid() && !runtime.empty()) {
      directories.push_back(runtime + "/ftpsfs");
    }
    directories.push_back(fmt::format("/run/user/{}/ftpsfs", owner));
  }
  directories.push_back(fmt::format("/tmp/ftpsfs-{}", owner));
  return directories;
}

Result<std::string> make_control_directory() {
  Error last = make_error(Errc::io_error, "no place for a control socket");
  for (const std::string& directory : control_directories(::geteuid())) {
    auto made = ensure_private_directory(directory);
    if (made && ::access(directory.c_str(), W_OK | X_OK) == 0) {
      return directory;
    }
    if (!made) {
      last = std::move(made).error();
    }
  }
  return last;
}

Result<void> make_control_directory_for(const RunAs& user) {
  return give_private_directory(control_directories(user.user()).front(), user);
}

Result<std::string> make_staging_directory(const std::string& asked,
                                           const std::string& mount_point) {
  if (!asked.empty()) {
    return check_asked_staging(asked, mount_point);
  }
  Error last = make_error(Errc::io_error, "no place for local copies");
  for (const std::string& directory : staging_candidates()) {
    if (lies_inside(directory, mount_point)) {
      continue;
    }
    auto made = ensure_private_directory(directory);
    if (made && ::access(directory.c_str(), W_OK | X_OK) == 0) {
      return directory;
    }
    if (!made) {
      last = std::move(made).error();
    }
  }
  last.text += "; name another place with -o staging_dir=DIR";
  return last;
}

Result<std::string> make_staging_directory_for(const RunAs& user, const std::string& asked,
                                               const std::string& mount_point) {
  if (!asked.empty()) {
    const RunAs::Lending lending(user);
    return check_asked_staging(asked, mount_point);
  }
  // Nobody but root can have put anything into /var/cache.
  std::string directory = fmt::format("/var/cache/ftpsfs-{}", user.user());
  if (auto given = give_private_directory(directory, user); !given) {
    given.error().text += "; name another place with -o staging_dir=DIR";
    return given.error();
  }
  return directory;
}

}  // namespace ftpsfs::app
