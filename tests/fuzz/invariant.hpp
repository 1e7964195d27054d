// SPDX-License-Identifier: MIT
//
// What a fuzz target demands of its results: a breach is a crash, which libFuzzer keeps.
#pragma once

#include <cstdlib>

namespace ftpsfs::fuzz {

inline void demand(bool invariant) {
  if (!invariant) {
    std::abort();
  }
}

}  // namespace ftpsfs::fuzz
