// SPDX-License-Identifier: MIT
//
// From what listings say (ftp::FileFacts) to what the filesystem shows (Entry). Pure.
//
// The mode: bits are as the server shows them, except the owner's read, write and search bits,
// which say what the login may do:
// - the union of the owner's, group's and other's bits, because nobody can tell which class the
//   login is in, and IBM i shows `----rwxr-x` to the one who owns everything. For any sane mode (a
//   class has no right that the owner lacks) the union changes nothing, so chmod reads back what
//   was set;
// - less what the MLSD fact `perm` denies the login outright. It never adds: servers whose `perm`
//   is a setting and not the file's would undo a chmod.
// Where only `perm` is known, group and other get the owner's read and search bits.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "ftpsfs/ftp/file_facts.hpp"
#include "ftpsfs/remote/entry.hpp"

namespace ftpsfs::remote {

/// @param name the last component of the path that was asked for; facts.name may be a path.
Entry to_entry(const ftp::FileFacts& facts, std::string_view name);

/// See above. @return absent when the facts say nothing of rights.
std::optional<std::uint16_t> effective_mode(const ftp::FileFacts& facts);

/// One listing out of two of the same directory: `listed` (LIST) knows every name, symlinks and
/// their targets; `facts` (MLSD) knows exact times and rights, but on some servers leaves dangling
/// symlinks out or shows what a link points to. The order is that of `facts`, which may have
/// been shown already; names that only `listed` has come last.
std::vector<ftp::FileFacts> merge_listings(std::vector<ftp::FileFacts> listed,
                                           std::vector<ftp::FileFacts> facts);

}  // namespace ftpsfs::remote
