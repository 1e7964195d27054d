// SPDX-License-Identifier: MIT
#include "ftpsfs/app/run_as.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace ftpsfs::app {
namespace {

Error cannot(const std::string& name) {
  return make_error(Errc::access_denied, fmt::format("setuid={}: cannot become this user: {}", name,
                                                     std::strerror(errno)));
}

}  // namespace

Result<RunAs> RunAs::find(uid_t user) {
  if (::geteuid() != 0) {
    return make_error(Errc::access_denied,
                      "setuid= needs root: who mounts without serves the mount anyway");
  }
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return make_error(Errc::not_found,
                      fmt::format("setuid={}: no user with this number is known here", user));
  }
  return RunAs(user, found->pw_gid, found->pw_name);
}

// Where this fails what is made is root's, and its maker finds out.
RunAs::Lending::Lending(const RunAs& user)
    : groups_(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr)))) {
  [[maybe_unused]] const bool lent =
      ::getgroups(static_cast<int>(groups_.size()), groups_.data()) >= 0 &&
      ::initgroups(user.name_.c_str(), user.group_) == 0 && ::setegid(user.group_) == 0 &&
      ::seteuid(user.user_) == 0;
}

RunAs::Lending::~Lending() {
  [[maybe_unused]] const bool back =
      ::seteuid(0) == 0 && ::setegid(0) == 0 && ::setgroups(groups_.size(), groups_.data()) == 0;
}

Result<void> RunAs::mount_for_user() const {
  // libfuse tells the kernel the real user; the effective one has the right to mount.
  if (::setresgid(group_, static_cast<gid_t>(-1), 0) != 0 ||
      ::setresuid(user_, static_cast<uid_t>(-1), 0) != 0) {
    return cannot(name_);
  }
  return {};
}

Result<void> RunAs::become_user() const {
  if (::initgroups(name_.c_str(), group_) != 0 || ::setresgid(group_, group_, group_) != 0 ||
      ::setresuid(user_, user_, user_) != 0) {
    return cannot(name_);
  }
  if (user_ != 0 && ::setuid(0) == 0) {
    return make_error(Errc::access_denied, fmt::format("setuid={}: root came back", name_));
  }
  return {};
}

}  // namespace ftpsfs::app
