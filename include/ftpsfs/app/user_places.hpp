// SPDX-License-Identifier: MIT
//
// Where a user's own things lie. Reads the environment and the password database; no state.
#pragma once

#include <string>

namespace ftpsfs::app {

/// An absolute path from the environment; empty when unset or relative (XDG says: ignore those).
std::string environment_path(const char* name);

/// $HOME, else what the password database says; empty when neither does.
std::string home_directory();

}  // namespace ftpsfs::app
