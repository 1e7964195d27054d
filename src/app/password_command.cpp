// SPDX-License-Identifier: MIT
#include "ftpsfs/app/password_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "ftpsfs/base/log.hpp"
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
      ::kill(group_ ? -pid_ : pid_, SIGKILL);
      static_cast<void>(reap());
    }
  }

  /// Readable once it has ended.
  int descriptor() const { return end_.get(); }

  /// Its status as of waitpid(2). @pre it has ended, or has been killed.
  int reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  Child(pid_t pid, bool group) : pid_(pid), group_(group) {}

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
  Child child(pid, asking == Asking::nobody);
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

/// Hands on what there is now. @return false at the end.
template <typename Taker>
bool read_now(int fd, Taker& taker) {
  std::array<char, 512> bytes{};
  for (;;) {
    const ssize_t got = ::read(fd, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return got < 0 && errno == EAGAIN;
    }
    for (ssize_t i = 0; i < got; ++i) {
      taker.take(bytes[static_cast<std::size_t>(i)]);
    }
    ::explicit_bzero(bytes.data(), bytes.size());
  }
}

Result<void> check_status(std::string_view option, int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    return {};
  }
  return failure(option, WIFSIGNALED(status)
                             ? fmt::format("was ended by signal {}", WTERMSIG(status))
                             : fmt::format("ended with exit code {}", WEXITSTATUS(status)));
}

}  // namespace

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
    auto waited = waiting.wait_any(items, wait, "its password");
    if (!waited) {
      waited.error().text = fmt::format("{}: {}", option, waited.error().text);
      return std::move(waited).error();
    }
    ended = items[0].revents != 0;
    if (out.reading && !read_now(out.reading.get(), line)) {
      out.reading.reset();
    }
    if (error.reading && !read_now(error.reading.get(), complaints)) {
      error.reading.reset();
    }
  }
  FTPSFS_TRY(check_status(option, child.reap()));
  return line.finish(option);
}

}  // namespace ftpsfs::app
