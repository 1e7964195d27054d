// SPDX-License-Identifier: MIT
//
// Numbers of 64 bits as parts of file names: sixteen hexadecimal digits ("{:016x}").
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace ftpsfs {

/// @return nullopt for anything but sixteen digits.
inline std::optional<std::uint64_t> parse_hex_id(std::string_view digits) {
  constexpr std::size_t kDigits = 16;
  std::uint64_t id = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, id, 16);
  const bool is_whole = digits.size() == kDigits && stop == end;
  return failure == std::errc() && is_whole ? std::optional(id) : std::nullopt;
}

}  // namespace ftpsfs
