// SPDX-License-Identifier: MIT
//
// Time that has to pass, in which nothing is waited for but a stop.
#pragma once

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs {

/// Sleeps until the deadline has come or a stop was asked.
inline void pause_for(const Wait& wait) {
  Mutex mutex;
  ConditionVariable never;
  const MutexLock lock(mutex);
  never.wait(mutex, wait, [] { return false; });
}

}  // namespace ftpsfs
