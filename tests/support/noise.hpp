// SPDX-License-Identifier: MIT
//
// Content that differs from place to place, and is the same each time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ftpsfs::test {

/// A linear congruential generator's upper bytes.
inline std::string noise(std::size_t size, std::uint32_t seed = 1) {
  std::string text(size, '\0');
  for (char& c : text) {
    seed = seed * 1'664'525U + 1'013'904'223U;
    c = static_cast<char>(seed >> 24U);
  }
  return text;
}

}  // namespace ftpsfs::test
