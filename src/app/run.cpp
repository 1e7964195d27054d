// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/version.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>
#include <vector>

#include "ftpsfs/app/commands.hpp"
#include "ftpsfs/app/mount_profile.hpp"
#include "ftpsfs/app/mount_url.hpp"
#include "ftpsfs/app/private_memory.hpp"
#include "ftpsfs/fuse/libfuse.hpp"
#include "ftpsfs/net/tls_library.hpp"

namespace ftpsfs::app {
namespace {

/// Overwrites a password in the process's own argv, which /proc/PID/cmdline shows to everybody.
void hide_password(char* argument) {
  if (const auto range = find_password(argument)) {
    std::fill_n(argument + range->begin, range->length, '*');
  }
}

std::string help_for(const CommandLine& line) {
  switch (line.options.help_format) {
    case HelpFormat::markdown:
      return options_as_markdown();
    case HelpFormat::scdoc:
      return options_as_scdoc();
    case HelpFormat::bash:
      return completion_for_bash();
    case HelpFormat::zsh:
      return completion_for_zsh();
    case HelpFormat::fish:
      return completion_for_fish();
    case HelpFormat::text:
      break;
  }
  return help_text(line.command);
}

int dispatch(CommandLine& line, const std::string& working_directory) {
  if (line.options.show_help || line.command == Command::help) {
    std::cout << help_for(line) << std::flush;
    return kExitDone;
  }
  if (line.options.show_version || line.command == Command::version) {
    std::cout << version_text() << std::flush;
    return kExitDone;
  }
  switch (line.command) {
    case Command::check:
      return check_command(line);
    case Command::umount:
      return umount_command(line, working_directory);
    case Command::status:
      return status_command(line, working_directory);
    case Command::refresh:
      return refresh_command(line, working_directory);
    case Command::reload:
      return reload_command(line, working_directory);
    case Command::uploads:
      return uploads_command(line, working_directory);
    case Command::log_level:
      return log_level_command(line, working_directory);
    case Command::mount:
    case Command::help:
    case Command::version:
      break;
  }
  return mount_command(line, working_directory);
}

/// mount(8) and umount(8) call /sbin/mount.TYPE and umount.TYPE, and mean other flags than we do.
enum class CalledAs : std::uint8_t { ftpsfs, mount_helper, umount_helper };

CalledAs called_as(std::string_view program) {
  const std::string_view name = program.substr(program.rfind('/') + 1);  // npos + 1 is 0
  if (name == "mount.ftpsfs" || name == "mount.fuse.ftpsfs") {
    return CalledAs::mount_helper;
  }
  return name == "umount.ftpsfs" || name == "umount.fuse.ftpsfs" ? CalledAs::umount_helper
                                                                 : CalledAs::ftpsfs;
}

/// With the options of the profile that it names, where it names one.
Result<CommandLine> parse_all(CalledAs called, const std::vector<std::string>& arguments,
                              const std::string& working_directory) {
  if (called == CalledAs::umount_helper) {
    return parse_umount_helper_line(arguments);
  }
  const auto parsed = [&](const Options& defaults) {
    return called == CalledAs::mount_helper
               ? parse_mount_helper_line(arguments, working_directory, defaults)
               : parse_command_line(arguments, working_directory, defaults);
  };
  FTPSFS_TRY_ASSIGN(CommandLine line, parsed({}));
  const bool dials = line.command == Command::mount || line.command == Command::check;
  if (!dials || line.options.show_help || line.options.show_version) {
    return line;
  }
  keep_memory_private();  // a profile may hold passwords
  FTPSFS_TRY_ASSIGN(const Options defaults, profile_options(line, profile_files()));
  return defaults.profile.empty() ? Result<CommandLine>(std::move(line)) : parsed(defaults);
}

int run_arguments(std::string_view program, std::vector<std::string>& arguments) {
  std::error_code error;
  const std::string working_directory = std::filesystem::current_path(error).string();
  auto line = parse_all(called_as(program), arguments, working_directory);
  for (std::string& argument : arguments) {
    Secret::wipe(argument);  // this process may live for months
  }
  if (!line) {
    print_error(line.error().text);
    return kExitUsage;
  }
  return dispatch(*line, working_directory);
}

}  // namespace

std::string version_text() {
  constexpr int kMinor = 100;
  constexpr int kMajor = 100'000;
  return fmt::format(
      "ftpsfs {}\nlibfuse {}\n{}\nBoost {}.{}.{}\n"
      "features: explicit and implicit TLS 1.0-1.3, client certificates (PEM, DER, PKCS #12), OCSP "
      "stapling, CRLs, pins, SOCKS5, active mode, writing back, systemd\n",
      FTPSFS_VERSION, ::fuse_pkgversion(), net::tls_library(), BOOST_VERSION / kMajor,
      BOOST_VERSION / kMinor % 1000, BOOST_VERSION % kMinor);
}

int run(int argc, char** argv) noexcept {
  try {
    std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    for (int i = 1; i < argc; ++i) {
      hide_password(argv[i]);
    }
    // Ignored, as a parent may leave it, it would hide how our children end.
    std::signal(SIGCHLD, SIG_DFL);
    return run_arguments(argc > 0 ? argv[0] : "ftpsfs", arguments);
  } catch (const std::exception& failure) {
    print_error(failure.what());
    return kExitFailure;
  }
}

}  // namespace ftpsfs::app
