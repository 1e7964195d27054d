// SPDX-License-Identifier: MIT
#include "ftpsfs/app/options.hpp"

#include <algorithm>

namespace ftpsfs::app {

log::Level Options::effective_log_level() const {
  if (log_level) {
    return *log_level;
  }
  if (debug) {
    return log::Level::trace;
  }
  constexpr log::Level kByVerbosity[] = {log::Level::warning, log::Level::info, log::Level::debug,
                                         log::Level::trace};
  return kByVerbosity[std::min(verbose, 3U)];
}

}  // namespace ftpsfs::app
