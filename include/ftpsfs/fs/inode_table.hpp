// SPDX-License-Identifier: MIT
//
// Inode numbers and the names they stand for. A node is (parent, name), so that renaming a
// directory moves everything below it at once; paths are built by climbing. A node lives while the
// kernel holds lookups of it, while a child or an open file pins it, and then some: forgotten nodes
// keep their numbers until there are too many of them. No number is used twice. Where the server
// folds case, names that differ in the case of ASCII letters are one, and keep the spelling in
// which they came first.
//
// Thread-safe: one leaf mutex. Knows nothing of attributes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/fs/types.hpp"
#include "ftpsfs/remote/remote_path.hpp"

namespace ftpsfs::fs {

/// Where an inode hangs in the tree.
struct Location {
  Ino parent = kNoIno;
  std::string name;
};

class InodeTable {
 public:
  /// @param idle_limit how many forgotten nodes are remembered.
  explicit InodeTable(std::size_t idle_limit = 50'000);
  ~InodeTable();
  InodeTable(const InodeTable&) = delete;
  InodeTable& operator=(const InodeTable&) = delete;

  void set_case_sensitive(bool sensitive);

  /// The number of (parent, name), made when there is none. When the name now stands for another
  /// type of file, it gets a new number: the kernel does not let an inode change its type.
  /// @param lookups how many to count.
  Ino acquire(Ino parent, std::string_view name, remote::FileType type, std::uint64_t lookups);
  std::optional<Ino> find(Ino parent, std::string_view name) const;
  /// The number that (parent, name) has or will have, where nobody knows yet what it stands for.
  Ino number_of(Ino parent, std::string_view name);
  /// As acquire() without a lookup, for who only guesses: takes no number away from what the name
  /// stands for. @return nullopt: it stands for another type of file.
  std::optional<Ino> foresee(Ino parent, std::string_view name, remote::FileType type);
  void forget(Ino ino, std::uint64_t lookups);

  /// Keeps the node while a file is open. Every pin needs its unpin.
  void pin(Ino ino);
  void unpin(Ino ino);

  /// @errors stale: no such node, or its name was removed.
  Result<Location> locate(Ino ino) const;
  /// The components from the root down. @errors stale, as above.
  Result<remote::RemotePath> path(Ino ino, const remote::RemotePath& root) const;
  /// Is `ino` below (or the same as) `ancestor`?
  bool is_below(Ino ino, Ino ancestor) const;

  /// The name is gone; its node, if any, lives on nameless. @return the node.
  std::optional<Ino> detach(Ino parent, std::string_view name);
  /// The node of (parent, name), if any, moves; a node that held the new name is detached.
  void rename(Ino parent, std::string_view name, Ino new_parent, std::string_view new_name);

  std::size_t size() const;
  /// All inodes that the kernel may remember, for dropping its caches.
  std::vector<Ino> known_to_kernel() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ftpsfs::fs
