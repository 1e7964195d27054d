// SPDX-License-Identifier: MIT
#include "ftpsfs/app/service_manager.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "ftpsfs/base/unique_fd.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::app {
namespace {

/// A socket as systemd's. `name` as in $NOTIFY_SOCKET.
UniqueFd listen_at(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') {
    address.sun_path[0] = '\0';
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() +
                                             (name[0] == '/' ? 1 : 0));
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  return fd;
}

std::string received(const UniqueFd& fd) {
  std::array<char, 256> buffer{};
  const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
  return got < 0 ? "nothing" : std::string(buffer.data(), static_cast<std::size_t>(got));
}

TEST(ServiceManager, IsToldByPathAndByAbstractName) {
  const test::TempDirectory place;
  const std::string& directory = place.path();
  for (const std::string& name :
       {directory + "/notify", "@ftpsfs-test-" + std::to_string(::getpid())}) {
    const UniqueFd manager = listen_at(name);
    EXPECT_TRUE(notify(name, "READY=1\nSTATUS=x"));
    EXPECT_EQ(received(manager), "READY=1\nSTATUS=x");
  }
}

TEST(ServiceManager, NobodyListening) {
  EXPECT_TRUE(notify("", "READY=1"));
  EXPECT_FALSE(notify("/no/such/socket", "READY=1"));
  EXPECT_FALSE(notify("relative", "READY=1"));
  EXPECT_FALSE(notify("/" + std::string(200, 'x'), "READY=1"));
}

TEST(ServiceManager, ChildrenDoNotSpeakForUs) {
  ::setenv("NOTIFY_SOCKET", "/run/x", 1);
  EXPECT_EQ(take_notify_socket(), "/run/x");
  EXPECT_EQ(take_notify_socket(), "");
}

}  // namespace
}  // namespace ftpsfs::app
