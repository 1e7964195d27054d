// SPDX-License-Identifier: MIT
//
// The files of FaultyFtpsServer: a tree in memory with modes and times. Paths are absolute,
// "/a/b"; "" and "/" are the root. Thread-safe: each call is one step under one mutex.
#pragma once

#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::test {

class FaultyTree {
 public:
  struct Node {
    bool directory = false;
    unsigned mode = 0644;
    std::time_t mtime = 0;
    std::string content;      ///< of a file
    std::string link_target;  ///< not empty: a symbolic link; followed by CWD, SIZE, MDTM and RETR
    std::uint64_t unique = 0;
  };
  struct Named {
    std::string name;
    Node node;  ///< without its content: `size` has the length
    std::uint64_t size = 0;
  };
  /// Why a change was not made, in the words of a real server ("No such file or directory").
  using Refusal = std::optional<std::string>;

  FaultyTree();

  // For tests.
  void add_directory(const std::string& path);
  void add_file(const std::string& path, std::string content, std::time_t mtime = kEpoch,
                unsigned mode = 0644);
  std::optional<std::string> content(const std::string& path) const;
  bool exists(const std::string& path) const;
  void add_link(const std::string& path, std::string target);

  // For the server's dialogue.
  std::optional<Named> find(const std::string& path) const;
  /// What the last name of a path leads to: the path itself where that is no link.
  /// @return nullopt: nowhere.
  std::optional<std::string> follow(const std::string& path) const;
  std::optional<std::vector<Named>> list(const std::string& path) const;
  /// Empty (new or truncated) file, ready for append().
  Refusal create(const std::string& path, std::uint64_t keep_bytes);
  Refusal append(const std::string& path, std::string_view bytes);
  std::string read_at(const std::string& path, std::uint64_t offset, std::size_t limit) const;
  Refusal make_directory(const std::string& path);
  Refusal remove_file(const std::string& path);
  Refusal remove_directory(const std::string& path);
  Refusal rename(const std::string& from, const std::string& to);
  Refusal set_mode(const std::string& path, unsigned mode);
  Refusal set_mtime(const std::string& path, std::time_t mtime);

  static constexpr std::time_t kEpoch = 1'600'000'000;  // 2020-09-13 12:26:40 UTC

 private:
  Refusal check_new(const std::string& path) const FTPSFS_REQUIRES(mutex_);
  bool has_children(const std::string& path) const FTPSFS_REQUIRES(mutex_);
  Node& put(const std::string& path, bool directory) FTPSFS_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, Node> nodes_ FTPSFS_GUARDED_BY(mutex_);
  std::time_t now_ FTPSFS_GUARDED_BY(mutex_) = kEpoch;
  std::uint64_t next_unique_ FTPSFS_GUARDED_BY(mutex_) = 1;
};

/// "/a/b" from a current directory and an argument, with "." and ".." resolved.
std::string absolute_path(const std::string& current, const std::string& argument);

}  // namespace ftpsfs::test
