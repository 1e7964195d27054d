// SPDX-License-Identifier: MIT
#include "ftpsfs/base/log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "ftpsfs/base/log_context.hpp"
#include "ftpsfs/base/log_file.hpp"
#include "ftpsfs/base/log_throttle.hpp"
#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::log {
namespace {

/// What this thread is at.
struct Context {
  std::uint64_t request = 0;
  std::uint64_t session = 0;
  std::string_view path{};
};
thread_local Context context;
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

constexpr const char* kLineForm = "%Y-%m-%d %H:%M:%S.%e [%t] %l: %v";

/// spdlog's own file sink opens by name, follows links and keeps a buffer.
class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit DescriptorSink(UniqueFd file) : file_(std::move(file)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    // What does not fit on the disk is lost: there is nobody to tell.
    [[maybe_unused]] const ssize_t written = ::write(file_.get(), line.data(), line.size());
  }
  void flush_() override {}

  const UniqueFd file_;
};

void use(std::shared_ptr<spdlog::logger> logger, Level level) {
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  set_level(level);
}

/// Errors are never left out: they name the files that are lost. And whoever asks for the dialogue
/// wants all of it.
bool may_be_left_out(Level level) {
  return (level == Level::info || level == Level::warning) && current_level > Level::debug;
}

/// One for each level.
class Throttles {
 public:
  bool admit(Level level, std::uint64_t& left_out) {
    const MutexLock lock(mutex_);
    return throttles_.at(static_cast<std::size_t>(level)).admit(SteadyClock::now(), left_out);
  }

 private:
  Mutex mutex_;
  std::array<Throttle, static_cast<std::size_t>(Level::off) + 1> throttles_
      FTPSFS_GUARDED_BY(mutex_);
};

/// How many bytes the control character takes with which the text begins; 0: it is none.
std::size_t control_length(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  if (byte(0) < 0x20 || byte(0) == 0x7f) {
    return 1;
  }
  // U+0080 to U+009F in UTF-8: among them is a one-character form of ESC [.
  const bool is_c1 = text.size() > 1 && byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f;
  return is_c1 ? 2 : 0;
}

/// Does the text name this path, and not one that only begins like it?
bool names(std::string_view text, std::string_view path) {
  for (std::size_t at = 0; (at = text.find(path, at)) != std::string_view::npos; ++at) {
    const std::size_t end = at + path.size();
    if (end == text.size() || std::string_view(" ,:;)'\"").find(text[end]) != std::string::npos) {
      return true;
    }
  }
  return false;
}

/// "request 7, #2, /orders/a.csv: ", as far as it is known and not said by the text.
std::string origin_of(std::string_view text) {
  const auto& [request, session, path] = context;
  std::string origin = request != 0 ? fmt::format("request {}", request) : "";
  const auto add = [&origin](std::string_view part) {
    origin += origin.empty() ? "" : ", ";
    origin += part;
  };
  const bool names_a_session = text.starts_with('#');
  if (session != 0 && !names_a_session && (request != 0 || !path.empty())) {
    add(fmt::format("#{}", session));
  }
  if (!path.empty() && !names(text, path)) {
    add(path);
  }
  return origin.empty() ? origin : escaped(origin) + ": ";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t control = control_length(text.substr(i));
    if (control == 0) {
      out += text[i++];
    }
    for (const std::size_t end = i + control; i < end; ++i) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
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
    logger->set_pattern(kLineForm);
  }
  use(std::move(logger), level);
}

void configure_file(UniqueFd file, Level level) {
  auto logger =
      std::make_shared<spdlog::logger>("ftpsfs", std::make_shared<DescriptorSink>(std::move(file)));
  logger->set_pattern(kLineForm);
  use(std::move(logger), level);
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
  static Throttles throttles;
  std::uint64_t left_out = 0;
  if (may_be_left_out(level) && !throttles.admit(level, left_out)) {
    return;
  }
  std::string line = origin_of(text) + escaped(text);
  if (left_out > 0) {
    line += fmt::format(" ({} messages were left out before this one)", left_out);
  }
  spdlog::default_logger_raw()->log(to_spdlog(level), "{}", line);
}

LogScope::LogScope(std::uint64_t request_id) noexcept
    : previous_(std::exchange(context.request, request_id)) {
  context.session = 0;
}
LogScope::~LogScope() {
  context.request = previous_;
  context.session = 0;
}

PathScope::PathScope(std::string_view path) noexcept
    : previous_(std::exchange(context.path, path)) {
  context.session = 0;
}
PathScope::~PathScope() {
  context.path = previous_;
}

void note_session(std::uint64_t number) noexcept {
  context.session = number;
}

std::uint64_t current_request() noexcept {
  return context.request;
}

}  // namespace ftpsfs::log
