// SPDX-License-Identifier: MIT
#include "ftpsfs/session/dialogue_trace.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <exception>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::session {
namespace {

constexpr std::string_view kCutMark = "…";

Error unusable(Errc code, const std::string& path, std::string_view why) {
  return make_error(code, fmt::format("trace file {}: {}", path, why));
}

/// It will hold names of files and users: nobody else may have laid it out for us.
Result<void> check(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return unusable(Errc::io_error, path, std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return unusable(Errc::access_denied, path, "is no regular file");
  }
  if (status.st_uid != ::geteuid() || status.st_nlink != 1) {
    return unusable(Errc::access_denied, path,
                    status.st_nlink != 1 ? "has another name elsewhere (a hard link)"
                                         : "belongs to another user");
  }
  if (::fchmod(fd, S_IRUSR | S_IWUSR) != 0) {
    return unusable(Errc::io_error, path, std::strerror(errno));
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<DialogueTrace>> DialogueTrace::open(const std::string& path) {
  // O_NONBLOCK: a pipe without a reader must not hold us here.
  UniqueFd file(::open(
      path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
      S_IRUSR | S_IWUSR));
  if (!file) {
    return unusable(Errc::access_denied, path,
                    errno == ELOOP ? "is a symbolic link" : std::strerror(errno));
  }
  FTPSFS_TRY(check(file.get(), path));
  // Where 0 to 2 were closed: going into the background puts /dev/null there.
  UniqueFd high(::fcntl(file.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!high) {
    return unusable(Errc::io_error, path, std::strerror(errno));
  }
  return std::make_shared<DialogueTrace>(std::move(high));
}

std::string DialogueTrace::line(WallTime time, std::uint64_t session, char direction,
                                std::string_view text, const std::optional<Asked>& asked) {
  const auto milliseconds =
      std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = milliseconds / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z #{} {} ",
                                utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                                utc.tm_min, utc.tm_sec, milliseconds % 1000, session, direction);
  std::string tail = "\n";
  if (asked) {
    const double passed = std::chrono::duration<double, std::milli>(asked->ago).count();
    tail = fmt::format(" ({}{}after {:.1f} ms)\n", asked->verb, asked->verb.empty() ? "" : " ",
                       passed);
  }
  const std::string clean = log::escaped(text);
  if (out.size() + clean.size() + tail.size() <= kLongestLine) {
    return out + clean + tail;
  }
  const std::size_t room = kLongestLine - out.size() - kCutMark.size() - tail.size();
  return out.append(clean, 0, room).append(kCutMark) + tail;
}

void DialogueTrace::note_command(std::uint64_t session, std::string_view log_form) noexcept {
  write(session, '>', log_form, std::nullopt);
}

void DialogueTrace::note_reply(std::uint64_t session, std::string_view text,
                               const std::optional<Asked>& asked) noexcept {
  write(session, '<', text, asked);
}

void DialogueTrace::write(std::uint64_t session, char direction, std::string_view text,
                          const std::optional<Asked>& asked) noexcept {
  try {
    const std::string whole =
        line(std::chrono::system_clock::now(), session, direction, text, asked);
    const ssize_t written = ::write(file_.get(), whole.data(), whole.size());
    const int reason = written < 0 ? errno : ENOSPC;
    if (written != static_cast<ssize_t>(whole.size()) && !complained_.exchange(true)) {
      log::warning("the trace of the dialogue has gaps: {}", std::strerror(reason));
    }
  } catch (const std::exception& failure) {
    log::warning("trace: {}", failure.what());  // no memory: the dialogue goes on
  }
}

}  // namespace ftpsfs::session
