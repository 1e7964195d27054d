// SPDX-License-Identifier: MIT
#include "ftpsfs/app/mount_table.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace ftpsfs::app {
namespace {

constexpr std::string_view kType = "fuse.ftpsfs";

/// The kernel writes blanks, tabs, line ends and backslashes as \ooo.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '\\' && i + 3 < text.size()) {
      const auto [stop, error] =
          std::from_chars(text.data() + i + 1, text.data() + i + 4, value, 8);
      if (error == std::errc() && stop == text.data() + i + 4 && value < 256) {
        out += static_cast<char>(value);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> found;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) {
      found.push_back(line.substr(0, end));
    }
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return found;
}

uid_t owner_from(std::string_view super_options) {
  constexpr std::string_view kKey = "user_id=";
  const std::size_t at = super_options.find(kKey);
  uid_t owner = 0;
  if (at != std::string_view::npos) {
    const char* begin = super_options.data() + at + kKey.size();
    std::from_chars(begin, super_options.data() + super_options.size(), owner);
  }
  return owner;
}

/// "36 35 0:98 / /mnt rw,nosuid shared:1 - fuse.ftpsfs ftpes://host/ rw,user_id=0,…": the number of
/// fields before the "-" varies.
std::optional<MountEntry> parse_line(std::string_view line) {
  const std::vector<std::string_view> fields = words(line);
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  if (dash - fields.begin() < 6 || fields.end() - dash < 4 || *(dash + 1) != kType) {
    return std::nullopt;
  }
  return MountEntry{unescaped(fields[4]), unescaped(*(dash + 2)), owner_from(*(dash + 3))};
}

std::string link_target(const std::string& path) {
  std::array<char, 4096> buffer{};
  const ssize_t length = ::readlink(path.c_str(), buffer.data(), buffer.size());
  return length > 0 ? std::string(buffer.data(), static_cast<std::size_t>(length)) : std::string();
}

std::string without_trailing_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) {
    path.pop_back();
  }
  return path;
}

}  // namespace

std::vector<MountEntry> parse_mount_table(std::string_view mountinfo) {
  std::vector<MountEntry> mounts;
  while (!mountinfo.empty()) {
    const std::size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
    if (auto entry = parse_line(mountinfo.substr(0, end))) {
      mounts.push_back(std::move(*entry));
    }
    mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
  }
  return mounts;
}

std::vector<MountEntry> read_mount_table() {
  std::ifstream file("/proc/self/mountinfo");
  std::ostringstream text;
  text << file.rdbuf();
  return parse_mount_table(text.str());
}

std::string resolve_mount_point(const std::string& path, const std::string& working_directory) {
  namespace files = std::filesystem;
  files::path current = (files::path(working_directory) / path).lexically_normal();
  for (int links = 0; links < 10; ++links) {
    current = without_trailing_slash(current.string());
    std::error_code error;
    const files::path parent = files::canonical(current.parent_path(), error);
    if (error) {
      return current.string();
    }
    const files::path candidate = parent / current.filename();
    const std::string target = link_target(candidate.string());
    if (target.empty()) {
      return without_trailing_slash(candidate.string());
    }
    current = (parent / target).lexically_normal();
  }
  return current.string();
}

std::optional<MountEntry> find_mount(const std::vector<MountEntry>& table,
                                     const std::string& mount_point) {
  const auto found = std::find_if(table.rbegin(), table.rend(), [&](const MountEntry& entry) {
    return entry.mount_point == mount_point;
  });
  return found == table.rend() ? std::nullopt : std::optional(*found);
}

}  // namespace ftpsfs::app
