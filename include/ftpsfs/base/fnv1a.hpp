// SPDX-License-Identifier: MIT
//
// FNV-1a of 64 bits: a good spread for short names, a character at a time.
// @source draft-eastlake-fnv
#pragma once

#include <cstdint>

namespace ftpsfs {

class Fnv1a {
 public:
  constexpr void add(char c) noexcept {
    value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  }
  constexpr std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325ULL;
};

}  // namespace ftpsfs
