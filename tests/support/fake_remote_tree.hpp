// SPDX-License-Identifier: MIT
//
// The files of FakeRemote: a tree in memory that behaves like a POSIX server's disk. Open streams
// keep their node when its name goes. Not thread-safe: FakeRemote locks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/remote/entry.hpp"
#include "ftpsfs/remote/remote_path.hpp"

namespace ftpsfs::test {

struct FakeNode;
using FakeNodePtr = std::shared_ptr<FakeNode>;

struct FakeNode {
  struct Child {
    std::string name;  ///< as it was given: on servers that fold case the key is another
    FakeNodePtr node;
  };

  remote::FileType type = remote::FileType::regular;
  std::uint64_t id = 0;
  std::uint16_t mode = 0644;
  std::int64_t mtime = 0;
  std::string content;  ///< of a file
  std::string target;   ///< of a symlink
  std::map<std::string, Child> children;
};

class FakeTree {
 public:
  explicit FakeTree(bool case_sensitive, std::int64_t now);

  /// @errors not_found, not_directory.
  Result<FakeNodePtr> resolve(const remote::RemotePath& path, bool follow) const;
  /// The directory that the last component is in, links followed. @errors as resolve().
  Result<FakeNodePtr> directory_of(const remote::RemotePath& path) const;

  /// The file of this name, made when there is none.
  /// @errors is_directory; not_found and not_directory about the parent.
  Result<FakeNodePtr> obtain_file(const remote::RemotePath& path, std::int64_t now);
  /// As mkdir -p; for tests' set-up.
  FakeNodePtr obtain_directory(const remote::RemotePath& path, std::int64_t now);
  /// @errors already_exists; about the parent.
  Result<FakeNodePtr> add(const remote::RemotePath& path, remote::FileType type, std::int64_t now);
  Result<void> remove_file(const remote::RemotePath& path, std::int64_t now);
  Result<void> remove_directory(const remote::RemotePath& path, std::int64_t now);
  /// Whatever it is, with all that is below.
  void remove_all(const remote::RemotePath& path);
  Result<void> rename(const remote::RemotePath& from, const remote::RemotePath& to, bool replaces,
                      std::int64_t now);

  const FakeNode& root() const { return *root_; }

 private:
  Result<FakeNodePtr> walk(const remote::RemotePath& path, bool follow, int links) const;
  std::string key(std::string_view name) const;
  FakeNode::Child* find(FakeNode& directory, std::string_view name) const;
  Result<void> check_replaceable(const FakeNodePtr& source, const FakeNodePtr& target,
                                 bool replaces) const;

  const bool case_sensitive_;
  FakeNodePtr root_;
  std::uint64_t next_id_ = 1;
};

}  // namespace ftpsfs::test
