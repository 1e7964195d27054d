// SPDX-License-Identifier: MIT
#include "ftpsfs/app/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::app {

std::string take_notify_socket() {
  const char* const value = std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe)
  std::string socket = value != nullptr ? value : "";
  ::unsetenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): one thread
  return socket;
}

bool notify(const std::string& socket, std::string_view state) {
  if (socket.empty()) {
    return true;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((socket[0] != '/' && socket[0] != '@') || socket.size() >= sizeof(address.sun_path)) {
    return false;
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  if (socket[0] == '@') {
    address.sun_path[0] = '\0';
  }
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size() +
                                             (socket[0] == '/' ? 1 : 0));
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return fd && ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                        reinterpret_cast<const sockaddr*>(&address),
                        length) == static_cast<ssize_t>(state.size());
}

}  // namespace ftpsfs::app
