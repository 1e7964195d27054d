// SPDX-License-Identifier: MIT
//
// The commands that speak to a running mount: umount, status, uploads, refresh, reload,
// log-level.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "ftpsfs/app/commands.hpp"
#include "ftpsfs/app/mount_table.hpp"
#include "ftpsfs/app/password_command.hpp"
#include "ftpsfs/app/status_socket.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::app {
namespace {

constexpr auto kAnswerLimit = std::chrono::seconds(10);
/// A reload may run a command for the password first.
constexpr auto kReloadLimit = kPasswordCommandLimit + kAnswerLimit;
/// Large files may have to be copied.
constexpr auto kUploadsLimit = std::chrono::minutes(10);

std::chrono::milliseconds limit_of(ControlVerb verb) {
  switch (verb) {
    case ControlVerb::reload:
      return kReloadLimit;
    case ControlVerb::retry_uploads:
    case ControlVerb::export_uploads:
    case ControlVerb::discard_uploads:
      return kUploadsLimit;
    default:
      return kAnswerLimit;
  }
}

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

/// By its letters alone: a look at it would ask the mount.
std::optional<std::string> path_in_mount(const std::string& mount_point, const std::string& path) {
  const std::filesystem::path whole =
      (std::filesystem::path(mount_point) / path).lexically_normal();  // an absolute one stays
  std::string inside = whole.lexically_relative(mount_point).string();
  if (inside.empty() || inside == ".." || inside.starts_with("../")) {
    return std::nullopt;
  }
  return inside == "." ? std::string() : inside;
}

Result<ControlReply> ask(const MountEntry& mount, const ControlRequest& request) {
  FTPSFS_TRY_ASSIGN(ControlConnection connection, ControlConnection::open(mount));
  return connection.ask(request, Wait::for_at_most(limit_of(request.verb)));
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

/// The same as a whole command: nothing but the mount point is told.
ExitCode plain_command(std::string_view name, ControlVerb verb, const CommandLine& line,
                       const std::string& working_directory) {
  if (line.positionals.size() != 1) {
    return failed(kExitUsage, fmt::format("one mount point is needed: ftpsfs {} MOUNTPOINT", name));
  }
  return simple_request(line.positionals[0], working_directory, {verb, {}});
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

/// What the process of a mount says of its uploads once it has ended.
class Farewell {
 public:
  /// To be asked for before unmounting: afterwards the process may be gone. One that does not know
  /// the request (an older one) is only watched.
  explicit Farewell(const MountEntry& mount)
      : mount_(mount), connection_(ControlConnection::open(mount)) {
    if (!connection_) {
      return;
    }
    if (connection_->server_process() > 0) {
      process_.emplace(connection_->server_process());
    }
    const auto granted =
        connection_->ask({ControlVerb::await_end, {}}, Wait::for_at_most(kAnswerLimit));
    // One that is only slow may still tell, and one that died just now has not told.
    speaks_ = granted || granted.error().text.find("unknown request") == std::string::npos;
  }

  /// Waits until the uploads are finished and the process is gone.
  /// @errors timed_out; io_error: what was written is not all on the server, or nobody knows.
  Result<void> await(const Wait& wait) {
    if (!connection_) {
      return make_error(Errc::io_error,
                        fmt::format("{} is unmounted, but its process does not answer ({}): nobody "
                                    "knows whether its uploads are whole",
                                    mount_.mount_point, connection_.error().text));
    }
    EndReport end;
    if (speaks_) {
      const auto told = connection_->await_end(wait);
      if (!told) {
        return told.error().code == Errc::timed_out ? not_finished() : silent();
      }
      end = *told;
    }
    if (process_ && !process_->wait_for_end(wait) && !speaks_) {
      return not_finished();
    }
    return is_good(end) ? Result<void>() : not_as_told(end);
  }

 private:
  Error not_finished() const {
    return make_error(Errc::timed_out,
                      fmt::format("{} is unmounted, but its process ({}) has not finished its "
                                  "uploads yet; it goes on with them",
                                  mount_.mount_point, connection_->server_process()));
  }
  Error silent() const {
    return make_error(Errc::io_error,
                      fmt::format("{} is unmounted, but its process ({}) ended without a word of "
                                  "its uploads; its log tells more",
                                  mount_.mount_point, connection_->server_process()));
  }
  Error not_as_told(const EndReport& end) const {
    return make_error(Errc::io_error,
                      fmt::format("{} is unmounted, but {}; the log of its process ({}) has the "
                                  "names",
                                  mount_.mount_point, as_text(end), connection_->server_process()));
  }

  const MountEntry& mount_;
  Result<ControlConnection> connection_;
  std::optional<ProcessWatch> process_;
  bool speaks_ = false;
};

Result<StatusReport> ask_status(const MountEntry& mount) {
  FTPSFS_TRY_ASSIGN(const ControlReply reply, ask(mount, {ControlVerb::status, {}}));
  if (!reply.status) {
    return make_error(Errc::invalid_argument,
                      fmt::format("{}: an answer without a status", mount.mount_point));
  }
  return *reply.status;
}

ExitCode print_status(const MountEntry& mount, bool json) {
  const auto report = ask_status(mount);
  if (!report) {
    return failed(kExitFailure, report.error().text);
  }
  std::cout << (json ? as_json(*report) + "\n" : as_text(*report)) << std::flush;
  return kExitDone;
}

/// Those that a status command is about.
std::vector<MountEntry> own_mounts() {
  std::vector<MountEntry> mounts = read_mount_table();
  std::erase_if(mounts, [](const MountEntry& mount) {
    return mount.owner != ::geteuid() && ::geteuid() != 0;
  });
  return mounts;
}

/// Draws them again and again, as top(1) does, until a signal, the end of the output, or the end of
/// the mount that was named. In a pipe the pictures follow one another.
ExitCode watch_status(const std::optional<MountEntry>& named, Duration interval, bool json) {
  const bool draws = ::isatty(STDOUT_FILENO) == 1 && !json;
  std::map<std::string, StatusReport> earlier;
  SteadyTime last = SteadyClock::now();
  for (;;) {
    std::string picture = draws ? "\x1b[H\x1b[2J" : "";
    const SteadyTime now = SteadyClock::now();
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - last);
    last = now;
    const auto mounts = named ? std::vector<MountEntry>{*named} : own_mounts();
    for (const MountEntry& mount : mounts) {
      const auto report = ask_status(mount);
      if (!report) {
        if (named) {
          return failed(kExitFailure, report.error().text);
        }
        picture += log::escaped(report.error().text) + "\n";
        continue;
      }
      const auto before = earlier.find(mount.mount_point);
      picture +=
          json ? as_json(*report) + "\n"
               : as_live_text(*report, before == earlier.end() ? nullptr : &before->second, passed);
      earlier[mount.mount_point] = *report;
    }
    std::cout << picture << (draws || json ? "" : "\n") << std::flush;
    if (!std::cout) {
      return kExitDone;
    }
    std::this_thread::sleep_for(interval);
  }
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
  Farewell farewell(*mount);
  const Options& options = line.options;
  const auto gone = unmount(mount->mount_point, options.lazy    ? Unmounting::lazy
                                                : options.force ? Unmounting::forced
                                                                : Unmounting::when_unused);
  if (!gone) {
    return failed(kExitFailure, gone.error().text);
  }
  if (options.lazy) {
    return kExitDone;  // it ends when nobody uses it any more
  }
  const auto finished = farewell.await(Wait::for_at_most(line.options.umount_timeout));
  return finished ? kExitDone : failed(kExitFailure, finished.error().text);
}

ExitCode status_command(const CommandLine& line, const std::string& working_directory) {
  if (line.positionals.size() > 1) {
    return failed(kExitUsage, "at most one mount point: ftpsfs status [--json] [MOUNTPOINT]");
  }
  if (line.positionals.size() == 1) {
    const auto mount = named_mount(line.positionals[0], working_directory);
    if (mount && line.options.watch) {
      return watch_status(*mount, *line.options.watch, line.options.json);
    }
    return mount ? print_status(*mount, line.options.json) : failed(kExitUsage, mount.error().text);
  }
  if (line.options.watch) {
    return watch_status(std::nullopt, *line.options.watch, line.options.json);
  }
  ExitCode worst = kExitDone;
  for (const MountEntry& mount : own_mounts()) {
    if (print_status(mount, line.options.json) != kExitDone) {
      worst = kExitFailure;
    }
  }
  return worst;
}

ExitCode uploads_command(const CommandLine& line, const std::string& working_directory) {
  if (line.positionals.size() != 1) {
    return failed(kExitUsage,
                  "one mount point is needed: ftpsfs uploads [--failed] [--retry] [--export=DIR] "
                  "[--discard] MOUNTPOINT");
  }
  const auto mount = named_mount(line.positionals[0], working_directory);
  if (!mount) {
    return failed(kExitUsage, mount.error().text);
  }
  const Options& options = line.options;
  if (options.retry_uploads && options.discard_uploads) {
    return failed(kExitUsage, "what is tried again cannot be given up: --retry or --discard");
  }
  std::vector<ControlRequest> requests;
  if (!options.export_uploads_to.empty()) {
    const std::string directory =
        (std::filesystem::path(working_directory) / options.export_uploads_to).string();
    requests.push_back({ControlVerb::export_uploads, {}, directory});
  }
  if (options.retry_uploads) {
    requests.push_back({ControlVerb::retry_uploads, {}, {}});
  }
  if (options.discard_uploads) {
    requests.push_back({ControlVerb::discard_uploads, {}, {}});
  }
  requests.push_back({ControlVerb::uploads, {}, {}});
  for (const ControlRequest& request : requests) {
    const auto reply = ask(*mount, request);
    if (!reply) {
      return failed(kExitFailure, reply.error().text);
    }
    if (request.verb == ControlVerb::uploads && reply->uploads) {
      std::cout << as_text(*reply->uploads, options.failed_uploads_alone) << std::flush;
    }
  }
  return kExitDone;
}

ExitCode refresh_command(const CommandLine& line, const std::string& working_directory) {
  if (line.positionals.empty() || line.positionals.size() > 2) {
    return failed(kExitUsage, "one mount point is needed: ftpsfs refresh MOUNTPOINT [PATH]");
  }
  const auto mount = named_mount(line.positionals[0], working_directory);
  if (!mount) {
    return failed(kExitUsage, mount.error().text);
  }
  std::string path;
  if (line.positionals.size() == 2) {
    const auto inside = path_in_mount(mount->mount_point, line.positionals[1]);
    if (!inside) {
      return failed(kExitUsage,
                    fmt::format("{} does not lie in {}", line.positionals[1], mount->mount_point));
    }
    path = *inside;
  }
  const auto reply = ask(*mount, {ControlVerb::refresh, {}, path});
  return reply ? kExitDone : failed(kExitFailure, reply.error().text);
}

ExitCode reload_command(const CommandLine& line, const std::string& working_directory) {
  return plain_command("reload", ControlVerb::reload, line, working_directory);
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
