// SPDX-License-Identifier: MIT
#include "caller.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::fs {

pid_t process_of(pid_t thread) {
  if (thread <= 0) {
    return thread;
  }
  const UniqueFd fd(::open(fmt::format("/proc/{}/status", thread).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> buffer{};
  const ssize_t got = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
  if (got <= 0) {
    return thread;
  }
  const std::string_view text(buffer.data(), static_cast<std::size_t>(got));
  constexpr std::string_view kField = "\nTgid:\t";
  const std::size_t at = text.find(kField);
  pid_t process = thread;
  if (at != std::string_view::npos) {
    const std::string_view digits = text.substr(at + kField.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), process);
  }
  return process;
}

}  // namespace ftpsfs::fs
