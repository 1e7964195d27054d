// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server_chopper.hpp.
#include "support/faulty_ftps_server_chopper.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <string_view>
#include <thread>

namespace ftpsfs::test {
namespace {

UniqueFd dial(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return {};
  }
  return fd;
}

void pump(ServerConnection& from, ServerConnection& to) {
  std::array<char, 4096> part{};
  long got = 0;
  while ((got = from.read(part.data(), part.size())) > 0) {
    for (const char& byte : std::string_view(part.data(), static_cast<std::size_t>(got))) {
      if (!to.write({&byte, 1})) {
        return;
      }
    }
  }
  to.bare_fin();
}

void forward(std::uint16_t target_port, ServerConnection& client) {
  ServerConnection target(dial(target_port));
  client.attach(&target);
  std::thread back([&] { pump(target, client); });
  pump(client, target);
  back.join();
  client.attach(nullptr);
}

}  // namespace

ChoppingForwarder::ChoppingForwarder(std::uint16_t target_port)
    : listener_([target_port](ServerConnection& client) { forward(target_port, client); }) {}

}  // namespace ftpsfs::test
