// SPDX-License-Identifier: MIT
//
// The commands that speak to a running mount: umount, status, refresh, log-level.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <optional>
#include <thread>
#include <utility>

#include "ftpsfs/app/commands.hpp"
#include "ftpsfs/app/mount_table.hpp"
#include "ftpsfs/app/status_socket.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::app {
namespace {

constexpr auto kAnswerLimit = std::chrono::seconds(10);

ExitCode failed(ExitCode code, std::string_view text) {
  print_error(text);
  return code;
}

/// The mount that a command names, as the kernel knows it.
Result<MountEntry> named_mount(const std::string& path, const std::string& working_directory) {
  const std::string mount_point = resolve_mount_point(path, working_directory);
  if (auto entry = find_mount(read_mount_table(), mount_point)) {
    return std::move(*entry);
  }
  return make_error(Errc::not_found, fmt::format("{} is not an ftpsfs mount", mount_point));
}

Result<ControlReply> ask(const MountEntry& mount, const ControlRequest& request) {
  FTPSFS_TRY_ASSIGN(ControlConnection connection, ControlConnection::open(mount));
  return connection.ask(request, Wait::for_at_most(kAnswerLimit));
}

/// A command that names one mount and asks it for one thing.
ExitCode simple_request(const std::string& path, const std::string& working_directory,
                        const ControlRequest& request) {
  const auto mount = named_mount(path, working_directory);
  if (!mount) {
    return failed(kExitUsage, mount.error().text);
  }
  const auto reply = ask(*mount, request);
  if (!reply) {
    return failed(kExitFailure, reply.error().text);
  }
  return kExitDone;
}

/// Watches a process that is not our child until it ends.
class ProcessWatch {
 public:
  explicit ProcessWatch(pid_t process)
      : process_(process),
        // pidfd_open(2): a number may be taken by another process meanwhile, a descriptor not.
        fd_(static_cast<int>(::syscall(SYS_pidfd_open, process, 0))) {}

  /// @return false when the wait ended first.
  bool wait_for_end(const Wait& wait) const {
    if (!fd_) {
      return wait_by_asking(wait);
    }
    for (;;) {
      pollfd item{fd_.get(), POLLIN, 0};
      const int ready = ::poll(&item, 1, wait.poll_timeout_ms());
      if (ready > 0) {
        return true;
      }
      if (wait.expired()) {
        return false;
      }
    }
  }

 private:
  /// For kernels before 5.3.
  bool wait_by_asking(const Wait& wait) const {
    while (::kill(process_, 0) == 0 || errno == EPERM) {
      if (wait.expired()) {
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return true;
  }

  pid_t process_;
  UniqueFd fd_;
};

ExitCode print_status(const MountEntry& mount, bool json) {
  auto reply = ask(mount, {ControlVerb::status, {}});
  if (reply && !reply->status) {
    reply = make_error(Errc::invalid_argument,
                       fmt::format("{}: an answer without a status", mount.mount_point));
  }
  if (!reply) {
    return failed(kExitFailure, reply.error().text);
  }
  std::cout << (json ? as_json(*reply->status) + "\n" : as_text(*reply->status)) << std::flush;
  return kExitDone;
}

}  // namespace

ExitCode umount_command(const CommandLine& line, const std::string& working_directory) {
  if (line.positionals.size() != 1) {
    return failed(kExitUsage, "one mount point is needed: ftpsfs umount MOUNTPOINT");
  }
  const auto mount = named_mount(line.positionals[0], working_directory);
  if (!mount) {
    return failed(kExitUsage, mount.error().text);
  }
  // First find the process, then unmount: afterwards its socket may be gone.
  const auto connection = ControlConnection::open(*mount);
  std::optional<ProcessWatch> process;
  if (connection && connection->server_process() > 0) {
    process.emplace(connection->server_process());
  }
  const auto gone = unmount(mount->mount_point, false);
  if (!gone) {
    return failed(kExitFailure, gone.error().text);
  }
  if (process && !process->wait_for_end(Wait::for_at_most(line.options.umount_timeout))) {
    return failed(kExitFailure,
                  fmt::format("{} is unmounted, but its process ({}) has not finished its uploads "
                              "yet; it goes on with them",
                              mount->mount_point, connection->server_process()));
  }
  return kExitDone;
}

ExitCode status_command(const CommandLine& line, const std::string& working_directory) {
  if (line.positionals.size() > 1) {
    return failed(kExitUsage, "at most one mount point: ftpsfs status [--json] [MOUNTPOINT]");
  }
  if (line.positionals.size() == 1) {
    const auto mount = named_mount(line.positionals[0], working_directory);
    return mount ? print_status(*mount, line.options.json) : failed(kExitUsage, mount.error().text);
  }
  ExitCode worst = kExitDone;
  for (const MountEntry& mount : read_mount_table()) {
    const bool is_ours = mount.owner == ::geteuid() || ::geteuid() == 0;
    if (is_ours && print_status(mount, line.options.json) != kExitDone) {
      worst = kExitFailure;
    }
  }
  return worst;
}

ExitCode refresh_command(const CommandLine& line, const std::string& working_directory) {
  if (line.positionals.size() != 1) {
    return failed(kExitUsage, "one mount point is needed: ftpsfs refresh MOUNTPOINT");
  }
  return simple_request(line.positionals[0], working_directory, {ControlVerb::refresh, {}});
}

ExitCode log_level_command(const CommandLine& line, const std::string& working_directory) {
  const auto level = line.positionals.size() == 2 ? log::parse_level(line.positionals[1])
                                                  : std::optional<log::Level>();
  if (!level) {
    return failed(kExitUsage,
                  "a mount point and a level are needed: ftpsfs log-level MOUNTPOINT "
                  "trace|debug|info|warning|error|off");
  }
  return simple_request(line.positionals[0], working_directory, {ControlVerb::log_level, *level});
}

}  // namespace ftpsfs::app
