// SPDX-License-Identifier: MIT
//
// Reading one option's value: what each kind accepts, and the line that says so when it does not.
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "ftpsfs/app/option_table.hpp"

namespace ftpsfs::app {
namespace {

/// Longer ones are surely a slip of the keyboard, and sums of times must not overflow.
constexpr Duration kLongestDuration = std::chrono::hours(24 * 365);

Error bad_value(const OptionRow& row, std::string_view text, std::string_view accepted) {
  return make_error(Errc::invalid_argument,
                    fmt::format("option {}: \"{}\" is not {}", row.name, text, accepted));
}

template <typename Number>
std::optional<Number> whole_number(std::string_view text, int base = 10) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end || text.empty()) {
    return std::nullopt;
  }
  return value;
}

struct TimeUnit {
  std::string_view name;
  std::uint64_t milliseconds;
};
constexpr TimeUnit kTimeUnits[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"", 1000}};

/// "30", "1.0", "500ms", "2m". Plain numbers are seconds, with a fraction as libfuse allows it.
std::optional<Duration> duration_value(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view unit_name = text.substr(digits);
  const auto* unit =
      std::find_if(std::begin(kTimeUnits), std::end(kTimeUnits),
                   [&](const TimeUnit& candidate) { return candidate.name == unit_name; });
  const std::string_view number = text.substr(0, digits);
  const std::size_t point = std::min(number.find('.'), number.size());
  const auto whole = whole_number<std::uint64_t>(number.substr(0, point));
  if (unit == std::end(kTimeUnits) || !whole || *whole > std::uint64_t{1} << 40U) {
    return std::nullopt;
  }
  std::uint64_t milliseconds = *whole * unit->milliseconds;
  std::uint64_t scale = unit->milliseconds;
  for (std::size_t i = point + 1; i < number.size(); ++i) {
    if (number[i] == '.') {
      return std::nullopt;
    }
    scale /= 10;
    milliseconds += scale * static_cast<std::uint64_t>(number[i] - '0');
  }
  return Duration(static_cast<Duration::rep>(milliseconds));
}

Result<OptionValue> parse_duration(const OptionRow& row, std::string_view text) {
  const auto value = duration_value(text);
  if (!value || *value > kLongestDuration) {
    return bad_value(row, text, "a time: seconds (30), or with a unit: 500ms, 30s, 5m, 1h");
  }
  if (*value < Duration(static_cast<Duration::rep>(row.minimum))) {
    return bad_value(row, text, fmt::format("long enough: at least {}ms", row.minimum));
  }
  return OptionValue(*value);
}

Result<OptionValue> parse_number(const OptionRow& row, std::string_view text) {
  const auto value = whole_number<std::uint64_t>(text);
  if (!value || *value < row.minimum || *value > row.maximum) {
    return bad_value(row, text, fmt::format("a number from {} to {}", row.minimum, row.maximum));
  }
  return OptionValue(*value);
}

/// "67108864", "64M".
Result<OptionValue> parse_size(const OptionRow& row, std::string_view text) {
  constexpr std::string_view kUnits = "KMG";
  const std::size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  const unsigned shift =
      unit == std::string_view::npos ? 0 : 10 * (static_cast<unsigned>(unit) + 1);
  const auto count =
      whole_number<std::uint64_t>(shift == 0 ? text : text.substr(0, text.size() - 1));
  const bool fits = count && *count <= row.maximum >> shift && *count << shift >= row.minimum;
  if (!fits) {
    return bad_value(row, text,
                     fmt::format("a size from {}M to {}M: bytes, or with a unit: 512K, 64M, 2G",
                                 row.minimum >> 20, row.maximum >> 20));
  }
  return OptionValue(*count << shift);
}

Result<OptionValue> parse_octal(const OptionRow& row, std::string_view text) {
  const auto value = whole_number<std::uint64_t>(text, 8);
  if (!value || *value > 0777) {
    return bad_value(row, text, "permission bits in octal, 0 to 0777");
  }
  return OptionValue(*value);
}

Result<OptionValue> parse_choice(const OptionRow& row, std::string_view text) {
  std::string_view rest = row.choices;
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find('|'));
    if (word == text) {
      return OptionValue(std::string(word));
    }
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  std::string accepted = "one of ";
  for (const char c : row.choices) {
    accepted += c == '|' ? std::string(", ") : std::string(1, c);
  }
  return bad_value(row, text, accepted);
}

std::optional<std::uint32_t> look_up(OptionKind kind, const std::string& name) {
  std::vector<char> buffer(16 * 1024);
  if (kind == OptionKind::user) {
    passwd entry{};
    passwd* found = nullptr;
    getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    return found == nullptr ? std::nullopt : std::optional<std::uint32_t>(found->pw_uid);
  }
  group entry{};
  group* found = nullptr;
  getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::nullopt : std::optional<std::uint32_t>(found->gr_gid);
}

Result<OptionValue> parse_id(const OptionRow& row, std::string_view text) {
  auto id = whole_number<std::uint32_t>(text);
  if (!id && !text.empty() && text.find('\0') == std::string_view::npos) {
    id = look_up(row.kind, std::string(text));
  }
  // The highest number means "nobody in particular" to chown(2).
  if (!id || *id == UINT32_MAX) {
    return bad_value(row, text,
                     row.kind == OptionKind::user ? "a user known here or a number"
                                                  : "a group known here or a number");
  }
  return OptionValue(std::uint64_t{*id});
}

Result<OptionValue> parse_path(const OptionRow& row, std::string_view text,
                               const std::string& working_directory) {
  if (text.empty() || text.find('\0') != std::string_view::npos) {
    return bad_value(row, text, "a path");
  }
  // After the fork the working directory is "/". Not normalised: ".." behind a symbolic link is
  // the kernel's business.
  return OptionValue((std::filesystem::path(working_directory) / text).string());
}

}  // namespace

Result<OptionValue> parse_option_value(const OptionRow& row, std::string_view text,
                                       const std::string& working_directory) {
  switch (row.kind) {
    case OptionKind::flag:
      return OptionValue(true);
    case OptionKind::text:
      if (text.empty()) {
        return bad_value(row, text, "a value: it is empty");
      }
      return OptionValue(std::string(text));
    case OptionKind::number:
      return parse_number(row, text);
    case OptionKind::duration:
      return parse_duration(row, text);
    case OptionKind::size:
      return parse_size(row, text);
    case OptionKind::octal:
      return parse_octal(row, text);
    case OptionKind::path:
      return parse_path(row, text, working_directory);
    case OptionKind::choice:
      return parse_choice(row, text);
    case OptionKind::user:
    case OptionKind::group:
      return parse_id(row, text);
  }
  return bad_value(row, text, "understood");
}

}  // namespace ftpsfs::app
