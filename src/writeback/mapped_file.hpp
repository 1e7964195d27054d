// SPDX-License-Identifier: MIT
#pragma once

#include <sys/mman.h>
#include <sys/stat.h>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/writeback/journal_directory.hpp"

namespace ftpsfs::writeback {

/// A file's bytes, as long as this lives.
class MappedFile {
 public:
  static Result<MappedFile> map(int fd, const std::string& name) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) {
      return local_error("cannot look at", name);
    }
    MappedFile file;
    file.size_ = static_cast<std::size_t>(status.st_size);
    if (file.size_ > 0) {
      file.start_ = ::mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, fd, 0);
      if (file.start_ == MAP_FAILED) {
        file.start_ = nullptr;
        return local_error("cannot read", name);
      }
    }
    return file;
  }
  MappedFile(MappedFile&& other) noexcept
      : start_(std::exchange(other.start_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (start_ != nullptr) {
      ::munmap(start_, size_);
    }
  }

  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(start_), size_};
  }

 private:
  MappedFile() = default;
  void* start_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ftpsfs::writeback
