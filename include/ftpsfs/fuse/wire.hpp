// SPDX-License-Identifier: MIT
//
// How libfuse reads from and writes to the kernel. It stands between them for one correction:
// libfuse 3.14 takes FUSE_CAP_PARALLEL_DIROPS but never passes it on, and then the kernel lets only
// one program at a time look a name up in a directory; the others wait for the first one's answer
// and cannot even be killed.
//
// Thread-safe once the session exists.
#pragma once

#include <sys/uio.h>

#include <atomic>

#include "ftpsfs/fuse/libfuse.hpp"

namespace ftpsfs::fuse {

class Wire {
 public:
  /// For fuse_session_custom_io().
  /// @param inner does the reading and writing; null: the system's calls, on /dev/fuse.
  static const fuse_custom_io& functions();
  void use(const fuse_custom_io* inner) noexcept { inner_ = inner; }

  /// INIT was agreed on with this; its reply is the next one.
  void expect_init_reply(bool parallel_directories) noexcept {
    parallel_directories_ = parallel_directories;
  }

 private:
  static ssize_t read(int fd, void* buffer, size_t size, void* userdata);
  static ssize_t writev(int fd, iovec* parts, int count, void* userdata);

  ssize_t write_init_reply(int fd, iovec* parts, int count, void* userdata);
  ssize_t write_parts(int fd, iovec* parts, int count, void* userdata) const;

  const fuse_custom_io* inner_ = nullptr;
  std::atomic<bool> parallel_directories_{false};  ///< and still to be said
};

}  // namespace ftpsfs::fuse
