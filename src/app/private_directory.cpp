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

/// A place of the user's own, and the option that names another one.
struct Place {
  const char* option;
  const char* what;
  const char* for_root;
  const char* variable;    ///< of the environment
  const char* below_home;  ///< where that is not set
  bool may_be_temporary;
};
constexpr Place kStagingPlace{"staging_dir",    "local copies", "/var/cache/ftpsfs",
                              "XDG_CACHE_HOME", "/.cache",      true};
constexpr Place kJournalPlace{"journal_dir",    "the journal",   "/var/lib/ftpsfs",
                              "XDG_STATE_HOME", "/.local/state", false};

std::vector<std::string> candidates_for(const Place& place) {
  std::vector<std::string> candidates;
  if (::geteuid() == 0) {
    candidates.emplace_back(place.for_root);
  } else {
    const std::string named = environment_path(place.variable);
    const std::string home = home_directory();
    if (!named.empty()) {
      candidates.push_back(named + "/ftpsfs");
    }
    if (!home.empty()) {
      candidates.push_back(home + place.below_home + "/ftpsfs");
    }
  }
  if (place.may_be_temporary) {
    candidates.push_back(fmt::format("{}/ftpsfs-staging-{}", temporary_directory(), ::geteuid()));
  }
  return candidates;
}

Result<std::string> check_asked(const Place& place, const std::string& asked,
                                const std::string& mount_point) {
  struct stat status {};
  const auto refusal = [&](Errc code, const char* why) {
    return make_error(code, fmt::format("{}={}: {}", place.option, asked, why));
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

Result<std::string> make_place(const Place& place, const std::string& asked,
                               const std::string& mount_point) {
  if (!asked.empty()) {
    return check_asked(place, asked, mount_point);
  }
  Error last = make_error(Errc::io_error, fmt::format("no place for {}", place.what));
  for (const std::string& directory : candidates_for(place)) {
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
  last.text += fmt::format("; name another place with -o {}=DIR", place.option);
  return last;
}

Result<std::string> make_place_for(const RunAs& user, const Place& place, const std::string& asked,
                                   const std::string& mount_point) {
  if (!asked.empty()) {
    const RunAs::Lending lending(user);
    return check_asked(place, asked, mount_point);
  }
  // Nobody but root can have put anything beside it.
  std::string directory = fmt::format("{}-{}", place.for_root, user.user());
  if (auto given = give_private_directory(directory, user); !given) {
    given.error().text += fmt::format("; name another place with -o {}=DIR", place.option);
    return given.error();
  }
  return directory;
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
  return make_place(kStagingPlace, asked, mount_point);
}

Result<std::string> make_staging_directory_for(const RunAs& user, const std::string& asked,
                                               const std::string& mount_point) {
  return make_place_for(user, kStagingPlace, asked, mount_point);
}

std::vector<std::string> usual_journal_directories(const RunAs* user) {
  return user == nullptr ? candidates_for(kJournalPlace)
                         : std::vector{fmt::format("{}-{}", kJournalPlace.for_root, user->user())};
}

Result<std::string> make_journal_directory(const std::string& asked,
                                           const std::string& mount_point) {
  return make_place(kJournalPlace, asked, mount_point);
}

Result<std::string> make_journal_directory_for(const RunAs& user, const std::string& asked,
                                               const std::string& mount_point) {
  return make_place_for(user, kJournalPlace, asked, mount_point);
}

}  // namespace ftpsfs::app
