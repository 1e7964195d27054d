// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <iostream>
#include <utility>

#include "ftpsfs/app/commands.hpp"
#include "ftpsfs/app/fstab_line.hpp"
#include "ftpsfs/app/mount_plan.hpp"
#include "ftpsfs/app/server_check.hpp"
#include "ftpsfs/base/log.hpp"

namespace ftpsfs::app {
namespace {

/// Replaces a source by the form that /proc/mounts will show, without the user, so that `mount -a`
/// knows what is mounted. @return whether the user has to be named elsewhere from now on.
bool use_shown_form(const MountPlan& plan, std::string& source) {
  const std::string shown = plan.url.fsname();
  const auto read_back = parse_mount_url(shown);
  if (!read_back || read_back->path != plan.url.path) {
    return false;  // a directory below that of the login: only the short form can say it
  }
  source = shown;
  return !plan.url.username.empty();
}

/// The line for fstab, and what it needs beside itself.
void add_fstab_line(const CommandLine& line, const MountPlan& plan, const std::string& source,
                    bool names_user, bool one_connection, CheckReport& report) {
  std::vector<std::string> options = fstab_options(line.given);
  if (names_user) {
    options.push_back("username=" + plan.credentials.username);
  }
  if (one_connection) {
    options.emplace_back("max_conns=1");
  }
  // What was typed, or stood in the URL, is not there when the machine boots.
  const bool needs_file =
      plan.credentials.password && plan.credentials.password_source == PasswordSource::given_once;
  if (needs_file) {
    const std::string file = fmt::format("/etc/ftpsfs/{}.cred", plan.url.host);
    options.push_back("credentials=" + file);
    report.notes.push_back(
        fmt::format("write username={} and password=... into {}, for root alone (chmod 600)",
                    plan.credentials.username, file));
  }
  if (!line.options.profile.empty() && !plan.options.profile_file.starts_with("/etc/")) {
    report.notes.push_back(
        fmt::format("the profile must stand in root's file: move it to "
                    "/etc/ftpsfs/ftpsfs.conf from {}",
                    plan.options.profile_file));
  }
  const std::string mount_point =
      line.positionals.size() > 1 ? line.positionals[1] : "/mnt/" + plan.url.host;
  report.fstab_line = fstab_line(source, mount_point, options);
}

ExitCode refused_line(std::string_view text) {
  print_error(text);
  return kExitUsage;
}

}  // namespace

ExitCode check_command(CommandLine& line) {
  if (line.positionals.empty() || line.positionals.size() > 2) {
    return refused_line("a URL is needed: ftpsfs check [options] URL [MOUNTPOINT]");
  }
  if (line.options.write_test && line.options.read_only) {
    return refused_line("write and ro exclude each other");
  }
  auto plan = make_server_plan(line.options, line.positionals[0]);
  std::string source = password_removed(line.positionals[0]);
  const bool names_user =
      plan && plan->options.profile_file.empty() && use_shown_form(*plan, source);
  Secret::wipe(line.positionals[0]);
  Secret::wipe(line.options.proxy);
  if (!plan) {
    return refused_line(plan.error().text);
  }
  for (const std::string& warning : plan->warnings) {
    print_error(warning);
  }
  log::configure(log::Sink::stderr_text, line.options.effective_log_level());
  if (const auto gathered = gather_login(*plan); !gathered) {
    return refused_line(gathered.error().text);
  }
  CheckReport report;
  const bool json = line.options.json;
  ServerCheckResult result =
      check_server(*plan, line.options.write_test, [json](const CheckStep& step) {
        if (!json) {
          std::cout << as_line(step) << std::flush;
        }
      });
  report.steps = std::move(result.steps);
  if (report.is_good()) {
    add_fstab_line(line, *plan, source, names_user, result.one_connection, report);
  }
  std::cout << (json ? as_json(report) + "\n" : check_end(report)) << std::flush;
  return report.is_good() ? kExitDone : kExitFailure;
}

}  // namespace ftpsfs::app
