// SPDX-License-Identifier: MIT
#include "ftpsfs/app/password_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/unique_fd.hpp"
#include "ftpsfs/net/socket.hpp"

namespace ftpsfs::app {
namespace {

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;
};

Error failure(std::string_view option, std::string_view what) {
  return make_error(Errc::io_error, fmt::format("{}: {}", option, what));
}

Result<Pipe> make_pipe(std::string_view option) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return failure(option, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  static_cast<void>(::fcntl(pipe.reading.get(), F_SETFL, O_NONBLOCK));
  return pipe;
}

/// The process groups of the commands that run, for who must end this process at once.
class RunningGroups {
 public:
  static RunningGroups& instance() {
    static RunningGroups groups;
    return groups;
  }
  void add(pid_t group) {
    const MutexLock lock(mutex_);
    groups_.push_back(group);
  }
  void remove(pid_t group) {
    const MutexLock lock(mutex_);
    std::erase(groups_, group);
  }
  void kill_all() {
    const MutexLock lock(mutex_);
    for (const pid_t group : groups_) {
      ::kill(-group, SIGKILL);
    }
  }

 private:
  Mutex mutex_;
  std::vector<pid_t> groups_ FTPSFS_GUARDED_BY(mutex_);
};

/// For what does not even die of SIGKILL, because the kernel holds it (a file server that is gone).
/// Deaf to signals, which others handle.
void reap_aside(pid_t pid) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread([pid] { ::waitpid(pid, nullptr, 0); }).detach();
  } catch (const std::system_error& failure) {
    log::warning("a process that has ended stays in the list: {}", failure.what());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

/// The running command. Its end kills what still runs.
class Child {
 public:
  /// Groups: alone, so that all it has started can be killed; but at the terminal in ours, or it
  /// could not read from there.
  static Result<Child> start(std::string_view option, const std::string& command, Asking asking,
                             int out, int error);
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), group_(other.group_), end_(std::move(other.end_)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (pid_ > 0) {
      static_cast<void>(end());
    }
  }

  /// Readable once it has ended.
  int descriptor() const { return end_.get(); }

  /// Kills what still runs of it. @return its status as of waitpid(2); nullopt: nobody knows.
  std::optional<int> end() {
    constexpr int kDeathLimitMs = 2000;
    const pid_t pid = std::exchange(pid_, -1);
    ::kill(group_ ? -pid : pid, SIGKILL);
    if (group_) {
      RunningGroups::instance().remove(pid);  // not ours any more, once it is waited for
    }
    pollfd ended{end_.get(), POLLIN, 0};
    while (end_ && ::poll(&ended, 1, kDeathLimitMs) < 0 && errno == EINTR) {
    }
    int status = 0;
    const pid_t known = ::waitpid(pid, &status, WNOHANG);
    if (known == 0) {
      reap_aside(pid);
    }
    return known == pid ? std::optional<int>(status) : std::nullopt;
  }

 private:
  Child(pid_t pid, bool group) : pid_(pid), group_(group) {
    if (group_) {
      RunningGroups::instance().add(pid_);
    }
  }

  pid_t pid_;
  bool group_;
  UniqueFd end_;
};

Result<Child> Child::start(std::string_view option, const std::string& command, Asking asking,
                           int out, int error) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (asking == Asking::nobody) {
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, error, STDERR_FILENO);
  }
  // What we were started with, or a library has opened, is not for it.
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  const bool group = asking == Asking::nobody || !can_prompt();
  if (group) {
    flags |= POSIX_SPAWN_SETPGROUP;
  }
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, flags);
  std::string shell = "sh";
  std::string switch_word = "-c";
  std::string text = command;
  std::array<char*, 4> words{shell.data(), switch_word.data(), text.data(), nullptr};
  pid_t pid = -1;
  // Our own environment: no secret is ever put there.
  const int failed = ::posix_spawn(&pid, "/bin/sh", &files, &attributes, words.data(), ::environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) {
    return failure(option, fmt::format("cannot start /bin/sh: {}", std::strerror(failed)));
  }
  Child child(pid, group);
  child.end_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!child.end_) {
    return failure(option, fmt::format("cannot watch its process: {}", std::strerror(errno)));
  }
  return child;
}

/// The first line of what is read; what follows is thrown away.
class FirstLine {
 public:
  FirstLine() { line_.reserve(kLongestPassword + 1); }  // never grows: no copy is left behind
  ~FirstLine() { Secret::wipe(line_); }
  FirstLine(const FirstLine&) = delete;
  FirstLine& operator=(const FirstLine&) = delete;

  void take(char byte) {
    ended_ = ended_ || byte == '\n';
    if (ended_) {
      return;
    }
    fits_ = fits_ && byte != '\0' && line_.size() <= kLongestPassword;
    if (fits_) {
      line_ += byte;
    }
  }

  Result<Secret> finish(std::string_view option) {
    if (line_.ends_with('\r')) {
      line_.pop_back();
    }
    if (!fits_ || line_.find('\r') != std::string::npos) {
      return make_error(Errc::invalid_argument,
                        fmt::format("{}: the first line that it printed is no password (NUL byte, "
                                    "carriage return, or longer than {} bytes)",
                                    option, kLongestPassword));
    }
    if (line_.empty()) {
      return make_error(Errc::invalid_argument,
                        fmt::format("{}: the first line that it printed is empty; it must print "
                                    "the password",
                                    option));
    }
    return Secret(std::move(line_));
  }

 private:
  std::string line_;
  bool ended_ = false;
  bool fits_ = true;
};

/// What the command says on its error output, line by line into the log.
class Complaints {
 public:
  explicit Complaints(std::string_view option) : option_(option) {}
  ~Complaints() { tell(); }
  Complaints(const Complaints&) = delete;
  Complaints& operator=(const Complaints&) = delete;

  void take(char byte) {
    constexpr std::size_t kLongest = 500;
    if (byte == '\n' || line_.size() == kLongest) {
      tell();
    }
    if (byte != '\n') {
      line_ += byte;
    }
  }

 private:
  void tell() {
    if (!line_.empty() && told_ < kMost) {
      ++told_;
      log::warning("{}: {}", option_, line_);
    }
    line_.clear();
  }

  static constexpr int kMost = 20;
  std::string_view option_;
  std::string line_;
  int told_ = 0;
};

/// Hands on what one read brings: who writes without end must not keep us from looking at the
/// clock. More than any password, and all the complaints that are told. @return false at the end.
template <typename Taker>
bool read_once(int fd, Taker& taker) {
  std::array<char, 16 * 1024> bytes;
  const ssize_t got = ::read(fd, bytes.data(), bytes.size());
  if (got <= 0) {
    return got < 0 && (errno == EAGAIN || errno == EINTR);
  }
  for (ssize_t i = 0; i < got; ++i) {
    taker.take(bytes[static_cast<std::size_t>(i)]);
  }
  ::explicit_bzero(bytes.data(), static_cast<std::size_t>(got));
  return true;
}

Result<void> check_status(std::string_view option, std::optional<int> status) {
  if (!status) {
    return failure(option, "nobody knows how it ended");
  }
  if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) {
    return {};
  }
  return failure(option, WIFSIGNALED(*status)
                             ? fmt::format("was ended by signal {}", WTERMSIG(*status))
                             : fmt::format("ended with exit code {}", WEXITSTATUS(*status)));
}

}  // namespace

void kill_password_commands() {
  RunningGroups::instance().kill_all();
}

Result<Secret> run_password_command(std::string_view option, const std::string& command,
                                    Asking asking, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(Pipe out, make_pipe(option));
  FTPSFS_TRY_ASSIGN(Pipe error, make_pipe(option));
  FTPSFS_TRY_ASSIGN(Child child,
                    Child::start(option, command, asking, out.writing.get(), error.writing.get()));
  out.writing.reset();
  error.writing.reset();
  FirstLine line;
  Complaints complaints(option);
  net::WakeFd waiting;
  // Its end counts, not that of its output: something it has left behind may hold that open.
  for (bool ended = false; !ended;) {
    std::array<net::WakeFd::Item, 3> items{net::WakeFd::Item{child.descriptor(), POLLIN, 0},
                                           net::WakeFd::Item{out.reading.get(), POLLIN, 0},
                                           net::WakeFd::Item{error.reading.get(), POLLIN, 0}};
    constexpr const char* kWhat = "its password";
    // Asked for itself: where there is always something to read, poll(2) never tells of the time.
    auto waited =
        wait.expired() ? Result<void>(wait.give_up(kWhat)) : waiting.wait_any(items, wait, kWhat);
    if (!waited) {
      waited.error().text = fmt::format("{}: {}", option, waited.error().text);
      return std::move(waited).error();
    }
    ended = items[0].revents != 0;
    if (out.reading && !read_once(out.reading.get(), line)) {
      out.reading.reset();
    }
    if (error.reading && !read_once(error.reading.get(), complaints)) {
      error.reading.reset();
    }
  }
  FTPSFS_TRY(check_status(option, child.end()));
  return line.finish(option);
}

}  // namespace ftpsfs::app
