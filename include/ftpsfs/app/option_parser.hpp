// SPDX-License-Identifier: MIT
//
// From argv to Options: long and short flags, `-o` lists, positionals. Pure: touches no file and
// prints nothing. The grammar:
//   --name=value, --name value, --flag      ('-' and '_' in names are equal; a value that may be
//                                            left out stands behind a '=' only)
//   -x, -xyz, -o list, -olist               (only -o takes a value)
//   -o name=value,flag                      (in values, "\," is a comma and "\\" a backslash; a
//   value
//                                            in double quotes is taken as it stands)
//   --                                      ends the options
// Options may stand before, between and behind the positional arguments; the last of two equal ones
// counts, except where several are collected (cacert, capath, crlfile, pin).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/app/option_table.hpp"
#include "ftpsfs/app/options.hpp"
#include "ftpsfs/base/result.hpp"

namespace ftpsfs::app {

/// An option as it was given, a path made absolute.
struct GivenOption {
  const OptionRow* row = nullptr;
  std::string value;  ///< empty: it stood alone
};

struct CommandLine {
  Command command = Command::mount;
  Options options;
  std::vector<std::string> positionals;
  std::vector<GivenOption> given;  ///< of check alone, in order: some hold secrets
};

/// @param arguments argv without the program's name. Its first word may name a command.
/// @param working_directory where relative paths start.
/// @param defaults what holds where the arguments say nothing else.
/// @errors invalid_argument: one line that names the option and the cure.
Result<CommandLine> parse_command_line(std::span<const std::string> arguments,
                                       const std::string& working_directory,
                                       const Options& defaults = {});

/// The same for the interface of mount(8)'s helpers: `SPEC DIR [-sfnvrwN] [-t TYPE] [-o LIST]`,
/// where -f means "fake", -s "sloppy" (unknown options are passed over), and -N, -n, -t and
/// -w are accepted without effect.
Result<CommandLine> parse_mount_helper_line(std::span<const std::string> arguments,
                                            const std::string& working_directory,
                                            const Options& defaults = {});

/// What umount(8) says to its helpers: `DIR [-flnrv] [-t TYPE] [-N NAMESPACE]`, where -l means
/// "lazy" and -f "force"; the others are accepted without effect.
Result<CommandLine> parse_umount_helper_line(std::span<const std::string> arguments);

/// Splits an -o list at its commas and takes the backslashes, and quotes around values, away.
std::vector<std::string> split_option_list(std::string_view list);

}  // namespace ftpsfs::app
