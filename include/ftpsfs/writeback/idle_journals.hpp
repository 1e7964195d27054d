// SPDX-License-Identifier: MIT
//
// Journals that hold changes, and that no process works on: whoever mounts the same server without
// them is to be told. They are only read, and their locks are not taken: a mount that begins
// meanwhile must get them. No state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::writeback {

struct IdleJournal {
  std::string place;     ///< the directory in which it lies, with others
  std::string path;      ///< its own
  std::string identity;  ///< server, user and directory
};

/// Those in `places`, and in the places that are noted there, whose identity begins with `login`.
std::vector<IdleJournal> find_idle_journals(const std::vector<std::string>& places,
                                            std::string_view login);

/// So that journals in `place` are found by who looks in `known`, too. Does nothing where they are
/// the same; places that are no more are forgotten. @errors those of the local disk.
Result<void> note_journal_place(const std::string& known, const std::string& place);

}  // namespace ftpsfs::writeback
