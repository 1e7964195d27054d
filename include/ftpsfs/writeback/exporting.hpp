// SPDX-License-Identifier: MIT
//
// Takes what the server has refused out of a journal. No state.
#pragma once

#include <cstddef>
#include <string>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/writeback/courier.hpp"

namespace ftpsfs::writeback {

/// Copies the content of each refused upload into `directory`, under the last part of its name; one
/// that is taken gets a number behind it. The journal keeps all.
/// @return how many. @errors those of the local disk: what was copied before stays.
Result<std::size_t> export_refused(const Courier& courier, const std::string& directory);

}  // namespace ftpsfs::writeback
