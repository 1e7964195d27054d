// SPDX-License-Identifier: MIT
#include "support/fake_remote_tree.hpp"

#include <algorithm>

namespace ftpsfs::test {
namespace {

using remote::FileType;
using remote::RemotePath;

constexpr int kMostLinks = 8;

Error not_found(std::string_view name) {
  return make_error(Errc::not_found, std::string(name) + ": no such file or directory", 550);
}

Error refusal(Errc code, std::string_view name) {
  return make_error(code, std::string(name) + ": " + to_string(code), 550);
}

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t begin = 1;
  while (begin < path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// Where a link leads, seen from the directory that it lies in.
Result<RemotePath> target_of(const FakeNode& link, const std::string& directory) {
  const bool absolute = !link.target.empty() && link.target.front() == '/';
  return RemotePath::parse(absolute ? link.target : directory + "/" + link.target);
}

}  // namespace

FakeTree::FakeTree(bool case_sensitive, std::int64_t now)
    : case_sensitive_(case_sensitive), root_(std::make_shared<FakeNode>()) {
  root_->type = FileType::directory;
  root_->mode = 0755;
  root_->mtime = now;
}

std::string FakeTree::key(std::string_view name) const {
  std::string folded(name);
  if (!case_sensitive_) {
    std::transform(folded.begin(), folded.end(), folded.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
  }
  return folded;
}

FakeNode::Child* FakeTree::find(FakeNode& directory, std::string_view name) const {
  const auto found = directory.children.find(key(name));
  return found == directory.children.end() ? nullptr : &found->second;
}

Result<FakeNodePtr> FakeTree::resolve(const RemotePath& path, bool follow) const {
  return walk(path, follow, kMostLinks);
}

Result<FakeNodePtr> FakeTree::walk(const RemotePath& path, bool follow, int links) const {
  FakeNodePtr node = root_;
  std::string done;
  const std::vector<std::string> parts = components(path.str());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (node->type != FileType::directory) {
      return refusal(Errc::not_directory, done);
    }
    const FakeNode::Child* child = find(*node, parts[i]);
    if (child == nullptr) {
      return not_found(path.str());
    }
    FakeNodePtr next = child->node;
    if (next->type == FileType::symlink && (follow || i + 1 < parts.size())) {
      if (links == 0) {
        return not_found(path.str());
      }
      FTPSFS_TRY_ASSIGN(const RemotePath target, target_of(*next, done));
      FTPSFS_TRY_ASSIGN(next, walk(target, true, links - 1));
    }
    node = std::move(next);
    done += '/' + parts[i];
  }
  return node;
}

Result<FakeNodePtr> FakeTree::directory_of(const RemotePath& path) const {
  FTPSFS_TRY_ASSIGN(FakeNodePtr directory, resolve(path.parent(), true));
  if (directory->type != FileType::directory) {
    return refusal(Errc::not_directory, path.parent().str());
  }
  return directory;
}

Result<FakeNodePtr> FakeTree::add(const RemotePath& path, FileType type, std::int64_t now) {
  if (path.is_root()) {
    return refusal(Errc::already_exists, "/");
  }
  FTPSFS_TRY_ASSIGN(const FakeNodePtr directory, directory_of(path));
  if (find(*directory, path.name()) != nullptr) {
    return refusal(Errc::already_exists, path.str());
  }
  auto node = std::make_shared<FakeNode>();
  node->type = type;
  node->id = next_id_++;
  node->mode = type == FileType::directory ? 0755 : 0644;
  node->mtime = now;
  directory->children[key(path.name())] = {std::string(path.name()), node};
  directory->mtime = now;
  return node;
}

Result<FakeNodePtr> FakeTree::obtain_file(const RemotePath& path, std::int64_t now) {
  auto known = resolve(path, true);
  if (known) {
    return (*known)->type == FileType::directory
               ? Result<FakeNodePtr>(refusal(Errc::is_directory, path.str()))
               : std::move(known);
  }
  if (known.error().code != Errc::not_found) {
    return known;
  }
  return add(path, FileType::regular, now);
}

FakeNodePtr FakeTree::obtain_directory(const RemotePath& path, std::int64_t now) {
  if (auto known = resolve(path, true)) {
    return *known;
  }
  obtain_directory(path.parent(), now);
  return add(path, FileType::directory, now).value();
}

Result<void> FakeTree::remove_file(const RemotePath& path, std::int64_t now) {
  FTPSFS_TRY_ASSIGN(const FakeNodePtr node, resolve(path, false));
  if (node->type == FileType::directory) {
    return refusal(Errc::is_directory, path.str());
  }
  FTPSFS_TRY_ASSIGN(const FakeNodePtr directory, directory_of(path));
  directory->children.erase(key(path.name()));
  directory->mtime = now;
  return {};
}

Result<void> FakeTree::remove_directory(const RemotePath& path, std::int64_t now) {
  FTPSFS_TRY_ASSIGN(const FakeNodePtr node, resolve(path, false));
  if (node->type != FileType::directory) {
    return refusal(Errc::not_directory, path.str());
  }
  if (path.is_root()) {
    return refusal(Errc::access_denied, "/");
  }
  if (!node->children.empty()) {
    return refusal(Errc::not_empty, path.str());
  }
  FTPSFS_TRY_ASSIGN(const FakeNodePtr directory, directory_of(path));
  directory->children.erase(key(path.name()));
  directory->mtime = now;
  return {};
}

void FakeTree::remove_all(const RemotePath& path) {
  if (auto directory = directory_of(path)) {
    (*directory)->children.erase(key(path.name()));
  }
}

Result<void> FakeTree::check_replaceable(const FakeNodePtr& source, const FakeNodePtr& target,
                                         bool replaces) const {
  if (!replaces) {
    return refusal(Errc::already_exists, "the new name");
  }
  const bool onto_directory = target->type == FileType::directory;
  if (source->type == FileType::directory) {
    if (!onto_directory) {
      return refusal(Errc::not_directory, "the new name");
    }
    if (!target->children.empty()) {
      return refusal(Errc::not_empty, "the new name");
    }
    return {};
  }
  if (onto_directory) {
    return refusal(Errc::is_directory, "the new name");
  }
  return {};
}

Result<void> FakeTree::rename(const RemotePath& from, const RemotePath& to, bool replaces,
                              std::int64_t now) {
  FTPSFS_TRY_ASSIGN(const FakeNodePtr source, resolve(from, false));
  if (from.is_root() || to.is_root()) {
    return refusal(Errc::busy, "/");
  }
  if (from == to) {
    return {};
  }
  if (to.str().compare(0, from.str().size() + 1, from.str() + '/') == 0) {
    return refusal(Errc::invalid_argument, to.str());
  }
  FTPSFS_TRY_ASSIGN(const FakeNodePtr from_directory, directory_of(from));
  FTPSFS_TRY_ASSIGN(const FakeNodePtr to_directory, directory_of(to));
  const FakeNode::Child* target = find(*to_directory, to.name());
  if (target != nullptr && target->node != source) {
    FTPSFS_TRY(check_replaceable(source, target->node, replaces));
  }
  from_directory->children.erase(key(from.name()));
  to_directory->children[key(to.name())] = {std::string(to.name()), source};
  from_directory->mtime = now;
  to_directory->mtime = now;
  return {};
}

}  // namespace ftpsfs::test
