// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/libfuse_session.hpp"

#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::fuse {
namespace {

/// While set, libfuse's words on this thread are collected for an error instead of logged.
thread_local std::string* collected_words = nullptr;

log::Level to_level(fuse_log_level level) {
  switch (level) {
    case FUSE_LOG_EMERG:
    case FUSE_LOG_ALERT:
    case FUSE_LOG_CRIT:
    case FUSE_LOG_ERR:
      return log::Level::error;
    case FUSE_LOG_WARNING:
      return log::Level::warning;
    case FUSE_LOG_NOTICE:
    case FUSE_LOG_INFO:
      return log::Level::info;
    case FUSE_LOG_DEBUG:
      return log::Level::debug;
  }
  return log::Level::error;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto begin = std::min(text.find_first_not_of(kBlank), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

/// One line for people out of several.
std::string one_line(std::string_view text) {
  std::string line(trimmed(text));
  for (std::size_t at = 0; (at = line.find('\n', at)) != std::string::npos;) {
    line.replace(at, 1, "; ");
  }
  return line;
}

__attribute__((format(printf, 2, 0))) void take_words(fuse_log_level level, const char* format,
                                                      va_list arguments) {
  char text[1024];
  std::vsnprintf(text, sizeof text, format, arguments);
  if (collected_words != nullptr) {
    *collected_words += text;
  } else if (const auto words = trimmed(text); !words.empty()) {
    log::write(to_level(level), words);
  }
}

/// Collects what libfuse says, and what it or fusermount3 writes to stderr, for as long as it
/// lives. What other threads write there meanwhile comes out with it, or afterwards.
class CollectedWords {
 public:
  CollectedWords() : saved_(::dup(STDERR_FILENO)), file_(::memfd_create("ftpsfs", MFD_CLOEXEC)) {
    fuse_set_log_func(&take_words);
    collected_words = &words_;
    if (saved_ && file_) {
      std::fflush(stderr);
      ::dup2(file_.get(), STDERR_FILENO);
    }
  }
  ~CollectedWords() {
    finish();
    if (!stderr_text_.empty() && !taken_) {
      std::fputs(stderr_text_.c_str(), stderr);
    }
  }
  CollectedWords(const CollectedWords&) = delete;
  CollectedWords& operator=(const CollectedWords&) = delete;

  std::string take() {
    finish();
    taken_ = true;
    return one_line(words_ + stderr_text_);
  }

 private:
  void finish() {
    if (collected_words == nullptr) {
      return;
    }
    collected_words = nullptr;
    if (!saved_ || !file_) {
      return;
    }
    std::fflush(stderr);
    ::dup2(saved_.get(), STDERR_FILENO);
    char text[4096];
    const auto got = ::pread(file_.get(), text, sizeof text, 0);
    stderr_text_.assign(text, static_cast<std::size_t>(got > 0 ? got : 0));
  }

  UniqueFd saved_;
  UniqueFd file_;
  std::string words_;
  std::string stderr_text_;
  bool taken_ = false;
};

/// libfuse splits at commas, and takes a backslash as an escape.
std::string escaped(std::string_view option) {
  std::string out;
  for (const char c : option) {
    if (c == ',' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

constexpr std::string_view kMaxRead = "max_read=";

/// The checks that give a clearer error than mount(2) does.
Result<void> check_mount_point(const std::string& mount_point) {
  struct stat found {};
  if (::stat(mount_point.c_str(), &found) != 0) {
    switch (errno) {
      case ENOENT:
        return make_error(Errc::not_found,
                          fmt::format("mount point {}: no such directory", mount_point));
      case ENOTCONN:
        return make_error(Errc::busy, fmt::format("mount point {}: a dead mount is in the way; "
                                                  "remove it with: fusermount3 -u {}",
                                                  mount_point, mount_point));
      case EACCES:
        return make_error(Errc::access_denied,
                          fmt::format("mount point {}: permission denied", mount_point));
      default:
        return make_error(Errc::io_error,
                          fmt::format("mount point {}: {}", mount_point, std::strerror(errno)));
    }
  }
  if (!S_ISDIR(found.st_mode)) {
    return make_error(Errc::not_directory,
                      fmt::format("mount point {}: not a directory", mount_point));
  }
  return {};
}

}  // namespace

std::uint32_t effective_max_read(const MountOptions& options) {
  std::uint32_t max_read = options.max_read;
  for (const std::string& option : options.others) {
    if (option.compare(0, kMaxRead.size(), kMaxRead) == 0) {
      std::from_chars(option.data() + kMaxRead.size(), option.data() + option.size(), max_read);
    }
  }
  return max_read;
}

std::vector<std::string> libfuse_arguments(const MountOptions& options) {
  std::vector<std::string> arguments{"ftpsfs"};
  const auto add = [&arguments](const std::string& option) {
    arguments.emplace_back("-o");
    arguments.push_back(escaped(option));
  };
  add("fsname=" + options.fsname);
  add("subtype=" + options.subtype);
  add(fmt::format("{}{}", kMaxRead, effective_max_read(options)));
  if (options.default_permissions) {
    add("default_permissions");
  }
  if (options.allow_other) {
    add("allow_other");
  }
  if (options.read_only) {
    add("ro");
  }
  if (options.debug) {
    add("debug");
  }
  for (const std::string& option : options.others) {
    if (option.compare(0, kMaxRead.size(), kMaxRead) != 0) {
      add(option);
    }
  }
  return arguments;
}

Result<std::unique_ptr<LibfuseSession>> LibfuseSession::create(const MountOptions& options,
                                                               const fuse_lowlevel_ops& callbacks,
                                                               void* userdata) {
  auto arguments = libfuse_arguments(options);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size());
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
  }
  fuse_args args = FUSE_ARGS_INIT(static_cast<int>(pointers.size()), pointers.data());
  CollectedWords words;
  fuse_session* const session = fuse_session_new(&args, &callbacks, sizeof callbacks, userdata);
  fuse_opt_free_args(&args);
  if (session == nullptr) {
    return make_error(Errc::invalid_argument, "mount options: " + words.take());
  }
  return std::unique_ptr<LibfuseSession>(new LibfuseSession(session));
}

LibfuseSession::~LibfuseSession() {
  unmount();
}

Result<void> LibfuseSession::mount(const std::string& mount_point) {
  FTPSFS_TRY(check_mount_point(mount_point));
  CollectedWords words;
  if (fuse_session_mount(session_.get(), mount_point.c_str()) != 0) {
    return make_error(Errc::io_error,
                      fmt::format("cannot mount on {}: {}", mount_point, words.take()));
  }
  return {};
}

Result<void> LibfuseSession::use_channel(const fuse_custom_io& io, int fd) {
  const int error = fuse_session_custom_io(session_.get(), &io, fd);
  if (error != 0) {
    return make_error(Errc::io_error, std::string("channel: ") + std::strerror(std::abs(error)));
  }
  return {};
}

void LibfuseSession::unmount() {
  fuse_session_unmount(session_.get());
}

}  // namespace ftpsfs::fuse
