// SPDX-License-Identifier: MIT
#include "ftpsfs/base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <string>

namespace ftpsfs::log {
namespace {

thread_local std::uint64_t current_request = 0;
std::atomic<Level> current_level{Level::warning};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::trace:
      return spdlog::level::trace;
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

void configure(Sink sink, Level level) {
  std::shared_ptr<spdlog::logger> logger;
  if (sink == Sink::syslog) {
    constexpr int kDaemonFacility = 3 << 3;  // LOG_DAEMON; <syslog.h> would bring its macros along
    auto target = std::make_shared<spdlog::sinks::syslog_sink_mt>("ftpsfs", 1 /* LOG_PID */,
                                                                  kDaemonFacility, true);
    logger = std::make_shared<spdlog::logger>("ftpsfs", target);
    logger->set_pattern("%v");
  } else {
    auto target = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    logger = std::make_shared<spdlog::logger>("ftpsfs", target);
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e [%t] %l: %v");
  }
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(logger);
  set_level(level);
}

void set_level(Level level) {
  current_level = level;
}
Level level() {
  return current_level;
}
bool enabled(Level level) noexcept {
  return level >= current_level.load(std::memory_order_relaxed) && level != Level::off;
}

std::optional<Level> parse_level(std::string_view name) {
  if (name == "trace") return Level::trace;
  if (name == "debug") return Level::debug;
  if (name == "info") return Level::info;
  if (name == "warning" || name == "warn") return Level::warning;
  if (name == "error") return Level::error;
  if (name == "off") return Level::off;
  return std::nullopt;
}

void write(Level level, std::string_view text) {
  std::string line = escaped(text);
  if (current_request != 0) {
    line = fmt::format("request {}: {}", current_request, line);  // #N is a session
  }
  spdlog::default_logger_raw()->log(to_spdlog(level), "{}", line);
}

LogScope::LogScope(std::uint64_t request_id) noexcept : previous_(current_request) {
  current_request = request_id;
}
LogScope::~LogScope() {
  current_request = previous_;
}

}  // namespace ftpsfs::log
