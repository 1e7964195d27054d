// SPDX-License-Identifier: MIT
//
// The patience of this floor's tests.
#pragma once

#include <chrono>

#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::session {

/// For what is sure to come, also on a busy machine and under sanitizers.
inline Wait soon() {
  return Wait::for_at_most(std::chrono::seconds(20));
}

}  // namespace ftpsfs::session
