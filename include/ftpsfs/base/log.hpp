// SPDX-License-Identifier: MIT
//
// Leveled logging to stderr or syslog. A message carries the id of the request that its thread
// serves (LogScope). Secrets are kept out by whoever builds the text: an ftp::Command has a
// redacted form for this purpose. Thread-safe.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ftpsfs::log {

enum class Level : std::uint8_t { trace, debug, info, warning, error, off };

enum class Sink : std::uint8_t { stderr_text, syslog };

/// Chooses where messages go; may be called again (after the fork into the background).
void configure(Sink sink, Level level);
void set_level(Level level);
Level level();
bool enabled(Level level) noexcept;
std::optional<Level> parse_level(std::string_view name);

/// Writes one finished line. Control characters are escaped: the text may hold server words.
void write(Level level, std::string_view text);

/// With control characters as \xNN: a server's words must not forge lines, nor send escapes to a
/// terminal.
std::string escaped(std::string_view text);

/// While alive, messages of this thread bear the request's id.
class LogScope {
 public:
  explicit LogScope(std::uint64_t request_id) noexcept;
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  std::uint64_t previous_;
};

template <typename... Args>
void emit(Level at, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(at)) {
    write(at, fmt::vformat(format, fmt::make_format_args(args...)));
  }
}
template <typename... Args>
void trace(fmt::format_string<Args...> format, Args&&... args) {
  emit(Level::trace, format, std::forward<Args>(args)...);
}
template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  emit(Level::debug, format, std::forward<Args>(args)...);
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  emit(Level::info, format, std::forward<Args>(args)...);
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  emit(Level::warning, format, std::forward<Args>(args)...);
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  emit(Level::error, format, std::forward<Args>(args)...);
}

}  // namespace ftpsfs::log
