// SPDX-License-Identifier: MIT
#include "ftpsfs/app/password_prompt.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::app {
namespace {

// A handler can reach nothing but this.
volatile sig_atomic_t caught_signal = 0;

extern "C" void note_signal(int number) {
  caught_signal = number;
}

UniqueFd open_terminal() {
  return UniqueFd(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
}

/// While alive, signals that would end or stop us only interrupt the wait.
class SignalGuard {
 public:
  SignalGuard() {
    caught_signal = 0;
    struct sigaction action {};
    action.sa_handler = note_signal;  // without SA_RESTART: poll and read return
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &action, &previous_[i]);
    }
    // Stopping (^Z) would leave the shell on a terminal without echo.
    action.sa_handler = SIG_IGN;
    ::sigaction(SIGTSTP, &action, &previous_stop_);
  }
  ~SignalGuard() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &previous_[i], nullptr);
    }
    ::sigaction(SIGTSTP, &previous_stop_, nullptr);
    if (caught_signal != 0) {
      ::raise(caught_signal);  // now with its own effect, on a terminal that echoes again
    }
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  static constexpr std::array<int, 4> kSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  std::array<struct sigaction, 4> previous_{};
  struct sigaction previous_stop_ {};
};

/// While alive, the terminal does not show what is typed.
class EchoGuard {
 public:
  explicit EchoGuard(int fd) : fd_(fd) {
    if (::tcgetattr(fd_, &before_) != 0) {
      return;
    }
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= static_cast<tcflag_t>(ICANON | ISIG | ECHONL);
    changed_ = ::tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
  }
  ~EchoGuard() {
    if (changed_) {
      ::tcsetattr(fd_, TCSAFLUSH, &before_);
    }
  }
  EchoGuard(const EchoGuard&) = delete;
  EchoGuard& operator=(const EchoGuard&) = delete;

  bool silent() const noexcept { return changed_; }

 private:
  int fd_;
  termios before_{};
  bool changed_ = false;
};

Result<Secret> read_answer(int fd, const Wait& wait) {
  std::string line;
  line.reserve(kLongestPassword + 2);  // never grows: no copy is left behind
  while (caught_signal == 0) {
    pollfd item{fd, POLLIN, 0};
    const int ready = ::poll(&item, 1, wait.poll_timeout_ms());
    if (ready == 0) {
      Secret::wipe(line);
      return make_error(Errc::timed_out, "no password was typed in time");
    }
    char byte = 0;
    const ssize_t got = ready < 0 ? -1 : ::read(fd, &byte, 1);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0 || byte == '\n' || line.size() > kLongestPassword) {
      break;
    }
    line += byte;
  }
  if (line.empty() || caught_signal != 0) {
    Secret::wipe(line);
    return make_error(Errc::cancelled, "no password was typed");
  }
  return Secret(std::move(line));
}

}  // namespace

bool can_prompt() {
  return static_cast<bool>(open_terminal());
}

Result<Secret> prompt_password(const std::string& question, const Wait& wait) {
  const UniqueFd terminal = open_terminal();
  if (!terminal) {
    return make_error(Errc::unsupported, "no terminal to ask for the password on");
  }
  const SignalGuard signals;  // outlives the echo guard: the signal acts on a restored terminal
  const EchoGuard echo(terminal.get());
  if (!echo.silent()) {
    return make_error(Errc::unsupported, "the terminal cannot hide a password");
  }
  if (::write(terminal.get(), question.data(), question.size()) < 0) {
    return make_error(Errc::unsupported,
                      std::string("cannot ask for the password: ") + std::strerror(errno));
  }
  return read_answer(terminal.get(), wait);
}

}  // namespace ftpsfs::app
