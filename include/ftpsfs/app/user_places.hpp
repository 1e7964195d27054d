// SPDX-License-Identifier: MIT
//
// Where a user's own things lie. Reads the environment and the password database; no state.
#pragma once

#include <string>

namespace ftpsfs::app {

/// An absolute path from the environment; empty when unset or relative (XDG says: ignore those).
std::string environment_path(const char* name);

/// The same for a user's own directory: for root, only one that is root's. Under sudo the
/// environment may be that of somebody whose files must not decide for root.
std::string own_directory(const char* name);

/// $HOME as own_directory() reads it, else what the password database says; empty when neither
/// does.
std::string home_directory();

}  // namespace ftpsfs::app
