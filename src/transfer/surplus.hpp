// SPDX-License-Identifier: MIT
//
// What a download brings beyond the size that the server told when it began. The file may have
// grown meanwhile; or the server converts line ends in spite of TYPE I, and then no byte of it is
// at its place. So the piece in which that size ends is kept apart until the server has been asked
// again. Where pieces end just there, only what comes behind is. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/remote.hpp"

namespace ftpsfs::transfer {

class Surplus {
 public:
  /// @param told absent: nothing is too much. Nor is it where that is 0: files without a length of
  /// their own (/proc).
  explicit Surplus(std::optional<std::uint64_t> told) : told_(told) {}

  /// Does a piece that ends there, or what was taken before it, go beyond the size?
  bool has(std::uint64_t end) const {
    return !bytes_.empty() || (told_.value_or(0) > 0 && end > *told_);
  }
  void take(std::span<const std::byte> piece) {
    bytes_.insert(bytes_.end(), piece.begin(), piece.end());
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }
  /// The rest of the transfer is not worth the memory.
  bool is_enough() const { return bytes_.size() >= kMost; }

  /// Asks for the file's size once more. To be called when the transfer holds no session any more.
  /// @errors io_error, which is logged: it is the old one; those of Remote::version.
  Result<void> check(remote::Remote& remote, const remote::RemotePath& path,
                     const Wait& wait) const;

 private:
  static constexpr std::size_t kMost = 128ULL << 10;

  const std::optional<std::uint64_t> told_;
  std::vector<std::byte> bytes_;
};

}  // namespace ftpsfs::transfer
