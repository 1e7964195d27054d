// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace ftpsfs::transfer {

inline constexpr std::size_t kMebibyte = 1ULL << 20;

}  // namespace ftpsfs::transfer
