// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "ftpsfs/app/background.hpp"
#include "ftpsfs/app/commands.hpp"
#include "ftpsfs/app/mount_plan.hpp"
#include "ftpsfs/app/mount_service.hpp"
#include "ftpsfs/app/signal_thread.hpp"
#include "ftpsfs/base/append_file.hpp"
#include "ftpsfs/base/log_file.hpp"
#include "ftpsfs/session/dialogue_trace.hpp"

namespace ftpsfs::app {
namespace {

/// Beyond what the child allows itself for connecting and looking.
constexpr auto kVerdictMargin = std::chrono::seconds(30);
constexpr rlim_t kWantedDescriptors = 65536;

/// A descriptor for each connection, each open file with a local copy, and so on.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return;
  }
  const rlim_t wanted = std::min(kWantedDescriptors, limit.rlim_max);
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = wanted;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

ExitCode usage_failure(std::string_view text) {
  print_error(text);
  return kExitUsage;
}

/// Where the log goes: a file that was opened before, or what suits the place.
void begin_log(MountPlan& plan, log::Sink otherwise) {
  const log::Level level = plan.options.effective_log_level();
  if (plan.log_file) {
    log::configure_file(std::move(*plan.log_file), level);
  } else {
    log::configure(otherwise, level);
  }
}

/// The child's side, and all of it with -f. Nothing has been started yet in this process.
ExitCode serve_in_background(MountPlan& plan, Background& background) {
  begin_log(plan, log::Sink::syslog);
  return run_mount(plan, [&background](const Verdict& verdict) {
    // A failure is told by the parent; a mount that stands lets the terminal go.
    const bool heard = background.tell(verdict);
    leave_terminal();
    return heard;
  });
}

ExitCode serve_in_front(MountPlan& plan) {
  begin_log(plan, log::Sink::stderr_text);
  return run_mount(plan, [](const Verdict& verdict) {
    if (verdict.exit_code != kExitDone) {
      print_error(verdict.text);
    }
    return true;
  });
}

ExitCode go_to_background(MountPlan& plan) {
  auto background = Background::fork();
  if (!background) {
    print_error(background.error().text);
    return kExitFailure;
  }
  if (background->is_child()) {
    SignalThread::block_signals();
    return serve_in_background(plan, *background);
  }
  const Verdict verdict = background->await(
      Wait::for_at_most(plan.options.connect_timeout + plan.options.timeout + kVerdictMargin));
  if (verdict.exit_code != kExitDone) {
    print_error(verdict.text);
  }
  return static_cast<ExitCode>(verdict.exit_code);
}

}  // namespace

ExitCode mount_command(CommandLine& line, const std::string& working_directory) {
  if (line.positionals.size() == 1 && !line.options.profile_url.empty()) {
    line.positionals.insert(line.positionals.begin(), line.options.profile + ":");
  }
  if (line.positionals.size() != 2) {
    return usage_failure(line.positionals.size() > 2
                             ? fmt::format("one URL and one mount point are needed, and there are "
                                           "{} words; see ftpsfs --help",
                                           line.positionals.size())
                             : "a URL and a mount point are needed; usage: ftpsfs [options] "
                               "URL MOUNTPOINT; see ftpsfs --help");
  }
  ::umask(077);
  auto plan =
      make_mount_plan(line.options, line.positionals[0], line.positionals[1], working_directory);
  Secret::wipe(line.positionals[0]);
  Secret::wipe(line.options.proxy);
  if (!plan) {
    return usage_failure(plan.error().text);
  }
  for (const std::string& warning : plan->warnings) {
    print_error(warning);
  }
  if (line.options.fake) {
    return kExitDone;
  }
  if (!plan->options.log_file.empty()) {
    auto file = open_for_appending(plan->options.log_file, "log");
    if (!file) {
      return usage_failure(file.error().text);
    }
    plan->log_file = std::make_shared<UniqueFd>(*std::move(file));
  }
  if (!plan->options.trace_file.empty()) {
    auto trace = session::DialogueTrace::open(plan->options.trace_file);
    if (!trace) {
      return usage_failure(trace.error().text);
    }
    plan->trace = *std::move(trace);
  }
  if (const auto gathered = gather_login(*plan); !gathered) {
    return usage_failure(gathered.error().text);
  }
  raise_descriptor_limit();
  if (plan->options.foreground) {
    SignalThread::block_signals();
    return serve_in_front(*plan);
  }
  return go_to_background(*plan);
}

}  // namespace ftpsfs::app
