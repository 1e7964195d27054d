// SPDX-License-Identifier: MIT
//
// Removals of files in one directory, many in a round trip.
#pragma once

#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/writeback/delivery.hpp"
#include "ftpsfs/writeback/queue.hpp"
#include "ftpsfs/writeback/shared_looks.hpp"

namespace ftpsfs::writeback {

/// Removes those that are what they were when their removal was accepted.
/// @param removals all of one directory. @param timeout for each step.
/// @return for each, what a Delivery would say; nullopt: it needs one of its own.
std::vector<std::optional<Result<Delivered>>> remove_together(
    remote::Remote& remote, SharedLooks& looks, std::span<const Queue::Started> removals,
    Duration timeout, const std::stop_token& stop);

}  // namespace ftpsfs::writeback
