// SPDX-License-Identifier: MIT
#include "ftpsfs/app/exit_code.hpp"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::app {

void print_error(std::string_view text) {
  std::string line = "ftpsfs: ";
  line += text;
  std::replace_if(
      line.begin(), line.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  line = log::escaped(line) + '\n';
  // One write, so that lines of several processes do not mix.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace ftpsfs::app
