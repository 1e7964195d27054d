// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/read_ahead.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

namespace ftpsfs::fuse {
namespace {

constexpr std::size_t kBytesPerKb = 1024;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool is_octal(std::string_view digits) {
  return digits.size() == 3 && digits.find_first_not_of("01234567") == std::string_view::npos;
}

/// Blanks, line ends and backslashes are written as \ooo.
std::string unescaped(std::string_view field) {
  std::string out;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && is_octal(field.substr(i + 1, 3))) {
      unsigned value = 0;
      std::from_chars(field.data() + i + 1, field.data() + i + 4, value, 8);
      out += static_cast<char>(value);
      i += 3;
    } else {
      out += field[i];
    }
  }
  return out;
}

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return std::nullopt;
  }
  return text.str();
}

}  // namespace

std::optional<std::string> parse_device_number(std::string_view mountinfo,
                                               std::string_view mount_point) {
  // "36 35 0:52 / /mnt/x rw,nosuid shared:1 - fuse.ftpsfs host:/ rw,user_id=0"
  constexpr std::size_t kDevice = 2;
  constexpr std::size_t kMountPoint = 4;
  std::optional<std::string> found;
  for (const std::string_view line : split(mountinfo, '\n')) {
    const auto fields = split(line, ' ');
    const auto type_at = line.find(" - ");
    if (fields.size() > kMountPoint && type_at != std::string_view::npos &&
        line.substr(type_at + 3, 4) == "fuse" && unescaped(fields[kMountPoint]) == mount_point) {
      found = std::string(fields[kDevice]);
    }
  }
  return found;
}

Result<void> raise_read_ahead(const std::string& mount_point, std::size_t bytes) {
  const auto mountinfo = read_text("/proc/self/mountinfo");
  const auto device =
      mountinfo ? parse_device_number(*mountinfo, mount_point) : std::optional<std::string>();
  if (!device) {
    return make_error(Errc::not_found, "the mount is not in /proc/self/mountinfo");
  }
  const std::string path = fmt::format("/sys/class/bdi/{}/read_ahead_kb", *device);
  const auto current = read_text(path);
  if (current && std::strtoull(current->c_str(), nullptr, 10) * kBytesPerKb >= bytes) {
    return {};
  }
  std::ofstream file(path);
  errno = 0;
  if (!(file << bytes / kBytesPerKb << std::flush)) {
    return make_error(errno == ENOENT ? Errc::not_found : Errc::access_denied,
                      fmt::format("{} cannot be written: {}", path, std::strerror(errno)));
  }
  return {};
}

}  // namespace ftpsfs::fuse
