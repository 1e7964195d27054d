// SPDX-License-Identifier: MIT
//
// What this floor's tests do in the client's place.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "ftpsfs/net/socket.hpp"

namespace ftpsfs::net {

/// For what is sure to come, also on a busy machine and under sanitizers.
inline Wait patient() {
  return Wait::for_at_most(std::chrono::seconds(10));
}

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

inline Socket dial(std::uint16_t port) {
  auto socket = connect_tcp("127.0.0.1", port, patient());
  EXPECT_TRUE(socket) << socket.error().text;
  return *std::move(socket);
}

}  // namespace ftpsfs::net
