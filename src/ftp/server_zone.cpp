// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/server_zone.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/civil_time.hpp"

namespace ftpsfs::ftp {
namespace {

constexpr std::int64_t kHourSeconds = 3'600;
constexpr std::int64_t kMostEastSeconds = 26 * kHourSeconds;
/// A rule without an end ("last Sunday of March") is written out up to here.
constexpr int kLastRuleYear = 2100;

/// Big-endian numbers, one after the other. What is behind the end is 0, and noticed.
class ZoneBytes {
 public:
  explicit ZoneBytes(std::string_view bytes) : bytes_(bytes) {}

  std::int64_t number(std::size_t width) {
    std::uint64_t value = 0;
    for (const char c : take(width)) {
      value = value << 8 | static_cast<unsigned char>(c);
    }
    const bool negative = width == 4 && (value >> 31) != 0;
    return static_cast<std::int64_t>(negative ? value | 0xFFFFFFFF00000000U : value);
  }
  std::string_view take(std::size_t count) {
    is_short_ = is_short_ || count > bytes_.size();
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() const noexcept { return bytes_; }
  bool is_short() const noexcept { return is_short_; }

 private:
  std::string_view bytes_;
  bool is_short_ = false;
};

struct ZoneCounts {
  std::size_t utc_marks, standard_marks, leaps, times, types, letters;

  std::size_t bytes(std::size_t time_width) const noexcept {
    return times * (time_width + 1) + types * 6 + letters + leaps * (time_width + 4) +
           standard_marks + utc_marks;
  }
};

/// @return absent when it is no header.
std::optional<ZoneCounts> read_counts(ZoneBytes& bytes) {
  if (bytes.take(4) != "TZif") {
    return std::nullopt;
  }
  bytes.take(16);
  constexpr std::int64_t kMostOfAKind = 100'000;
  std::array<std::size_t, 6> counts{};
  for (std::size_t& count : counts) {
    const std::int64_t value = bytes.number(4);
    if (value < 0 || value > kMostOfAKind) {
      return std::nullopt;
    }
    count = static_cast<std::size_t>(value);
  }
  return ZoneCounts{counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]};
}

/// One end of the summer, in the way of POSIX's TZ.
struct RuleDay {
  char form = 'M';  ///< 'M': month, week, weekday; 'J': 1 to 365, no leap day; '0': 0 to 365
  unsigned month = 1;
  unsigned week = 1;  ///< 5: the last
  unsigned number = 0;
  std::int64_t seconds = 2 * kHourSeconds;
};

/// A POSIX TZ text, read from left to right.
class RuleText {
 public:
  explicit RuleText(std::string_view text) : text_(text) {}

  bool done() const noexcept { return text_.empty(); }
  bool skip(char wanted) {
    const bool found = !text_.empty() && text_.front() == wanted;
    text_.remove_prefix(found ? 1 : 0);
    return found;
  }
  bool skip_name() {
    const std::size_t end =
        skip('<') ? text_.find('>') : std::min(text_.find_first_of("+-0123456789,"), text_.size());
    if (end == 0 || end == std::string_view::npos) {
      return false;
    }
    text_.remove_prefix(end);
    skip('>');
    return true;
  }
  std::optional<unsigned> number() {
    const std::size_t end = std::min(text_.find_first_not_of("0123456789"), text_.size());
    const auto value = ascii::parse_number<unsigned>(text_.substr(0, end));
    text_.remove_prefix(end);
    return value && *value < 1000 ? value : std::nullopt;
  }
  /// [+|-]hh[:mm[:ss]]
  std::optional<std::int64_t> seconds() {
    const bool negative = skip('-');
    if (!negative) {
      skip('+');
    }
    std::int64_t total = 0;
    std::int64_t unit = kHourSeconds;
    do {
      const auto part = number();
      if (!part || unit == 0) {
        return std::nullopt;
      }
      total += *part * unit;
      unit /= 60;
    } while (skip(':'));
    return negative ? -total : total;
  }
  std::optional<RuleDay> day() {
    RuleDay day;
    if (skip('M')) {
      const auto month = number();
      const auto week = month && skip('.') ? number() : std::nullopt;
      const auto weekday = week && skip('.') ? number() : std::nullopt;
      if (!weekday || *month < 1 || *month > 12 || *week < 1 || *week > 5 || *weekday > 6) {
        return std::nullopt;
      }
      day.month = *month;
      day.week = *week;
      day.number = *weekday;
    } else {
      day.form = skip('J') ? 'J' : '0';
      const auto count = number();
      if (!count || *count > 366) {
        return std::nullopt;
      }
      day.number = *count;
    }
    if (skip('/')) {
      const auto at = seconds();
      if (!at) {
        return std::nullopt;
      }
      day.seconds = *at;
    }
    return day;
  }

 private:
  std::string_view text_;
};

/// Days since 1970 on which the rule holds in `year_number`.
std::int64_t day_of_rule(const RuleDay& rule, int year_number) {
  using namespace std::chrono;
  const year in(year_number);
  if (rule.form == 'M') {
    const weekday wanted(rule.number);
    const sys_days day = rule.week == 5 ? sys_days(in / month(rule.month) / wanted[last])
                                        : sys_days(in / month(rule.month) / wanted[rule.week]);
    return day.time_since_epoch().count();
  }
  const sys_days new_year(in / January / 1);
  const unsigned back = rule.form == 'J' ? 1 : 0;
  const unsigned leap = rule.form == 'J' && in.is_leap() && rule.number > 59 ? 1 : 0;
  return new_year.time_since_epoch().count() + rule.number + leap - back;
}

struct ZoneRule {
  std::int64_t standard_east = 0;
  std::int64_t summer_east = 0;
  RuleDay begin;  ///< of the summer, at a time of the standard clock
  RuleDay end;    ///< at a time of the summer's clock
};

/// @return absent when the text has no summer, or is none.
std::optional<ZoneRule> read_rule(std::string_view text) {
  RuleText rest(text);
  ZoneRule rule;
  const auto west = rest.skip_name() ? rest.seconds() : std::nullopt;
  if (!west || rest.done() || !rest.skip_name()) {
    return std::nullopt;
  }
  rule.standard_east = -*west;
  rule.summer_east = rule.standard_east + kHourSeconds;
  if (!rest.skip(',')) {
    const auto summer_west = rest.seconds();
    if (!summer_west || !rest.skip(',')) {
      return std::nullopt;
    }
    rule.summer_east = -*summer_west;
  }
  const auto begin = rest.day();
  const auto end = begin && rest.skip(',') ? rest.day() : std::nullopt;
  if (!end) {
    return std::nullopt;
  }
  rule.begin = *begin;
  rule.end = *end;
  return rule;
}

}  // namespace

ServerZone::ServerZone(std::int64_t east_seconds, std::vector<Change> changes)
    : east_(east_seconds),
      changes_(std::make_shared<const std::vector<Change>>(std::move(changes))) {}

Result<ServerZone> ServerZone::from_tzif(std::string_view file) {
  const Error malformed = make_error(Errc::invalid_argument, "not a time zone file");
  ZoneBytes bytes(file);
  auto counts = read_counts(bytes);
  std::size_t width = 4;
  if (counts && file.size() > 4 && file[4] >= '2') {  // all again, in 64 bits
    bytes.take(counts->bytes(width));
    width = 8;
    counts = read_counts(bytes);
  }
  if (!counts || counts->types == 0 || counts->bytes(width) > bytes.rest().size()) {
    return malformed;
  }
  std::vector<Change> changes(counts->times);
  for (Change& change : changes) {
    change.at = bytes.number(width);
  }
  const std::string_view kinds = bytes.take(counts->times);
  std::vector<std::int64_t> easts(counts->types);
  for (std::int64_t& east : easts) {
    east = bytes.number(4);
    bytes.take(2);
    if (east < -kMostEastSeconds || east > kMostEastSeconds) {
      return malformed;
    }
  }
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto kind = static_cast<unsigned char>(kinds[i]);
    if (kind >= easts.size() || (i > 0 && changes[i].at <= changes[i - 1].at)) {
      return malformed;
    }
    changes[i].east = easts[kind];
  }
  bytes.take(counts->letters + counts->leaps * (width + 4) + counts->standard_marks +
             counts->utc_marks);
  std::string_view footer = width == 8 ? bytes.rest() : std::string_view();
  if (footer.size() > 1 && footer.front() == '\n') {
    footer = footer.substr(1, footer.find('\n', 1) - 1);
    if (const auto rule = read_rule(footer)) {
      constexpr std::int64_t kDaySeconds = 86'400;
      const std::int64_t known = changes.empty() ? INT64_MIN : changes.back().at;
      const int first = changes.empty() || known < 0 ? 1970 : from_unix_seconds(known).year;
      for (int year = first; year <= kLastRuleYear; ++year) {
        Change summer{day_of_rule(rule->begin, year) * kDaySeconds + rule->begin.seconds -
                          rule->standard_east,
                      rule->summer_east};
        Change winter{
            day_of_rule(rule->end, year) * kDaySeconds + rule->end.seconds - rule->summer_east,
            rule->standard_east};
        if (winter.at < summer.at) {  // south of the equator
          std::swap(summer, winter);
        }
        for (const Change& change : {summer, winter}) {
          if (change.at > known) {
            changes.push_back(change);
          }
        }
      }
    }
  }
  return ServerZone(easts.front(), std::move(changes));
}

Result<ServerZone> ServerZone::from_offset(std::string_view text) {
  const Error malformed =
      make_error(Errc::invalid_argument, "not an offset from UTC: +HH:MM or -HH:MM expected");
  if (ascii::equal_ignoring_case(text, "UTC") || ascii::equal_ignoring_case(text, "Z")) {
    return ServerZone();
  }
  if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) {
    return malformed;
  }
  const bool is_west = text[0] == '-';
  std::string digits(text.substr(1));
  const std::size_t colon = digits.find(':');
  if (colon != std::string::npos) {
    if (colon + 3 != digits.size()) {
      return malformed;
    }
    digits.erase(colon, 1);
  }
  const auto number = ascii::parse_number<unsigned>(digits);
  const unsigned hours = digits.size() <= 2 ? number.value_or(0) : number.value_or(0) / 100;
  const unsigned minutes = digits.size() <= 2 ? 0 : number.value_or(0) % 100;
  if (!number || digits.size() > 4 || hours > 18 || minutes > 59) {
    return malformed;
  }
  const std::int64_t east = hours * kHourSeconds + minutes * 60LL;
  return ServerZone(is_west ? -east : east);
}

std::int64_t ServerZone::east_at(std::int64_t unix_seconds) const noexcept {
  if (!changes_ || changes_->empty() || unix_seconds < changes_->front().at) {
    return east_;
  }
  const auto later =
      std::upper_bound(changes_->begin(), changes_->end(), unix_seconds,
                       [](std::int64_t at, const Change& change) { return at < change.at; });
  return std::prev(later)->east;
}

std::int64_t ServerZone::to_utc(std::int64_t shown) const noexcept {
  const std::int64_t near = shown - east_at(shown - east_);
  return shown - east_at(near);
}

}  // namespace ftpsfs::ftp
