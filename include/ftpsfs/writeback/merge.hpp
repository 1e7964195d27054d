// SPDX-License-Identifier: MIT
//
// What two intentions are to each other: may they change places, may one stand for both? Pure.
#pragma once

#include <optional>

#include "ftpsfs/writeback/intention.hpp"

namespace ftpsfs::writeback {

/// The path under which an upload or a rename leaves a file; else the path itself.
const remote::RemotePath& result_path(const Intention& intention) noexcept;

/// What is set in the end when both are.
remote::UploadTail combined(const remote::UploadTail& earlier, const remote::UploadTail& later);

/// What is left of two.
struct Merged {
  std::optional<Intention> intention;  ///< absent: nothing
};

/// @pre neither has been begun; what was accepted between the two has nothing to do with `later`.
/// @return nullopt: both have to be carried out.
std::optional<Merged> merge(const Intention& earlier, const Intention& later);

}  // namespace ftpsfs::writeback
