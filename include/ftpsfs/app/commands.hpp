// SPDX-License-Identifier: MIT
//
// The commands of ftpsfs, each with its output and its exit code.
#pragma once

#include <string>

#include "ftpsfs/app/exit_code.hpp"
#include "ftpsfs/app/option_parser.hpp"

namespace ftpsfs::app {

/// `ftpsfs URL MOUNTPOINT`: returns when the mount stands (or, with -f, when it has ended).
/// Overwrites the password in `line`, if there is one. @pre one thread.
ExitCode mount_command(CommandLine& line, const std::string& working_directory);

/// `ftpsfs check URL`: tells each step on the way to a mount, and the line of fstab for it.
/// Overwrites the password in `line`, if there is one.
ExitCode check_command(CommandLine& line);

/// `ftpsfs umount MNT`: unmounts and waits until the process has ended, its uploads finished.
ExitCode umount_command(const CommandLine& line, const std::string& working_directory);

/// `ftpsfs status [--json] [MNT]`
ExitCode status_command(const CommandLine& line, const std::string& working_directory);

/// `ftpsfs refresh MNT`
ExitCode refresh_command(const CommandLine& line, const std::string& working_directory);

/// `ftpsfs reload MNT`
ExitCode reload_command(const CommandLine& line, const std::string& working_directory);

/// `ftpsfs uploads [--failed] [--retry] [--export=DIR] [--discard] MNT`
ExitCode uploads_command(const CommandLine& line, const std::string& working_directory);

/// `ftpsfs log-level MNT LEVEL`
ExitCode log_level_command(const CommandLine& line, const std::string& working_directory);

std::string version_text();

/// Everything: reads argv, calls the command. Passwords in argv are overwritten where they stand.
/// Never throws.
int run(int argc, char** argv) noexcept;

}  // namespace ftpsfs::app
