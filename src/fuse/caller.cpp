// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/caller.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <string>

#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::fuse {
namespace {

using SignalSet = std::uint64_t;

constexpr SignalSet bit(int signal) {
  return SignalSet{1} << (signal - 1);
}

/// What a signal that nobody handles does not kill.
constexpr SignalSet kHarmless = bit(SIGCHLD) | bit(SIGCONT) | bit(SIGSTOP) | bit(SIGTSTP) |
                                bit(SIGTTIN) | bit(SIGTTOU) | bit(SIGURG) | bit(SIGWINCH);
/// A person or a supervisor asks for the end; a program that handles them wants to know soon.
constexpr SignalSet kRequestsToEnd = bit(SIGINT) | bit(SIGTERM) | bit(SIGQUIT);

/// PF_SIGNALED of the kernel's include/linux/sched.h: "Killed by a signal".
constexpr std::uint64_t kKilledFlag = 0x400;
/// Of the fields behind the name in /proc/<pid>/stat, which begin with the state.
constexpr int kFlagsField = 6;

template <typename Number>
std::optional<Number> parse_number(std::string_view text, int base) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end == text.data()) {
    return std::nullopt;
  }
  return value;
}

std::optional<SignalSet> find_set(std::string_view status, std::string_view label) {
  const auto at = status.find(label);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view rest = status.substr(at + label.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  return parse_number<SignalSet>(rest, 16);
}

/// These files are small; one read gets all that is looked for.
std::optional<std::string> read_proc(pid_t thread, const char* file) {
  const UniqueFd fd(::open(fmt::format("/proc/{}/{}", thread, file).c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(8192, '\0');
  const auto got = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  if (got <= 0) {
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(got));
  return text;
}

}  // namespace

CallerIntent parse_caller_intent(std::string_view status) {
  const auto own = find_set(status, "\nSigPnd:");
  const auto shared = find_set(status, "\nShdPnd:");
  const auto blocked = find_set(status, "\nSigBlk:");
  const auto ignored = find_set(status, "\nSigIgn:");
  const auto caught = find_set(status, "\nSigCgt:");
  if (!own || !shared || !blocked || !ignored || !caught) {
    return CallerIntent::unknown;
  }
  const SignalSet pending = (*own | *shared) & ~*blocked & ~*ignored;
  const SignalSet deadly = pending & ~*caught & ~kHarmless;
  return (deadly | (pending & kRequestsToEnd)) != 0 ? CallerIntent::leaving : CallerIntent::staying;
}

CallerIntent find_caller_intent(pid_t thread) {
  if (thread <= 0) {
    return CallerIntent::unknown;
  }
  const auto status = read_proc(thread, "status");
  return status ? parse_caller_intent(*status) : CallerIntent::unknown;
}

bool parse_killed(std::string_view stat) {
  // The name may hold anything, parentheses and spaces too.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) {
    return false;
  }
  std::string_view rest = stat.substr(name_end + 1);
  for (int field = 0; field < kFlagsField; ++field) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    rest.remove_prefix(std::min(rest.find(' '), rest.size()));
  }
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const auto flags = parse_number<std::uint64_t>(rest, 10);
  return flags && (*flags & kKilledFlag) != 0;
}

bool find_killed(pid_t thread) {
  if (thread <= 0) {
    return false;
  }
  const auto stat = read_proc(thread, "stat");
  return stat && parse_killed(*stat);
}

}  // namespace ftpsfs::fuse
