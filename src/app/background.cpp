// SPDX-License-Identifier: MIT
#include "ftpsfs/app/background.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "ftpsfs/app/exit_code.hpp"

namespace ftpsfs::app {
namespace {

/// Below PIPE_BUF, so that a verdict is written whole or not at all.
constexpr std::size_t kLongestVerdict = 3000;

std::string how_it_ended(pid_t child) {
  int status = 0;
  if (::waitpid(child, &status, 0) != child) {
    return "unexpectedly";
  }
  return WIFSIGNALED(status) ? fmt::format("by signal {}", WTERMSIG(status))
                             : fmt::format("with status {}", WEXITSTATUS(status));
}

Verdict parse_verdict(std::string_view message) {
  Verdict verdict{kExitFailure, {}};
  const std::size_t end = message.find('\n');
  std::from_chars(message.data(), message.data() + std::min(end, message.size()),
                  verdict.exit_code);
  if (end != std::string_view::npos) {
    verdict.text = std::string(message.substr(end + 1));
  }
  return verdict;
}

}  // namespace

Result<Background> Background::fork() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return make_error(Errc::io_error, fmt::format("pipe: {}", std::strerror(errno)));
  }
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    return make_error(Errc::io_error,
                      fmt::format("cannot start a process: {}", std::strerror(errno)));
  }
  if (child == 0) {
    ::setsid();
    return Background(0, std::move(writing));
  }
  return Background(child, std::move(reading));
}

bool Background::tell(const Verdict& verdict) {
  const std::string message =
      fmt::format("{}\n{}", verdict.exit_code, verdict.text.substr(0, kLongestVerdict));
  const ssize_t written = ::write(pipe_.get(), message.data(), message.size());
  pipe_.reset();
  return written == static_cast<ssize_t>(message.size());
}

Verdict Background::await(const Wait& wait) {
  std::string message;
  std::array<char, 4096> buffer{};
  for (;;) {
    pollfd item{pipe_.get(), POLLIN, 0};
    const int ready = ::poll(&item, 1, wait.poll_timeout_ms());
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready == 0) {
      ::kill(child_, SIGTERM);
      return {kExitFailure, "the background process told nothing in time and was stopped"};
    }
    const ssize_t got = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    message.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (message.empty()) {
    return {kExitFailure, fmt::format("the background process ended {} before the mount was ready; "
                                      "-f shows more",
                                      how_it_ended(child_))};
  }
  return parse_verdict(message);
}

void leave_terminal() {
  [[maybe_unused]] const int moved = ::chdir("/");
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null) {
    ::dup2(null.get(), STDIN_FILENO);
    ::dup2(null.get(), STDOUT_FILENO);
    ::dup2(null.get(), STDERR_FILENO);
  }
}

}  // namespace ftpsfs::app
