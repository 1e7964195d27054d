// SPDX-License-Identifier: MIT
//
// Integers and texts as bytes, little-endian, and back. A reader that comes to the end, or to what
// cannot be, stays failed. Values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace ftpsfs::writeback {

template <typename Integer>
void put_integer(std::string& to, Integer value) {
  auto bits = static_cast<std::make_unsigned_t<Integer>>(value);
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    to += static_cast<char>(static_cast<unsigned char>(bits & 0xFFU));
    if constexpr (sizeof(Integer) > 1) {
      bits >>= 8U;
    }
  }
}

inline void put_text(std::string& to, std::string_view text) {
  put_integer(to, static_cast<std::uint32_t>(text.size()));
  to += text;
}

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : left_(bytes) {}

  template <typename Integer>
  Integer integer() {
    if (failed_ || left_.size() < sizeof(Integer)) {
      failed_ = true;
      return 0;
    }
    std::make_unsigned_t<Integer> bits = 0;
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
      bits = static_cast<std::make_unsigned_t<Integer>>(
          bits | static_cast<std::make_unsigned_t<Integer>>(left_[i]) << (8 * i));
    }
    left_ = left_.subspan(sizeof(Integer));
    return static_cast<Integer>(bits);
  }

  std::string_view text() {
    const auto size = integer<std::uint32_t>();
    if (failed_ || left_.size() < size) {
      failed_ = true;
      return {};
    }
    const std::string_view text(reinterpret_cast<const char*>(left_.data()), size);
    left_ = left_.subspan(size);
    return text;
  }

  std::span<const std::byte> rest() {
    const std::span<const std::byte> bytes = left_;
    left_ = {};
    return failed_ ? std::span<const std::byte>() : bytes;
  }

  void fail() noexcept { failed_ = true; }
  bool failed() const noexcept { return failed_; }
  bool at_end() const noexcept { return !failed_ && left_.empty(); }

 private:
  std::span<const std::byte> left_;
  bool failed_ = false;
};

}  // namespace ftpsfs::writeback
