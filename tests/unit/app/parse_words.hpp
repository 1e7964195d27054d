// SPDX-License-Identifier: MIT
//
// A command line's words, read as from a shell that stands in /start.
#pragma once

#include <string>
#include <vector>

#include "ftpsfs/app/option_parser.hpp"

namespace ftpsfs::app {

inline Result<CommandLine> parse(std::vector<std::string> arguments) {
  return parse_command_line(arguments, "/start");
}

}  // namespace ftpsfs::app
