// SPDX-License-Identifier: MIT
#include "ftpsfs/session/dialogue_trace.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <exception>

#include "ftpsfs/base/append_file.hpp"
#include "ftpsfs/base/log.hpp"

namespace ftpsfs::session {
namespace {

constexpr std::string_view kCutMark = "…";

}  // namespace

Result<std::shared_ptr<DialogueTrace>> DialogueTrace::open(const std::string& path) {
  FTPSFS_TRY_ASSIGN(UniqueFd file, open_for_appending(path, "trace"));
  return std::make_shared<DialogueTrace>(std::move(file));
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
