// SPDX-License-Identifier: MIT
//
// Proof of life: a file of this machine that a mount keeps locked as long as it lives. The kernel
// takes the lock away with the process, however that ends, so that a later mount knows for certain
// who is dead: whose file is here and not locked. Of mounts on other machines, or of other users,
// there is no file here, and nothing is ever assumed of them.
//
// A mount that ends with nothing left on the server takes its file away.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::app {

class MountMark {
 public:
  /// Makes the mark of a new mount, in a private directory inside `directory`, and sees who has
  /// died. @errors access_denied, no_space, io_error: no mark, and nobody is known to be dead.
  static Result<MountMark> make(const std::string& directory);

  /// Unlike that of any other mount, of whatever machine.
  std::uint64_t id() const noexcept { return id_; }
  const std::vector<std::uint64_t>& dead() const noexcept { return dead_; }

  /// Nothing is left on the server: nobody need look for it.
  void end_clean();

 private:
  std::string directory_;
  std::uint64_t id_ = 0;
  UniqueFd lock_;
  std::vector<std::uint64_t> dead_;
};

}  // namespace ftpsfs::app
