// SPDX-License-Identifier: MIT
//
// For the doubles' own set-up: where that fails, no test can tell anything.
#pragma once

#include <stdexcept>
#include <string>

namespace ftpsfs::test {

/// @param what was being done.
inline void require(bool ok, const char* what) {
  if (!ok) {
    throw std::runtime_error(std::string("test set-up failed: ") + what);
  }
}

}  // namespace ftpsfs::test
