// SPDX-License-Identifier: MIT
#include "ftpsfs/app/user_places.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace ftpsfs::app {

std::string environment_path(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes it
  return value != nullptr && value[0] == '/' ? value : "";
}

std::string own_directory(const char* name) {
  std::string path = environment_path(name);
  struct stat status {};
  const bool is_another_users =
      ::geteuid() == 0 && ::stat(path.c_str(), &status) == 0 && status.st_uid != 0;
  return is_another_users ? std::string() : path;
}

std::string home_directory() {
  std::string home = own_directory("HOME");
  if (!home.empty()) {
    return home;
  }
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr && found->pw_dir != nullptr && found->pw_dir[0] == '/' ? found->pw_dir
                                                                                 : "";
}

}  // namespace ftpsfs::app
