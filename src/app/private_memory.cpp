// SPDX-License-Identifier: MIT
#include "ftpsfs/app/private_memory.hpp"

#include <sys/prctl.h>

#if defined(__SANITIZE_ADDRESS__)
#define FTPSFS_LEAK_CHECKER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FTPSFS_LEAK_CHECKER 1
#endif
#endif

namespace ftpsfs::app {

void keep_memory_private() {
#if !defined(FTPSFS_LEAK_CHECKER)  // LeakSanitizer reads its own process as a debugger does
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace ftpsfs::app
