// SPDX-License-Identifier: MIT
//
// A directory of one test, gone with all that is in it when the test is over.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "require.hpp"

namespace ftpsfs::test {

class TempDirectory {
 public:
  /// @param parent must exist.
  explicit TempDirectory(
      const std::filesystem::path& parent = std::filesystem::temp_directory_path())
      : path_((std::filesystem::canonical(parent) / "ftpsfs-XXXXXX").string()) {
    require(::mkdtemp(path_.data()) != nullptr, "mkdtemp");
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  /// Absolute, without links.
  const std::string& path() const { return path_; }

  /// For tests that sync often: where no disk is waited for, if there is such a place.
  static std::filesystem::path memory() {
    return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path();
  }

 private:
  std::string path_;
};

}  // namespace ftpsfs::test
