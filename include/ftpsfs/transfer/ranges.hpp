// SPDX-License-Identifier: MIT
//
// A set of byte offsets, kept as ranges. Pure; not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace ftpsfs::transfer {

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  ///< one behind the last

  friend bool operator==(const Range&, const Range&) = default;
};

class Ranges {
 public:
  /// @return how many of them were not in the set.
  std::uint64_t add(Range range);
  /// @return how many of them were in the set.
  std::uint64_t remove(Range range);
  /// The first part of `range` that is not in the set.
  std::optional<Range> first_gap(Range range) const;
  /// How many of `range` are not in the set.
  std::uint64_t missing(Range range) const;

 private:
  std::map<std::uint64_t, std::uint64_t> ends_;  ///< by beginning; none touch
};

}  // namespace ftpsfs::transfer
