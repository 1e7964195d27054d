// SPDX-License-Identifier: MIT
#include "ftpsfs/app/mount_service.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <utility>

#include "ftpsfs/app/identity_reload.hpp"
#include "ftpsfs/app/mount_mark.hpp"
#include "ftpsfs/app/mount_table.hpp"
#include "ftpsfs/app/password_command.hpp"
#include "ftpsfs/app/private_directory.hpp"
#include "ftpsfs/app/rescue_service.hpp"
#include "ftpsfs/app/service_manager.hpp"
#include "ftpsfs/app/signal_thread.hpp"
#include "ftpsfs/app/status_socket.hpp"
#include "ftpsfs/app/writeback_service.hpp"
#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/fs/filesystem.hpp"
#include "ftpsfs/fuse/mounted_session.hpp"
#include "ftpsfs/fuse/notifier.hpp"
#include "ftpsfs/writeback/writeback_remote.hpp"

namespace ftpsfs::app {
namespace {

/// What a second signal gives an end that is under way.
constexpr auto kHurriedEnd = std::chrono::seconds(3);
constexpr auto kGoodbyeLimit = std::chrono::seconds(3);

/// What signals act on. The objects come and go under its mutex, which is held while they are
/// called: they only note what is asked of them, or read small local files.
class SignalTarget {
 public:
  explicit SignalTarget(std::string mount_point) : mount_point_(std::move(mount_point)) {}

  std::stop_token stop_token() const { return stop_.get_token(); }

  void attach(fs::Filesystem* filesystem, fuse::MountedSession* session, IdentityReload* reload) {
    const MutexLock lock(mutex_);
    filesystem_ = filesystem;
    session_ = session;
    reload_ = reload;
    if (session_ != nullptr && stops_asked_ > 0) {
      session_->request_stop();
    }
  }
  void detach() { attach(nullptr, nullptr, nullptr); }

  void note_end() {
    const MutexLock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  void handle(int number) {
    switch (number) {
      case SIGHUP:
        reload();
        return;
      case SIGUSR1:
        refresh();
        return;
      default:
        stop(number);
    }
  }

 private:
  void refresh() {
    const MutexLock lock(mutex_);
    if (filesystem_ != nullptr) {
      filesystem_->refresh();
    }
  }

  void reload() {
    const MutexLock lock(mutex_);
    if (reload_ != nullptr) {
      reload_->start();  // aside: it may run a command, and signals are for ending, too
    }
  }

  void stop(int number) {
    int asked = 0;
    {
      const MutexLock lock(mutex_);
      asked = ++stops_asked_;
      if (session_ != nullptr) {
        session_->request_stop();
      }
    }
    stop_.request_stop();
    log::info("signal {}: the mount ends", number);
    if (asked > 1) {
      end_at_once();
    }
  }

  void end_at_once() {
    {
      const MutexLock lock(mutex_);
      if (changed_.wait(mutex_, Wait::for_at_most(kHurriedEnd),
                        [this]() FTPSFS_NO_ANALYSIS { return ended_; })) {
        return;
      }
    }
    log::error("a second signal: ending without waiting for uploads");
    if (find_mount(read_mount_table(), mount_point_)) {
      const auto gone = unmount(mount_point_, Unmounting::lazy);
      if (!gone) {
        log::error("{}", gone.error().text);
      }
    }
    kill_password_commands();
    ::_exit(kExitFailure);
  }

  const std::string mount_point_;
  std::stop_source stop_;
  Mutex mutex_;
  ConditionVariable changed_;
  fs::Filesystem* filesystem_ FTPSFS_GUARDED_BY(mutex_) = nullptr;
  fuse::MountedSession* session_ FTPSFS_GUARDED_BY(mutex_) = nullptr;
  IdentityReload* reload_ FTPSFS_GUARDED_BY(mutex_) = nullptr;
  int stops_asked_ FTPSFS_GUARDED_BY(mutex_) = 0;
  bool ended_ FTPSFS_GUARDED_BY(mutex_) = false;
};

/// Answers the control socket from the objects of a mount.
class MountHandler final : public ControlHandler {
 public:
  /// @param courier null: no writeback.
  MountHandler(const MountPlan& plan, remote::FtpRemote& remote, fs::Filesystem& filesystem,
               fuse::MountedSession& session, IdentityReload& reload, writeback::Courier* courier)
      : plan_(plan),
        remote_(remote),
        filesystem_(filesystem),
        session_(session),
        reload_(reload),
        courier_(courier) {}

  StatusReport status() override;
  void refresh(const std::string& path) override { filesystem_.refresh(path); }
  Result<void> reload() override { return reload_.run(); }
  void set_log_level(log::Level level) override {
    log::set_level(level);
    log::info("log level {}", level_name(level));
  }
  Result<UploadsReport> uploads(ControlVerb verb, const std::string& path) override {
    UploadsReport report;
    if (courier_ != nullptr) {
      FTPSFS_TRY_ASSIGN(
          report, answer_uploads(*courier_, verb, path, Wait::for_at_most(plan_.options.timeout)));
    } else if (verb == ControlVerb::retry_uploads) {
      return make_error(Errc::unsupported,
                        "there is no journal to try again, as this mount is without -o writeback; "
                        "what is kept for recovery comes out by --export=DIR");
    }
    FTPSFS_TRY(answer_rescued(plan_.staging_directory, plan_.url.fsname(), verb, path, report));
    return report;
  }

 private:
  const MountPlan& plan_;
  remote::FtpRemote& remote_;
  fs::Filesystem& filesystem_;
  fuse::MountedSession& session_;
  IdentityReload& reload_;
  writeback::Courier* const courier_;
  const SteadyTime started_ = SteadyClock::now();
};

void report_certificates(const session::CertificateWatch& watch, StatusReport& report) {
  using Whose = session::CertificateWatch::Whose;
  if (const auto ours = watch.seen(Whose::client)) {
    report.client_certificate = ours->subject;
    report.client_certificate_ends = session::day_and_time(ours->ends);
  }
  if (const auto theirs = watch.seen(Whose::server)) {
    report.server_certificate_ends = session::day_and_time(theirs->ends);
  }
  for (const std::string& line : watch.warnings(std::chrono::system_clock::now())) {
    report.certificate_warning += (report.certificate_warning.empty() ? "" : "; ") + line;
  }
}

/// Bounded, as a reply is.
void report_transfers(const std::vector<session::TransferBoard::Running>& running,
                      StatusReport& report) {
  constexpr std::size_t kMost = 16;
  constexpr std::size_t kLongestPath = 512;
  for (std::size_t i = 0; i < std::min(kMost, running.size()); ++i) {
    const auto& one = running[i];
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(one.since).count();
    report.transfers.push_back(
        {one.path.substr(one.path.size() - std::min(one.path.size(), kLongestPath)),
         one.direction == session::TransferBoard::Direction::upload, one.begun_at, one.bytes,
         one.size.value_or(0), static_cast<std::uint64_t>(passed)});
  }
}

/// Bounded, as a reply is.
void report_failures(const std::vector<fs::FailedUpload>& failures, StatusReport& report) {
  constexpr std::size_t kLongest = 200;
  const SteadyTime now = SteadyClock::now();
  for (const fs::FailedUpload& one : failures) {
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - one.at).count();
    report.failures.push_back(
        {one.path.substr(one.path.size() - std::min(one.path.size(), kLongest)),
         one.reason.substr(0, kLongest), static_cast<std::uint64_t>(std::max<long>(passed, 0))});
  }
}

StatusReport MountHandler::status() {
  const remote::FtpRemoteCounters remote = remote_.counters();
  const fs::Filesystem::Counters files = filesystem_.counters();
  const fuse::MountedSession::Counters kernel = session_.counters();
  const auto uptime =
      std::chrono::duration_cast<std::chrono::seconds>(SteadyClock::now() - started_);
  StatusReport report;
  report.pid = ::getpid();
  report.mount_point = plan_.mount_point;
  report.source = plan_.url.fsname();
  report.username = plan_.credentials.username;
  report.server = remote_.description();
  report_certificates(remote_.certificates(), report);
  report.log_level = level_name(log::level());
  report.read_only = plan_.options.read_only;
  report.uptime_seconds = static_cast<std::uint64_t>(uptime.count());
  report.connections_limit = remote.pool.limit;
  report.connections_open = remote.pool.open;
  report.connections_idle = remote.pool.idle;
  report.requests_waiting = remote.pool.waiting;
  report.logins = remote.pool.logins;
  report.failed_logins = remote.pool.failed_logins;
  report.replaced_connections = remote.pool.replaced;
  report.streams_moved = remote.pool.preemptions;
  report.data_connections = remote.data_connections;
  report.warm_starts = remote.warm_starts;
  report.full_handshakes = remote.full_handshakes;
  report.fallbacks = remote.fallbacks;
  report.link_failures = remote.link_failures;
  report.sent_again = remote.sent_again;
  report.taken_up = files.taken_up;
  report.commands = remote.commands;
  report.flights = remote.flights;
  report.bytes_read = remote.bytes_read;
  report.bytes_written = remote.bytes_written;
  report.inodes = files.inodes;
  report.open_files = files.open_files;
  report.unfinished_uploads = files.dirty_files;
  report.failed_uploads = files.failed_uploads;
  report_failures(files.failures, report);
  report.lost_files = files.lost_files;
  report.rescued_files = files.rescued_files;
  report.cache_bytes = files.cache_bytes;
  report.cache_hits = files.cache_hits;
  report.listed_ahead = files.listed_ahead;
  report.listed_ahead_used = files.listed_ahead_used;
  report.read_ahead = files.read_ahead;
  report.read_ahead_used = files.read_ahead_used;
  report.cache_misses = files.cache_misses;
  report.kernel_requests = kernel.pending_requests;
  report.worker_threads = kernel.worker_threads;
  const auto in_us = [](session::VerbTimes::Microseconds time) {
    return static_cast<std::uint64_t>(time.count());
  };
  if (courier_ != nullptr) {
    report_writeback(*courier_, report);
  }
  report.idle_journals = idle_journals(plan_);
  report.trouble = remote.pool.trouble;
  report_transfers(remote.transfers, report);
  for (const auto& verb : remote.verbs) {
    report.verbs.push_back({verb.verb, verb.count, in_us(verb.mean), in_us(verb.median),
                            in_us(verb.p99), in_us(verb.largest)});
  }
  return report;
}

/// Errors of the network begin with the server's name, unless they have it in them.
std::string named(const MountPlan& plan, const Error& error) {
  return error.text.find(plan.url.host) != std::string::npos
             ? error.text
             : fmt::format("{}: {}", plan.url.authority(), error.text);
}

/// Is `root` a directory? A server may show a link to one as a link, or hide the parent in which a
/// name would be looked up: then a listing decides.
Result<void> check_root(remote::Remote& remote, const remote::RemotePath& root, const Wait& wait) {
  const auto entry = remote.stat(root, wait);
  if (entry && entry->type == remote::FileType::directory) {
    return {};
  }
  if (!entry && is_link_failure(entry.error().code)) {
    return entry.error();
  }
  if (entry && entry->type == remote::FileType::regular) {
    return make_error(Errc::not_directory,
                      fmt::format("{} on the server is a file, not a directory", root.str()));
  }
  auto listing = remote.list(root, wait);
  if (listing) {
    return {};
  }
  const Error& why = entry ? listing.error() : entry.error();
  switch (why.code) {
    case Errc::not_found:
      return make_error(why.code,
                        fmt::format("there is no directory {} on the server", root.str()));
    case Errc::access_denied:
      return make_error(why.code,
                        fmt::format("the server denies access to the directory {}", root.str()));
    default:
      return make_error(why.code,
                        fmt::format("cannot use the directory {}: {}", root.str(), why.text));
  }
}

/// Connecting and all that must succeed before anything is mounted.
struct Connected {
  std::unique_ptr<remote::FtpRemote> remote;
  remote::RemotePath root;
};
Result<Connected> connect(const MountPlan& plan, const std::stop_token& stop) {
  Connected connected;
  const Wait dialling = Wait::for_at_most(plan.options.connect_timeout, stop);
  FTPSFS_TRY_ASSIGN(connected.remote, remote::FtpRemote::connect(remote_settings(plan), dialling));
  FTPSFS_TRY_ASSIGN(connected.root, remote_root(plan, connected.remote->start_directory()));
  const Wait looking = Wait::for_at_most(plan.options.timeout, stop);
  FTPSFS_TRY(check_root(*connected.remote, connected.root, looking));
  return connected;
}

Verdict failure(const MountPlan& plan, const Error& error) {
  if (error.code == Errc::cancelled) {
    return {kExitInterrupted, "interrupted"};
  }
  // A CA file that cannot be read is the command line's fault, not the server's.
  const bool is_local = error.code == Errc::invalid_argument;
  return {is_local ? kExitUsage : kExitFailure, is_local ? error.text : named(plan, error)};
}

/// Without a control socket the mount works, only the commands do not.
std::unique_ptr<StatusSocket> open_control_socket(const MountPlan& plan, ControlHandler& handler) {
  const auto directory = make_control_directory();
  if (!directory) {
    log::warning("no control socket: {}", directory.error().text);
    return nullptr;
  }
  auto socket = StatusSocket::listen(*directory, plan.mount_point, handler);
  if (!socket) {
    log::warning("no control socket: {}", socket.error().text);
    return nullptr;
  }
  return std::move(socket).value();
}

/// Serves a mount that stands, until it ends.
/// @param courier null: no writeback.
ExitCode serve(const MountPlan& plan, remote::FtpRemote& remote, fs::Filesystem& filesystem,
               fuse::MountedSession& session, IdentityReload& reload, writeback::Courier* courier,
               const std::string& manager, const Announce& announce) {
  MountHandler handler(plan, remote, filesystem, session, reload, courier);
  const auto control = open_control_socket(plan, handler);
  if (!announce({kExitDone, {}})) {
    log::error("whoever asked for this mount has gone; unmounting");
    session.request_stop();
  }
  log::info("{} is mounted on {}", plan.url.fsname(), plan.mount_point);
  notify(manager,
         fmt::format("READY=1\nSTATUS=Serving {} on {}", plan.url.fsname(), plan.mount_point));
  if (const std::string idle = idle_journals(plan); !idle.empty()) {
    log::warning("{}", idle);
  }
  std::atomic<std::size_t> unfinished = 0;
  const auto ended = session.serve([&](const Wait& wait) {
    notify(manager, "STOPPING=1\nSTATUS=Finishing uploads");
    remote.end_endless_waits();
    unfinished = filesystem.finish_uploads(wait);
    if (courier != nullptr) {
      courier->hurry();
      if (const auto settled = courier->await_all(wait); !settled) {
        log::warning("{}; the next mount goes on with them", settled.error().text);
      }
    }
  });
  reload.cancel();
  if (unfinished > 0) {
    log::error("{} uploads could not be finished", unfinished.load());
  }
  // Not the same number: a failure that its program was told of is no news, and one that happened
  // behind a last close long ago is.
  EndReport end{filesystem.counters().lost_files};
  if (courier != nullptr) {
    report_end(*courier, end);
  }
  if (!is_good(end)) {
    log::error("{}: {}", plan.mount_point, as_text(end));
  }
  if (control) {
    control->tell_end(end);
  }
  if (!ended) {
    log::error("{}: {}", plan.mount_point, ended.error().text);
  }
  log::info("{} is unmounted", plan.mount_point);
  const bool all_there = unfinished == 0 && is_good(end);
  return ended && all_there ? kExitDone : kExitFailure;
}

/// From the plan that stays: the connections and the reload have their own.
void forget_secrets(MountPlan& plan) {
  plan.credentials.password.reset();
  plan.credentials.account.reset();
  plan.credentials.key_password.reset();
  plan.credentials.proxy_password.reset();
  plan.route.proxy.reset();
  plan.identity.reset();
}

/// Without a mark the mount works; only nobody will clear up behind it should it be killed.
std::optional<MountMark> make_mark(const MountPlan& plan) {
  if (plan.options.read_only) {
    return std::nullopt;
  }
  std::optional<RunAs::Lending> lending;  // who serves takes the mark away again
  if (plan.run_as) {
    lending.emplace(*plan.run_as);
  }
  auto mark = MountMark::make(plan.staging_directory);
  if (!mark) {
    log::info("no mark of this mount: {}", mark.error().text);
    return std::nullopt;
  }
  return std::move(mark).value();
}

/// Mounts; for another user where that is asked for, who then goes on with it.
Result<std::unique_ptr<fuse::MountedSession>> mount_as_planned(const MountPlan& plan,
                                                               fs::Filesystem& filesystem,
                                                               fuse::Notifier& notifier) {
  if (plan.run_as) {
    if (const auto made = make_control_directory_for(*plan.run_as); !made) {
      log::info("the control socket goes to another place: {}", made.error().text);
    }
    FTPSFS_TRY(plan.run_as->mount_for_user());
  }
  FTPSFS_TRY_ASSIGN(
      auto session,
      fuse::MountedSession::mount(filesystem, notifier, mount_options(plan), serve_settings(plan)));
  if (plan.run_as) {
    FTPSFS_TRY(plan.run_as->become_user());  // else the session unmounts itself
  }
  return session;
}

ExitCode mount_and_serve(MountPlan& plan, SignalTarget& target, const std::string& manager,
                         const Announce& announce) {
  auto connected = connect(plan, target.stop_token());
  if (!connected) {
    const Verdict verdict = failure(plan, connected.error());
    announce(verdict);
    return static_cast<ExitCode>(verdict.exit_code);
  }
  remote::FtpRemote& remote = *connected->remote;
  const SystemClock clock;
  fuse::Notifier notifier;
  ExitCode code = kExitFailure;
  {
    IdentityReload reload(plan, remote);
    forget_secrets(plan);
    auto mark = make_mark(plan);
    fs::Settings settings = filesystem_settings(plan, connected->root);
    if (mark) {
      settings.mount_id = mark->id();
      settings.dead_mounts = mark->dead();
    } else {
      std::random_device random;
      settings.mount_id = (std::uint64_t{random()} << 32U) | random() | 1U;
    }
    const std::uint64_t mount_id = settings.mount_id;
    Surprises surprises;
    std::optional<writeback::WritebackRemote> written_back;
    if (!plan.journal_directory.empty()) {
      written_back.emplace(remote, clock);
    }
    fs::Filesystem filesystem(written_back ? static_cast<remote::Remote&>(*written_back) : remote,
                              std::move(settings), notifier, clock);
    auto session = mount_as_planned(plan, filesystem, notifier);
    if (session && written_back) {
      surprises.attach(&filesystem);
      if (auto begun = begin_writeback(plan, connected->root, mount_id, surprises, *written_back);
          !begun) {
        session = std::move(begun).error();
      }
    }
    if (session) {
      target.attach(&filesystem, session->get(), &reload);
      if (plan.options.prefetch) {
        remote.prepare();
      }
      code = serve(plan, remote, filesystem, **session, reload,
                   written_back ? written_back->courier() : nullptr, manager, announce);
      target.detach();
      if (const auto left = filesystem.counters();
          mark && left.left_behind == 0 && left.dirty_files == 0 &&
          (!written_back || is_clean(*written_back->courier()))) {
        mark->end_clean();
      }
    } else {
      if (mark) {
        mark->end_clean();
      }
      announce({kExitFailure, session.error().text});
    }
    surprises.attach(nullptr);
  }
  remote.close(Wait::for_at_most(kGoodbyeLimit));
  return code;
}

}  // namespace

ExitCode run_mount(MountPlan& plan, const Announce& announce) {
  const std::string manager = take_notify_socket();
  SignalTarget target(plan.mount_point);
  const SignalThread signals([&target](int number) { target.handle(number); });
  const ExitCode code = mount_and_serve(plan, target, manager, announce);
  target.note_end();
  return code;
}

}  // namespace ftpsfs::app
