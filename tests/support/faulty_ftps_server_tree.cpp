// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server_tree.hpp. A flat map from path to node: its order puts a directory before
// what it holds.
#include "support/faulty_ftps_server_tree.hpp"

#include <utility>

namespace ftpsfs::test {
namespace {

constexpr const char* kMissing = "No such file or directory";
constexpr const char* kNotDirectory = "Not a directory";
constexpr const char* kIsDirectory = "Is a directory";

/// The root is "" inside, so that a child's path is always parent + "/" + name.
std::string normal(const std::string& path) {
  return path == "/" ? std::string() : path;
}

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

FaultyTree::FaultyTree() {
  const MutexLock lock(mutex_);
  put("", true);
}

FaultyTree::Node& FaultyTree::put(const std::string& path, bool directory) {
  Node& node = nodes_[path];
  node = Node{};
  node.directory = directory;
  node.mode = directory ? 0755 : 0644;
  node.mtime = ++now_;
  node.unique = next_unique_++;
  return node;
}

bool FaultyTree::has_children(const std::string& path) const {
  const auto next = nodes_.lower_bound(path + "/");
  return next != nodes_.end() && next->first.starts_with(path + "/");
}

FaultyTree::Refusal FaultyTree::check_new(const std::string& path) const {
  const auto parent = nodes_.find(parent_of(path));
  if (parent == nodes_.end()) {
    return kMissing;
  }
  return parent->second.directory ? Refusal() : Refusal(kNotDirectory);
}

void FaultyTree::add_directory(const std::string& path) {
  const MutexLock lock(mutex_);
  put(normal(path), true).mtime = kEpoch;
}

void FaultyTree::add_file(const std::string& path, std::string content, std::time_t mtime,
                          unsigned mode) {
  const MutexLock lock(mutex_);
  Node& node = put(normal(path), false);
  node.content = std::move(content);
  node.mtime = mtime;
  node.mode = mode;
}

void FaultyTree::add_link(const std::string& path, std::string target) {
  const MutexLock lock(mutex_);
  Node& node = put(normal(path), false);
  node.mode = 0777;
  node.link_target = std::move(target);
}

std::optional<std::string> FaultyTree::content(const std::string& path) const {
  const MutexLock lock(mutex_);
  const auto at = nodes_.find(normal(path));
  if (at == nodes_.end() || at->second.directory) {
    return std::nullopt;
  }
  return at->second.content;
}

bool FaultyTree::exists(const std::string& path) const {
  const MutexLock lock(mutex_);
  return nodes_.contains(normal(path));
}

namespace {

FaultyTree::Named without_content(const std::string& path, const FaultyTree::Node& node) {
  FaultyTree::Named named;
  named.name = name_of(path);
  named.size = node.content.size();
  named.node.directory = node.directory;
  named.node.mode = node.mode;
  named.node.mtime = node.mtime;
  named.node.link_target = node.link_target;
  named.node.unique = node.unique;
  return named;
}

}  // namespace

std::optional<FaultyTree::Named> FaultyTree::find(const std::string& path) const {
  const MutexLock lock(mutex_);
  const auto at = nodes_.find(normal(path));
  if (at == nodes_.end()) {
    return std::nullopt;
  }
  return without_content(at->first, at->second);
}

std::optional<std::string> FaultyTree::follow(const std::string& path) const {
  constexpr int kMostHops = 8;
  const MutexLock lock(mutex_);
  std::string at = normal(path);
  for (int links = 0; links <= kMostHops; ++links) {
    const auto found = nodes_.find(at);
    if (found == nodes_.end()) {
      return std::nullopt;
    }
    if (found->second.link_target.empty()) {
      return at.empty() ? "/" : at;
    }
    at = normal(absolute_path(parent_of(at), found->second.link_target));
  }
  return std::nullopt;
}

std::optional<std::vector<FaultyTree::Named>> FaultyTree::list(const std::string& path) const {
  const MutexLock lock(mutex_);
  const std::string directory = normal(path);
  const auto own = nodes_.find(directory);
  if (own == nodes_.end() || !own->second.directory) {
    return std::nullopt;
  }
  std::vector<Named> found;
  const std::string prefix = directory + "/";
  for (auto at = nodes_.lower_bound(prefix); at != nodes_.end() && at->first.starts_with(prefix);
       ++at) {
    if (at->first.find('/', prefix.size()) == std::string::npos) {
      found.push_back(without_content(at->first, at->second));
    }
  }
  return found;
}

FaultyTree::Refusal FaultyTree::create(const std::string& path, std::uint64_t keep_bytes) {
  const MutexLock lock(mutex_);
  if (Refusal refusal = check_new(path)) {
    return refusal;
  }
  const auto at = nodes_.find(path);
  if (at == nodes_.end()) {
    put(path, false).content.resize(keep_bytes);
    return {};
  }
  if (at->second.directory) {
    return kIsDirectory;
  }
  at->second.content.resize(keep_bytes);
  at->second.mtime = ++now_;
  return {};
}

FaultyTree::Refusal FaultyTree::append(const std::string& path, std::string_view bytes) {
  const MutexLock lock(mutex_);
  const auto at = nodes_.find(path);
  if (at == nodes_.end()) {
    return {};  // unlinked meanwhile: the bytes go where such bytes go
  }
  at->second.content.append(bytes);
  at->second.mtime = ++now_;
  return {};
}

std::string FaultyTree::read_at(const std::string& path, std::uint64_t offset,
                                std::size_t limit) const {
  const MutexLock lock(mutex_);
  const auto at = nodes_.find(path);
  if (at == nodes_.end() || offset >= at->second.content.size()) {
    return {};
  }
  return at->second.content.substr(offset, limit);
}

FaultyTree::Refusal FaultyTree::make_directory(const std::string& path) {
  const MutexLock lock(mutex_);
  if (nodes_.contains(normal(path))) {
    return "File exists";
  }
  if (Refusal refusal = check_new(path)) {
    return refusal;
  }
  put(path, true);
  return {};
}

FaultyTree::Refusal FaultyTree::remove_file(const std::string& path) {
  const MutexLock lock(mutex_);
  const auto at = nodes_.find(normal(path));
  if (at == nodes_.end()) {
    return kMissing;
  }
  if (at->second.directory) {
    return kIsDirectory;
  }
  nodes_.erase(at);
  ++now_;
  return {};
}

FaultyTree::Refusal FaultyTree::remove_directory(const std::string& path) {
  const MutexLock lock(mutex_);
  const auto at = nodes_.find(normal(path));
  if (at == nodes_.end()) {
    return kMissing;
  }
  if (!at->second.directory) {
    return kNotDirectory;
  }
  if (has_children(at->first)) {
    return "Directory not empty";
  }
  nodes_.erase(at);
  ++now_;
  return {};
}

FaultyTree::Refusal FaultyTree::rename(const std::string& from, const std::string& to) {
  const MutexLock lock(mutex_);
  const auto source = nodes_.find(from);
  if (source == nodes_.end()) {
    return kMissing;
  }
  if (Refusal refusal = check_new(to)) {
    return refusal;
  }
  if (from == to) {
    return {};
  }
  if (to.starts_with(from + "/")) {
    return "Invalid argument";
  }
  if (const auto target = nodes_.find(to); target != nodes_.end()) {
    if (target->second.directory != source->second.directory) {
      return target->second.directory ? kIsDirectory : kNotDirectory;
    }
    if (has_children(to)) {
      return "Directory not empty";
    }
    nodes_.erase(target);
  }
  std::vector<std::pair<std::string, Node>> moved;
  const std::string below = from + "/";
  moved.emplace_back(to, std::move(source->second));
  nodes_.erase(source);
  for (auto at = nodes_.lower_bound(below); at != nodes_.end() && at->first.starts_with(below);) {
    moved.emplace_back(to + "/" + at->first.substr(below.size()), std::move(at->second));
    at = nodes_.erase(at);
  }
  for (auto& [path, node] : moved) {
    nodes_[path] = std::move(node);
  }
  return {};
}

FaultyTree::Refusal FaultyTree::set_mode(const std::string& path, unsigned mode) {
  const MutexLock lock(mutex_);
  const auto at = nodes_.find(normal(path));
  if (at == nodes_.end()) {
    return kMissing;
  }
  at->second.mode = mode;
  return {};
}

FaultyTree::Refusal FaultyTree::set_mtime(const std::string& path, std::time_t mtime) {
  const MutexLock lock(mutex_);
  const auto at = nodes_.find(normal(path));
  if (at == nodes_.end()) {
    return kMissing;
  }
  at->second.mtime = mtime;
  return {};
}

std::string absolute_path(const std::string& current, const std::string& argument) {
  const std::string joined = argument.starts_with("/") ? argument : current + "/" + argument;
  std::string path;
  std::size_t at = 0;
  while (at < joined.size()) {
    const std::size_t end = std::min(joined.find('/', at), joined.size());
    const std::string part = joined.substr(at, end - at);
    if (part == "..") {
      path.erase(path.empty() ? 0 : path.rfind('/'));
    } else if (!part.empty() && part != ".") {
      path += "/" + part;
    }
    at = end + 1;
  }
  return path.empty() ? "/" : path;
}

}  // namespace ftpsfs::test
