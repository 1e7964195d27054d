// SPDX-License-Identifier: MIT
#include "support/link/network_namespace.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>

namespace ftpsfs::test {
namespace {

constexpr const char* kDevice = "link0";

int checked(int result, const char* what) {
  if (result < 0) {
    throw std::system_error(errno, std::generic_category(), what);
  }
  return result;
}

ifreq request_for(const char* name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  return request;
}

void set_address(int socket, unsigned long what, const char* address) {
  ifreq request = request_for(kDevice);
  sockaddr_in in{};
  in.sin_family = AF_INET;
  if (::inet_pton(AF_INET, address, &in.sin_addr) != 1) {
    throw std::system_error(EINVAL, std::generic_category(), address);
  }
  std::memcpy(&request.ifr_addr, &in, sizeof in);
  checked(::ioctl(socket, what, &request), "setting an address");
}

void bring_up(int socket, const char* name) {
  ifreq request = request_for(name);
  checked(::ioctl(socket, SIOCGIFFLAGS, &request), name);
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
  checked(::ioctl(socket, SIOCSIFFLAGS, &request), name);
}

int open_device() {
  const int device =
      checked(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "/dev/net/tun");
  ifreq request = request_for(kDevice);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  checked(::ioctl(device, TUNSETIFF, &request), "TUNSETIFF");
  return device;
}

}  // namespace

NetworkNamespace::NetworkNamespace(const std::string& address) {
  std::exception_ptr failure;
  // A thread of its own: only that one moves to the new namespace.
  std::thread([&] {
    try {
      checked(::unshare(CLONE_NEWNET), "a new network namespace");
      namespace_ =
          checked(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "its descriptor");
      device_ = open_device();
      const int socket = checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
      set_address(socket, SIOCSIFADDR, address.c_str());
      set_address(socket, SIOCSIFNETMASK, "255.255.255.0");
      bring_up(socket, kDevice);
      bring_up(socket, "lo");
      ::close(socket);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) {
    std::rethrow_exception(failure);
  }
}

NetworkNamespace::~NetworkNamespace() {
  ::close(device_);
  ::close(namespace_);
}

std::string NetworkNamespace::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(namespace_);
}

}  // namespace ftpsfs::test
