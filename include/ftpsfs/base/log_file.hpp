// SPDX-License-Identifier: MIT
//
// The third place for messages, beside those of log.hpp: a file.
#pragma once

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::log {

/// As configure(), with lines of the form of stderr. Each line is one write.
/// @param file opened for appending; kept open for the process's life.
void configure_file(UniqueFd file, Level level);

}  // namespace ftpsfs::log
