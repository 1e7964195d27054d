// SPDX-License-Identifier: MIT
//
// How the filesystem tells the kernel that something it remembers has changed. Handed down from
// the fuse floor; calls only queue (a notification from inside a request would deadlock with the
// kernel's inode locks) and never block. Thread-safe.
#pragma once

#include <string>

#include "ftpsfs/fs/types.hpp"

namespace ftpsfs::fs {

class KernelCache {
 public:
  virtual ~KernelCache() = default;
  /// Forget that `name` in `parent` is, or is not, there.
  virtual void invalidate_entry(Ino parent, std::string name) = 0;
  /// Forget attributes, and pages too when `data`.
  virtual void invalidate_inode(Ino ino, bool data) = 0;
};

}  // namespace ftpsfs::fs
