// SPDX-License-Identifier: MIT
//
// How the filesystem tells the kernel that something it remembers has changed. Handed down from
// the fuse floor; calls only queue (a notification from inside a request would deadlock with the
// kernel's inode locks), but for the one that says so, and never block. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ftpsfs/base/slice.hpp"
#include "ftpsfs/fs/types.hpp"

namespace ftpsfs::fs {

/// Alive while pages are on their way to the kernel.
using PageTicket = std::shared_ptr<void>;
using AdmitPages = std::function<PageTicket()>;
using PagesDropped = std::function<void(bool is_done)>;

class KernelCache {
 public:
  virtual ~KernelCache() = default;
  /// Forget that `name` in `parent` is, or is not, there.
  virtual void invalidate_entry(Ino parent, std::string name) = 0;
  /// Keep these pages of a file, when the time has come and there is nothing more urgent; else
  /// nothing is done.
  /// @param offset a multiple of 4096, and so is the end, unless it is the end of the file.
  /// @param admit asked just before, on another thread, under no lock. Null: not any more. Else
  /// what it gives is kept until the kernel has the pages.
  /// @return false: so much waits already that they were not taken.
  virtual bool store_pages(Ino ino, std::uint64_t offset, Slices bytes, AdmitPages admit) = 0;
  /// Drop the pages of a file from that which has byte `offset` on.
  /// @param then called once, on any thread, maybe before this returns: with true when the kernel
  /// has dropped them, those too that were being read when this was called.
  virtual void drop_pages(Ino ino, std::uint64_t offset, PagesDropped then) = 0;
  /// Forget attributes, and pages too when `data`.
  virtual void invalidate_inode(Ino ino, bool data) = 0;
  /// Ask again for attributes, and believe no answer to what was asked of them before this returns.
  /// At once, from inside a request, too: the kernel takes no lock for it that a request may have.
  virtual void outdate_attributes(Ino ino) = 0;
};

}  // namespace ftpsfs::fs
