// SPDX-License-Identifier: MIT
//
// How names are compared on servers that take those which differ in case for one file. ASCII
// letters alone are folded: of others each server, and each of its file systems, has its own idea.
#pragma once

#include <cstddef>
#include <string_view>

#include "ftpsfs/base/fnv1a.hpp"
#include "ftpsfs/ftp/ascii.hpp"

namespace ftpsfs::remote {

struct SameName {
  bool operator()(std::string_view a, std::string_view b) const noexcept { return a == b; }
};

struct SameFoldedName {
  bool operator()(std::string_view a, std::string_view b) const noexcept {
    return ftp::ascii::equal_ignoring_case(a, b);
  }
};

/// Fits both ways of comparing, so that one index serves them.
struct FoldedNameHash {
  std::size_t operator()(std::string_view text) const noexcept {
    Fnv1a hash;
    for (const char c : text) {
      hash.add(ftp::ascii::to_lower(c));
    }
    return static_cast<std::size_t>(hash.value());
  }
};

}  // namespace ftpsfs::remote
