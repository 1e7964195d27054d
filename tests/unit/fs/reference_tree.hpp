// SPDX-License-Identifier: MIT
//
// What the model test compares the filesystem with: a tree in memory that behaves like a local
// disk, and the choice of places, names and contents by chance. Knows nothing of the filesystem.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::fs::model {

struct Node;
using NodePtr = std::shared_ptr<Node>;
struct Node {
  enum class Kind { file, directory, symlink } kind = Kind::file;
  std::string content;  ///< or the link's target
  std::map<std::string, NodePtr> children;
  std::optional<std::uint32_t> mode;  ///< only while it is known for sure
  std::optional<std::int64_t> mtime;
  int handles = 0;  ///< open here

  bool is(Kind wanted) const { return kind == wanted; }
};

/// A place in the tree: a directory and a name in it, there or not.
struct Place {
  std::vector<std::string> directories;
  NodePtr directory;
  std::string name;
  NodePtr node;  ///< null: there is nothing

  std::string text() const {
    std::string result;
    for (const std::string& part : directories) {
      result += '/' + part;
    }
    return result + '/' + name;
  }
};

/// The tree as FakeRemote::snapshot() would show it.
inline void add_expected(const Node& directory, const std::string& path,
                         std::map<std::string, std::string>& into) {
  for (const auto& [name, node] : directory.children) {
    const std::string where = path + '/' + name;
    if (node->is(Node::Kind::directory)) {
      into[where + '/'];
      add_expected(*node, where, into);
    } else {
      into[where] = node->is(Node::Kind::symlink) ? "-> " + node->content : node->content;
    }
  }
}

/// For people: where two snapshots differ.
inline std::string describe(const std::map<std::string, std::string>& got,
                            const std::map<std::string, std::string>& expected) {
  std::string text = "the server differs from the model:\n";
  for (const auto& [name, content] : got) {
    if (expected.count(name) == 0) {
      text += "  too much: " + name + '\n';
    } else if (expected.at(name) != content) {
      text += "  other content: " + name + '\n';
    }
  }
  for (const auto& [name, content] : expected) {
    if (got.count(name) == 0) {
      text += "  missing: " + name + '\n';
    }
  }
  return text;
}

/// Is `wanted` the tree's root, or below it?
inline bool contains(const NodePtr& tree, const NodePtr& wanted) {
  return tree == wanted ||
         std::any_of(tree->children.begin(), tree->children.end(),
                     [&](const auto& child) { return contains(child.second, wanted); });
}

/// What rename(2) says.
inline std::optional<Errc> rename_error(const Place& from, const Place& to, bool no_replace) {
  if (!from.node) {
    return Errc::not_found;
  }
  if (to.node && no_replace) {
    return Errc::already_exists;
  }
  if (from.node == to.node) {
    return std::nullopt;
  }
  if (contains(from.node, to.directory)) {
    return Errc::invalid_argument;
  }
  if (!to.node) {
    return std::nullopt;
  }
  const bool onto_directory = to.node->is(Node::Kind::directory);
  if (from.node->is(Node::Kind::directory) != onto_directory) {
    return onto_directory ? Errc::is_directory : Errc::not_directory;
  }
  return to.node->children.empty() ? std::nullopt : std::optional(Errc::not_empty);
}

/// Names, bytes and places by chance, the same for the same seed.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
  std::string any_name() {
    static const std::vector<std::string> kNames = {"a", "b", "c", "d e", "-x", "ü[1]", ".dot"};
    return kNames[below(kNames.size())];
  }
  std::string any_bytes() {
    const std::size_t size = below(40) == 0 ? 600'000 + below(100'000) : below(3000);
    const char first = static_cast<char>('a' + below(26));
    std::string bytes(size, first);
    for (std::size_t i = 0; i < size; i += 97) {
      bytes[i] = static_cast<char>('A' + (i + static_cast<std::size_t>(first)) % 26);
    }
    return bytes;
  }
  /// A few levels down at random; names that are there come more often.
  Place any_place(const NodePtr& root) {
    Place place;
    place.directory = root;
    while (below(3) != 0) {
      std::vector<std::pair<std::string, NodePtr>> below_here;
      for (const auto& [name, node] : place.directory->children) {
        if (node->is(Node::Kind::directory)) {
          below_here.emplace_back(name, node);
        }
      }
      if (below_here.empty()) {
        break;
      }
      const auto& [name, node] = below_here[below(below_here.size())];
      place.directories.push_back(name);
      place.directory = node;
    }
    const auto& children = place.directory->children;
    place.name =
        !children.empty() && below(3) != 0
            ? std::next(children.begin(), static_cast<std::ptrdiff_t>(below(children.size())))
                  ->first
            : any_name();
    const auto found = children.find(place.name);
    place.node = found == children.end() ? nullptr : found->second;
    return place;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace ftpsfs::fs::model
