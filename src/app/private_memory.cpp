// SPDX-License-Identifier: MIT
#include "ftpsfs/app/private_memory.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ftpsfs/base/unique_fd.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define FTPSFS_LEAK_CHECKER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FTPSFS_LEAK_CHECKER 1
#endif
#endif

namespace ftpsfs::app {
namespace {

/// For all memory what MADV_DONTDUMP is for a part of it: should a core be written all the same
/// (fs.suid_dumpable=2), it holds registers alone. Buffers of OpenSSL and of the allocator have
/// held secrets, too.
void keep_memory_out_of_cores() {
  const UniqueFd filter(::open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC));
  if (filter) {
    [[maybe_unused]] const ssize_t written = ::write(filter.get(), "0", 1);
  }
}

}  // namespace

void keep_memory_private() {
  keep_memory_out_of_cores();      // first: what cannot be dumped is root's in /proc
#if !defined(FTPSFS_LEAK_CHECKER)  // LeakSanitizer reads its own process as a debugger does
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace ftpsfs::app
