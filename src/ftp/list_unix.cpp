// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/list_unix.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/civil_time.hpp"

namespace ftpsfs::ftp {
namespace {

constexpr std::size_t kPermissionBytes = 10;
/// nlink, an owner or group of several words, size, date: a name's words must not be searched.
constexpr std::size_t kMaxColumns = 24;
constexpr std::string_view kArrow = " -> ";

/// A word and where it stands on the line.
struct Column {
  std::string_view text;
  std::size_t end;
};

std::vector<Column> read_columns(std::string_view line, std::size_t from) {
  std::vector<Column> columns;
  columns.reserve(12);  // most lines have nine
  while (columns.size() < kMaxColumns) {
    const std::size_t begin = line.find_first_not_of(' ', from);
    if (begin == std::string_view::npos) {
      break;
    }
    from = std::min(line.find(' ', begin), line.size());
    columns.push_back(Column{line.substr(begin, from - begin), from});
  }
  return columns;
}

std::optional<FactKind> kind_of(char letter) noexcept {
  switch (letter) {
    case '-':
      return FactKind::file;
    case 'd':
      return FactKind::dir;
    case 'l':
      return FactKind::symlink;
    case 'b':  // devices
    case 'c':
    case 'p':  // fifo
    case 's':  // socket
    case 'D':  // Solaris door
    case 'P':  // Solaris event port
    case 'n':  // HP-UX network file
    case 'w':  // BSD whiteout
      return FactKind::other;
    default:
      return std::nullopt;
  }
}

/// "rwxr-sr-t". @return absent when a letter stands where it cannot.
std::optional<std::uint16_t> parse_mode(std::string_view letters) noexcept {
  unsigned mode = 0;
  for (unsigned cls = 0; cls < 3; ++cls) {
    const char read = letters[cls * 3];
    const char write = letters[cls * 3 + 1];
    const char execute = letters[cls * 3 + 2];
    const unsigned shift = 6 - cls * 3;
    const unsigned special = 04000U >> cls;  // set-uid, set-gid, sticky
    if ((read != 'r' && read != '-') || (write != 'w' && write != '-')) {
      return std::nullopt;
    }
    mode |= read == 'r' ? 4U << shift : 0U;
    mode |= write == 'w' ? 2U << shift : 0U;
    switch (execute) {
      case '-':
        break;
      case 'x':
        mode |= 1U << shift;
        break;
      case 's':
      case 't':
        mode |= (1U << shift) | special;
        break;
      case 'S':
      case 'T':
      case 'l':  // Solaris: mandatory locking
      case 'L':
        mode |= special;
        break;
      default:
        return std::nullopt;
    }
  }
  return static_cast<std::uint16_t>(mode);
}

/// "Jan" to "Dec". @return 1 to 12; 0 for anything else.
unsigned parse_month(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                        "jul", "aug", "sep", "oct", "nov", "dec"};
  for (unsigned i = 0; i < kMonths.size(); ++i) {
    if (ascii::equal_ignoring_case(text, kMonths[i])) {
      return i + 1;
    }
  }
  return 0;
}

std::optional<unsigned> parse_small(std::string_view text, std::size_t most_digits) noexcept {
  return text.size() > most_digits ? std::nullopt : ascii::parse_number<unsigned>(text);
}

/// "hh:mm" or "hh:mm:ss[.fraction]" into `time`. @return the grain it tells.
std::optional<FactGrain> parse_clock(std::string_view text, CivilTime& time) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const std::size_t second_colon = std::min(text.find(':', colon + 1), text.size());
  const auto hour = parse_small(text.substr(0, colon), 2);
  const auto minute = parse_small(text.substr(colon + 1, second_colon - colon - 1), 2);
  if (!hour || !minute) {
    return std::nullopt;
  }
  time.hour = *hour;
  time.minute = *minute;
  if (second_colon == text.size()) {
    return FactGrain::minute;
  }
  const std::string_view rest = text.substr(second_colon + 1);
  const auto second = parse_small(rest.substr(0, std::min(rest.find('.'), rest.size())), 2);
  if (!second) {
    return std::nullopt;
  }
  time.second = *second;
  return FactGrain::second;
}

/// A date that took `columns` columns.
struct Date {
  FactTime time;
  std::size_t columns;
};

std::optional<Date> make_date(const CivilTime& time, FactGrain grain, std::size_t columns) {
  const auto seconds = to_unix_seconds(time);
  if (!seconds) {
    return std::nullopt;
  }
  return Date{FactTime{*seconds, grain}, columns};
}

/// A recent file has no year: the latest that puts it no more than a day ahead of `now` (the
/// server's clock may be ahead, and its listing in a local time up to 14 hours east).
std::optional<Date> date_without_year(CivilTime time, FactGrain grain, WallTime now) {
  using namespace std::chrono;
  constexpr std::int64_t kDay = 86'400;
  constexpr int kYearsToNextLeapDay = 8;  // 1896 to 1904
  const std::int64_t limit = duration_cast<seconds>(now.time_since_epoch()).count() + kDay;
  time.year = from_unix_seconds(limit).year;
  for (int i = 0; i <= kYearsToNextLeapDay; ++i, --time.year) {
    const auto date = make_date(time, grain, 3);
    if (date && date->time.unix_seconds <= limit) {
      return date;
    }
  }
  return std::nullopt;
}

/// "2024-02-29 23:59[:59.000000000 [+0200]]".
std::optional<Date> parse_iso_date(const Column* columns, std::size_t count) {
  const std::string_view day = columns[0].text;
  if (count < 2 || day.size() != 10 || day[4] != '-' || day[7] != '-') {
    return std::nullopt;
  }
  const auto year = ascii::parse_number<unsigned>(day.substr(0, 4));
  const auto month = ascii::parse_number<unsigned>(day.substr(5, 2));
  const auto day_of_month = ascii::parse_number<unsigned>(day.substr(8, 2));
  if (!year || !month || !day_of_month) {
    return std::nullopt;
  }
  CivilTime time{static_cast<int>(*year), *month, *day_of_month, 0, 0, 0};
  const auto grain = parse_clock(columns[1].text, time);
  auto date = grain ? make_date(time, *grain, 2) : std::nullopt;
  if (!date || count < 3 || columns[2].text.size() != 5) {
    return date;
  }
  const std::string_view zone = columns[2].text;
  const auto offset = ascii::parse_number<unsigned>(zone.substr(1));
  const bool has_fraction = columns[1].text.find('.') != std::string_view::npos;
  if (has_fraction && offset && (zone[0] == '+' || zone[0] == '-')) {
    const std::int64_t east = (*offset / 100) * 3'600 + (*offset % 100) * 60;
    date->time.unix_seconds += zone[0] == '+' ? -east : east;
    date->columns = 3;
  }
  return date;
}

/// "Nov 21 02:04", "Sep 13  2020", "Nov 21 02:04:05 2026"; the day may stand first.
std::optional<Date> parse_named_date(const Column* columns, std::size_t count, WallTime now) {
  if (count < 3) {
    return std::nullopt;
  }
  const bool day_first = ascii::is_digit(columns[0].text.front());
  std::string_view day_text = columns[day_first ? 0 : 1].text;
  if (!day_text.empty() && (day_text.back() == '.' || day_text.back() == ',')) {
    day_text.remove_suffix(1);
  }
  CivilTime time;
  time.month = parse_month(columns[day_first ? 1 : 0].text);
  const auto day = parse_small(day_text, 2);
  if (time.month == 0 || !day) {
    return std::nullopt;
  }
  time.day = *day;
  const std::string_view third = columns[2].text;
  if (const auto grain = parse_clock(third, time)) {
    const auto year = count > 3 && *grain == FactGrain::second && columns[3].text.size() == 4
                          ? ascii::parse_number<unsigned>(columns[3].text)
                          : std::nullopt;
    if (year) {
      time.year = static_cast<int>(*year);
      return make_date(time, *grain, 4);
    }
    return date_without_year(time, *grain, now);
  }
  const auto year = third.size() == 4 ? ascii::parse_number<unsigned>(third) : std::nullopt;
  if (!year) {
    return std::nullopt;
  }
  time.year = static_cast<int>(*year);
  return make_date(time, FactGrain::day, 3);
}

std::optional<Date> parse_date(const Column* columns, std::size_t count, WallTime now) {
  const auto date = parse_iso_date(columns, count);
  return date ? date : parse_named_date(columns, count, now);
}

/// nlink, owner, group: any of them may be missing.
void read_people(FileFacts& facts, const std::vector<Column>& columns, std::size_t count) {
  std::size_t at = count > 0 && ascii::parse_number(columns[0].text) ? 1 : 0;
  if (at < count) {
    facts.owner = columns[at++].text;
  }
  for (; at < count; ++at) {  // a Windows group may have blanks
    facts.group.append(facts.group.empty() ? "" : " ").append(columns[at].text);
  }
}

/// Fits "8, 0" and "8,0": the numbers of a device, where a file has its size.
bool is_device_number(std::string_view text) noexcept {
  const std::size_t comma = text.find(',');
  return comma != std::string_view::npos && ascii::parse_number(text.substr(0, comma)) &&
         (comma + 1 == text.size() || ascii::parse_number(text.substr(comma + 1)));
}

/// Reads the columns up to the size, which ends before columns[date_at]. @pre date_at > 0.
bool read_size(FileFacts& facts, const std::vector<Column>& columns, std::size_t date_at) {
  std::size_t people = date_at - 1;
  const std::string_view last = columns[people].text;
  const auto size = ascii::parse_number(last);
  if (is_device_number(last)) {
    // no size
  } else if (size && people > 0 && is_device_number(columns[people - 1].text)) {
    --people;
  } else if (size) {
    facts.size = *size;
  } else {
    return false;
  }
  read_people(facts, columns, people);
  return true;
}

/// "name -> target". The link's length is its target's, which tells an arrow in the name from the
/// arrow between the two.
void split_link(FileFacts& facts) {
  const std::string whole = facts.name;
  std::size_t arrow = whole.find(kArrow);
  for (std::size_t at = arrow; facts.size && at != std::string::npos;
       at = whole.find(kArrow, at + 1)) {
    if (whole.size() - at - kArrow.size() == *facts.size) {
      arrow = at;
      break;
    }
  }
  if (arrow != std::string::npos) {
    facts.name = whole.substr(0, arrow);
    facts.symlink_target = whole.substr(arrow + kArrow.size());
  }
}

}  // namespace

bool is_unix_heading(std::string_view line) noexcept {
  return ascii::starts_with_ignoring_case(line, "total ") &&
         ascii::parse_number(ascii::trim(line.substr(6))).has_value();
}

std::optional<FileFacts> parse_unix_line(std::string_view line, WallTime now) {
  if (line.size() <= kPermissionBytes) {
    return std::nullopt;
  }
  const auto kind = kind_of(line.front());
  const auto mode = kind ? parse_mode(line.substr(1, kPermissionBytes - 1)) : std::nullopt;
  if (!mode) {
    return std::nullopt;
  }
  FileFacts facts;
  facts.kind = *kind;
  facts.unix_mode = *mode;
  // '+' ACL, '.' SELinux, '@' extended attributes; a wide link count may follow without a blank.
  const char mark = line[kPermissionBytes];
  const bool marked = mark == '+' || mark == '.' || mark == '@';
  if (!marked && mark != ' ' && !ascii::is_digit(mark)) {
    return std::nullopt;
  }
  const auto columns = read_columns(line, kPermissionBytes + (marked ? 1 : 0));
  // The date is the first that has a size before it: a name may look like anything.
  for (std::size_t at = 1; at < columns.size(); ++at) {
    const auto date = parse_date(&columns[at], columns.size() - at, now);
    if (!date || !read_size(facts, columns, at)) {
      continue;
    }
    facts.modify = date->time;
    // One blank ends the date; what follows is the name, with its own blanks.
    const std::size_t name_at = columns[at + date->columns - 1].end + 1;
    if (name_at > line.size()) {
      return std::nullopt;
    }
    facts.name = line.substr(name_at);
    if (facts.kind == FactKind::symlink) {
      split_link(facts);
    }
    return facts;
  }
  return std::nullopt;
}

}  // namespace ftpsfs::ftp
