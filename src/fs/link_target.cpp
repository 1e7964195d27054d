// SPDX-License-Identifier: MIT
#include "link_target.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace ftpsfs::fs {
namespace {

/// The names of a path from the root down. They point into it.
std::vector<std::string_view> names_of(const remote::RemotePath& path) {
  std::vector<std::string_view> names;
  std::string_view rest = path.str();
  while (rest.size() > 1) {
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    names.push_back(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  return names;
}

}  // namespace

std::string mounted_target(const remote::RemotePath& root, const remote::RemotePath& directory,
                           const std::string& target) {
  if (!target.starts_with('/')) {
    return target;
  }
  const auto path = remote::RemotePath::parse(target);
  if (!path) {
    return target;
  }
  const auto top = names_of(root);
  const auto from = names_of(directory);
  const auto to = names_of(*path);
  const auto [from_end, to_end] = std::mismatch(from.begin(), from.end(), to.begin(), to.end());
  if (from_end - from.begin() < static_cast<std::ptrdiff_t>(top.size())) {
    return target;  // outside
  }
  std::string relative;
  const auto add = [&relative](std::string_view name) {
    relative += relative.empty() ? "" : "/";
    relative += name;
  };
  std::for_each(from_end, from.end(), [&add](std::string_view) { add(".."); });
  std::for_each(to_end, to.end(), add);
  return relative.empty() ? "." : relative;
}

}  // namespace ftpsfs::fs
