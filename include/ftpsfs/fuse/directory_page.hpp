// SPDX-License-Identifier: MIT
//
// One answer to READDIR or READDIRPLUS: names packed up to the size that the kernel asked for.
//
// Offsets: the kernel's 1 and 2 stand behind "." and "..", which are added here; what the
// filesystem calls offset n is n + 2 for the kernel. 0 is the start for both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ftpsfs/fs/types.hpp"

namespace ftpsfs::fuse {

class DirectoryPage {
 public:
  static constexpr std::uint64_t kDots = 2;

  DirectoryPage(std::size_t size, bool plus) : plus_(plus), bytes_(size) {}

  /// Adds what of "." and ".." lies behind the kernel's `offset`. @return false: no room.
  bool add_dots(fs::Ino directory, std::uint64_t offset);
  /// @return false: it did not fit, and nothing was stored.
  bool add(const fs::DirectoryItem& item);

  /// Where the filesystem goes on for the kernel's `offset`.
  static std::uint64_t filesystem_offset(std::uint64_t offset) {
    return offset < kDots ? 0 : offset - kDots;
  }

  bool plus() const noexcept { return plus_; }
  bool empty() const noexcept { return used_ == 0; }
  const char* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return used_; }
  /// Inodes whose lookup count the kernel takes over with this page; one element for each count.
  const std::vector<fs::Ino>& counted() const noexcept { return counted_; }

 private:
  bool store(const std::string& name, const fs::Attributes& shown, const fs::EntryReply* entry,
             std::uint64_t next_offset);

  bool plus_;
  std::vector<char> bytes_;
  std::size_t used_ = 0;
  std::vector<fs::Ino> counted_;
};

}  // namespace ftpsfs::fuse
