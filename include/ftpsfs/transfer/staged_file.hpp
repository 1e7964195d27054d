// SPDX-License-Identifier: MIT
//
// A local copy of a remote file, for what FTP cannot do in place: random writes, truncation, mmap.
// The file has no name, so that nothing is left behind whatever happens to the process.
//
// Thread-safe as pread(2) and pwrite(2) are; who orders writes against an upload is the caller.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/slice.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::transfer {

class StagedFile {
 public:
  /// An empty file in `directory`.
  /// @errors no_space, access_denied, io_error, with the directory's name in the text.
  static Result<std::shared_ptr<StagedFile>> create(const std::string& directory);

  /// Bytes [offset, offset + size), shorter at the end of the file.
  Result<Slices> read(std::uint64_t offset, std::size_t size) const;

  /// Writes all of `data`; a gap before `offset` reads as zeros.
  /// @errors no_space, file_too_large, io_error. On an error a part may have been written.
  Result<void> write(std::uint64_t offset, std::span<const std::byte> data);

  /// Cuts, or grows with zeros.
  Result<void> truncate(std::uint64_t size);

  std::uint64_t size() const noexcept { return size_.load(); }

 private:
  explicit StagedFile(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  std::atomic<std::uint64_t> size_{0};
};

}  // namespace ftpsfs::transfer
