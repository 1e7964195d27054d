// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <random>

namespace ftpsfs {

/// 64 bits that nobody can foresee.
inline std::uint64_t random_number() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

}  // namespace ftpsfs
