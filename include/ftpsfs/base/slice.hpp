// SPDX-License-Identifier: MIT
//
// A piece of file content that lives as long as its owner is held, so that bytes travel between
// floors without being copied. Immutable once shared.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace ftpsfs {

struct Slice {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
};
using Slices = std::vector<Slice>;

inline std::size_t total_bytes(const Slices& slices) {
  std::size_t sum = 0;
  for (const Slice& slice : slices) {
    sum += slice.bytes.size();
  }
  return sum;
}

/// A slice that owns a copy of `bytes`.
inline Slice copy_of(std::span<const std::byte> bytes) {
  auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
  const std::span<const std::byte> view(*copy);
  return Slice{std::move(copy), view};
}

}  // namespace ftpsfs
