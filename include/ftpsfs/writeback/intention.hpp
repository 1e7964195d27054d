// SPDX-License-Identifier: MIT
//
// A change that was accepted from a program and is owed to the server. Values only: what they mean
// together is the queue's affair, how they are kept the journal's.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/remote/entry.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/remote/remote_path.hpp"

namespace ftpsfs::writeback {

/// Rises in the order in which things were accepted; never 0, never used twice in a journal.
using IntentionId = std::uint64_t;
using ContentId = std::uint64_t;

// The numbers are in journals: they keep their meaning for ever.
enum class Action : std::uint8_t {
  upload = 1,
  make_directory = 2,
  remove_file = 3,
  remove_directory = 4,
  rename = 5,
  set_attributes = 6,
};

/// What a name was on the server when a change of it was accepted, so that what others do meanwhile
/// is seen.
struct Base {
  enum class Kind : std::uint8_t {
    absent = 1,   ///< there was no such file
    version = 2,  ///< this one
    ours = 3,     ///< what an earlier intention leaves there
  };
  Kind kind = Kind::absent;
  remote::FileVersion version;  ///< of Kind::version; without `unique`
};

struct Intention {
  Action action = Action::upload;
  remote::RemotePath path;
  remote::RemotePath target;  ///< of a rename
  Base base;                  ///< of the path, or of a rename's target; not of directories
  Base source;                ///< of a rename's path
  ContentId content = 0;      ///< of an upload
  std::uint64_t size = 0;     ///< of an upload, and of the file that a rename moves, in bytes
  /// Of an upload, of set_attributes and of make_directory (its mode alone). Of a rename: what
  /// programs see of the file; nothing that is to be set.
  remote::UploadTail tail;
  std::int64_t accepted = 0;  ///< when, in Unix seconds
  /// Why the server will not have it; empty while it is still to be tried. What was refused is kept
  /// until somebody decides.
  std::string refusal;
};

/// A change of one name.
inline Intention intention_of(Action action, const remote::RemotePath& path,
                              const Base& base = {}) {
  Intention intention;
  intention.action = action;
  intention.path = path;
  intention.base = base;
  return intention;
}

/// A step of the journal: all of it holds, or nothing.
struct Edit {
  /// In place of what had this id; a new id is later than all others.
  std::vector<std::pair<IntentionId, Intention>> puts;
  std::vector<IntentionId> drops;

  bool empty() const noexcept { return puts.empty() && drops.empty(); }
};

}  // namespace ftpsfs::writeback
