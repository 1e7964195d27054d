// SPDX-License-Identifier: MIT
//
// Names that ftpsfs itself makes on the server: files on their way to replace another, and removed
// files that are still open. No program of the mount sees them.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace ftpsfs::fs {

class HiddenNames {
 public:
  /// `seed` makes the names of two mounts of one directory different.
  explicit HiddenNames(std::uint64_t seed) : seed_(seed) {}

  std::string upload() { return make(".part"); }
  std::string removed() { return make(".removed"); }

  static bool is_hidden(std::string_view name) {
    return name.starts_with(kPrefix) && (name.ends_with(".part") || name.ends_with(".removed"));
  }

 private:
  static constexpr std::string_view kPrefix = ".ftpsfs-";

  std::string make(std::string_view suffix) {
    // A Weyl sequence over a random start: distinct within a mount, unlike those of another one.
    std::uint64_t value = seed_ + 0x9e3779b97f4a7c15ULL * ++count_;
    std::string name(kPrefix);
    for (int digit = 0; digit < 16; ++digit, value >>= 4U) {
      name += "0123456789abcdef"[value & 15U];
    }
    return name.append(suffix);
  }

  const std::uint64_t seed_;
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace ftpsfs::fs
