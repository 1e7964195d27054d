// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/list_unix.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/civil_time.hpp"
#include "list_text.hpp"

namespace ftpsfs::ftp {
namespace {

constexpr std::size_t kPermissionBytes = 10;
/// nlink, an owner or group of several words, size, date: a name's words must not be searched.
constexpr std::size_t kMaxColumns = 24;
constexpr std::string_view kArrow = " -> ";

std::optional<FactKind> kind_of(char letter) noexcept {
  switch (letter) {
    case '-':
    case 'f':  // Windows servers
    case 'm':  // UNICOS: migrated to tape
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

/// A date that took `columns` columns.
struct Date {
  FactTime time;
  std::size_t columns;
};

std::optional<Date> make_date(const CivilTime& time, FactGrain grain, std::size_t columns,
                              const ListContext& context) {
  const auto at = text::to_fact_time(time, grain, context);
  return at ? std::optional(Date{*at, columns}) : std::nullopt;
}

/// A recent file has no year: the latest that puts it no more than a day ahead of `now` (the
/// server's clock may be ahead, and its listing in a local time up to 14 hours east).
std::optional<Date> date_without_year(CivilTime time, FactGrain grain, std::size_t columns,
                                      const ListContext& context) {
  using namespace std::chrono;
  constexpr std::int64_t kDay = 86'400;
  constexpr int kYearsToNextLeapDay = 8;  // 1896 to 1904
  const std::int64_t limit = duration_cast<seconds>(context.now.time_since_epoch()).count() + kDay;
  time.year = from_unix_seconds(limit).year + 1;  // the server's new year may have begun
  for (int i = 0; i <= kYearsToNextLeapDay + 1; ++i, --time.year) {
    const auto date = make_date(time, grain, columns, context);
    if (date && date->time.unix_seconds <= limit) {
      return date;
    }
  }
  return std::nullopt;
}

/// What follows the month and the day: a time, a year, a time and a year, or a year and a time.
/// @param used columns of month and day.
std::optional<Date> read_rest_of_date(CivilTime time, const text::Word* rest, std::size_t count,
                                      std::size_t used, const ListContext& context) {
  if (count == 0) {
    return std::nullopt;
  }
  const auto year_of = [](std::string_view word) {
    return word.size() == 4 ? ascii::parse_number<unsigned>(word) : std::nullopt;
  };
  const std::string_view first = rest[0].text;
  if (const auto grain = text::read_clock(first, time)) {
    const auto year =
        count > 1 && *grain == FactGrain::second ? year_of(rest[1].text) : std::nullopt;
    if (!year) {
      return date_without_year(time, *grain, used + 1, context);
    }
    time.year = static_cast<int>(*year);
    return make_date(time, *grain, used + 2, context);
  }
  const auto marked = text::read_marked_number(first);
  const auto year = marked && marked->mark == 'y' ? std::optional(marked->value) : year_of(first);
  if (!year) {
    return std::nullopt;
  }
  time.year = static_cast<int>(*year);
  // "Oct 08, 2002 09:47 x" of VShell; "Sep 13  2020 12:30 x" is a file that begins with a time.
  const bool comma = rest[-1].text.back() == ',';
  if (const auto grain = comma && count > 1 ? text::read_clock(rest[1].text, time) : std::nullopt) {
    return make_date(time, *grain, used + 2, context);
  }
  return make_date(time, FactGrain::day, used + 1, context);
}

/// "2024-02-29 23:59[:59.000000000 [+0200]]", "1999/10/12 17:12", "24-04-2003 17:12",
/// "2004.07.15", "01-jun-99".
std::optional<Date> parse_full_date(const text::Word* columns, std::size_t count,
                                    const ListContext& context) {
  const std::string_view word = columns[0].text;
  std::optional<CivilTime> time;
  if (const auto numeric = text::read_numeric_date(word)) {
    const bool year_first = numeric->digits[0] == 4;
    const bool sure = word.size() == 10 && (year_first || numeric->digits[2] == 4);
    const DateOrder usual = context.date_order != DateOrder::unknown ? context.date_order
                            : numeric->separator == '/'              ? DateOrder::mdy
                                                                     : DateOrder::dmy;
    time = sure ? text::in_order(*numeric, year_first ? DateOrder::ymd : usual) : std::nullopt;
  } else {
    time = text::read_named_day(word);
  }
  if (!time) {
    return std::nullopt;
  }
  const auto grain = count > 1 ? text::read_clock(columns[1].text, *time) : std::nullopt;
  if (!grain) {
    const bool iso = word.size() == 10 && word[4] == '-';  // always has a time
    return iso ? std::nullopt : make_date(*time, FactGrain::day, 1, context);
  }
  const std::string_view zone = count > 2 ? columns[2].text : std::string_view();
  const bool has_fraction = columns[1].text.find('.') != std::string_view::npos;
  if (has_fraction && zone.size() == 5 && (zone[0] == '+' || zone[0] == '-')) {
    if (const auto offset = ascii::parse_number<unsigned>(zone.substr(1))) {
      const std::int64_t east = (*offset / 100) * 3'600 + (*offset % 100) * 60;
      const auto seconds = to_unix_seconds(*time);
      if (seconds) {
        return Date{FactTime{zone[0] == '+' ? *seconds - east : *seconds + east, *grain}, 3};
      }
    }
  }
  return make_date(*time, *grain, 2, context);
}

/// "21", "21.", "21,", "21日".
std::optional<unsigned> parse_day(std::string_view word) {
  if (const auto marked = text::read_marked_number(word)) {
    return marked->mark == 'd' ? std::optional(marked->value) : std::nullopt;
  }
  if (word.size() > 1 && (word.back() == '.' || word.back() == ',')) {
    word.remove_suffix(1);
  }
  return text::small_number(word, 2);
}

/// "Nov", "Juli,", "11月".
unsigned parse_month(std::string_view word) {
  if (const auto marked = text::read_marked_number(word)) {
    return marked->mark == 'm' ? marked->value : 0;
  }
  if (word.size() > 1 && word.back() == ',') {
    word.remove_suffix(1);
  }
  return text::month_of(word);
}

/// "Nov 21 02:04", "Sep 13  2020", "Nov 21 02:04:05 2026", "26. Juli, 20:10", "6月 3日 2003年",
/// "2003年 3月 20": the day may stand first, and so may the year.
std::optional<Date> parse_named_date(const text::Word* columns, std::size_t count,
                                     const ListContext& context) {
  if (count < 3) {
    return std::nullopt;
  }
  CivilTime time;
  if (const auto first_day = parse_day(columns[0].text)) {
    time.month = parse_month(columns[1].text);
    time.day = *first_day;
  } else if (const auto second_day = parse_day(columns[1].text)) {
    time.month = parse_month(columns[0].text);
    time.day = *second_day;
  } else {
    time.month = 0;
  }
  if (time.month != 0) {
    return read_rest_of_date(time, columns + 2, count - 2, 2, context);
  }
  const auto year = text::read_marked_number(columns[0].text);
  const auto year_word = year && year->mark == 'y' ? std::optional(year->value)
                         : columns[0].text.size() == 4
                             ? ascii::parse_number<unsigned>(columns[0].text)
                             : std::nullopt;
  const auto month = text::read_marked_number(columns[1].text);
  const auto day = parse_day(columns[2].text);
  if (!year_word || !month || month->mark != 'm' || !day) {
    return std::nullopt;
  }
  time.year = static_cast<int>(*year_word);
  time.month = month->value;
  time.day = *day;
  return make_date(time, FactGrain::day, 3, context);
}

/// "09-26 2000", "09-26 13:45".
std::optional<Date> parse_short_date(const text::Word* columns, std::size_t count,
                                     const ListContext& context) {
  const std::string_view word = columns[0].text;
  if (count < 2 || word.size() != 5 || word[2] != '-') {
    return std::nullopt;
  }
  const auto month = ascii::parse_number<unsigned>(word.substr(0, 2));
  const auto day = ascii::parse_number<unsigned>(word.substr(3));
  if (!month || !day) {
    return std::nullopt;
  }
  CivilTime time;
  time.month = *month;
  time.day = *day;
  return read_rest_of_date(time, columns + 1, count - 1, 1, context);
}

std::optional<Date> parse_date(const text::Word* columns, std::size_t count,
                               const ListContext& context) {
  auto date = parse_named_date(columns, count, context);
  date = date ? date : parse_full_date(columns, count, context);
  return date ? date : parse_short_date(columns, count, context);
}

/// nlink, owner, group: any of them may be missing.
void read_people(FileFacts& facts, const std::vector<text::Word>& columns, std::size_t count) {
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

/// "34.5k", "8,0M", "12K": rounded, so no size that could be told to a program.
bool is_rounded_size(std::string_view text) noexcept {
  constexpr std::string_view kUnits = "KMGTkmgt";
  if (text.size() > 2 && ascii::to_lower(text.back()) == 'b') {
    text.remove_suffix(1);
  }
  if (text.size() < 2 || kUnits.find(text.back()) == std::string_view::npos) {
    return false;
  }
  return ascii::is_digit(text.front()) &&
         text.substr(0, text.size() - 1).find_first_not_of("0123456789.,") ==
             std::string_view::npos;
}

/// "longgroup123456": a group so long that the size has no blank before it.
bool has_grown_into_size(std::string_view text) noexcept {
  return ascii::is_letter(text.front()) && ascii::is_digit(text.back());
}

/// Reads the columns up to the size, which ends before columns[date_at]. @pre date_at > 0.
/// @param grown may a word that only ends in digits stand for the size?
bool read_size(FileFacts& facts, const std::vector<text::Word>& columns, std::size_t date_at,
               bool grown) {
  std::size_t people = date_at - 1;
  const std::string_view last = columns[people].text;
  const auto size = ascii::parse_number(last);
  const bool is_device = facts.kind == FactKind::other;
  if (is_device && is_device_number(last)) {
    // no size
  } else if (size && people > 0 && is_device_number(columns[people - 1].text)) {
    --people;
  } else if (size) {
    facts.size = *size;
  } else if (const auto grouped = is_device ? std::nullopt : text::read_grouped_number(last)) {
    facts.size = *grouped;
  } else if (grown && has_grown_into_size(last)) {
    ++people;
  } else if (!is_rounded_size(last)) {
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

/// "[R----F--]" of NetWare, where others have permissions.
std::size_t end_of_rights(std::string_view line) noexcept {
  const bool netware = line.size() > 4 && line[1] == ' ' && line[2] == '[';
  const std::size_t end = netware ? line.find("] ") : std::string_view::npos;
  constexpr std::size_t kLongest = 20;
  return end > kLongest ? 0 : end + 1;  // npos is beyond it, too
}

/// Kind and mode.  @return where the other columns begin; 0: it is no such line.
std::size_t read_permissions(FileFacts& facts, std::string_view line) {
  const auto kind = line.size() > kPermissionBytes ? kind_of(line.front()) : std::nullopt;
  if (!kind) {
    return 0;
  }
  facts.kind = *kind;
  if (const std::size_t end = end_of_rights(line)) {
    return end;
  }
  facts.unix_mode = parse_mode(line.substr(1, kPermissionBytes - 1));
  if (!facts.unix_mode) {
    return 0;
  }
  // '+' ACL, '.' SELinux, '@' extended attributes; a wide link count may follow without a blank.
  const char mark = line[kPermissionBytes];
  const bool marked = mark == '+' || mark == '.' || mark == '@';
  if (!marked && mark != ' ' && !ascii::is_digit(mark)) {
    return 0;
  }
  return kPermissionBytes + (marked ? 1 : 0);
}

}  // namespace

bool is_unix_heading(std::string_view line) noexcept {
  constexpr std::array<std::string_view, 14> kTotals = {
      "total", "totale", "totaal",           "insgesamt", "summe",
      "итого", "razem",  "łącznie",          "总用量",    "總計",
      "合計",  "합계",   "\x8D\x87\x8C\x76", "總用量"};
  const auto words = text::words_of(line, 3);
  if (words.size() != 2) {
    return false;
  }
  const std::string_view count = words[1].text;
  return (ascii::parse_number(count) || is_rounded_size(count)) &&
         std::any_of(kTotals.begin(), kTotals.end(), [&](std::string_view total) {
           return ascii::equal_ignoring_case(words[0].text, total);
         });
}

std::optional<FileFacts> parse_unix_line(std::string_view line, const ListContext& context) {
  FileFacts facts;
  const std::size_t begin = read_permissions(facts, line);
  if (begin == 0) {
    return std::nullopt;
  }
  const auto columns = text::words_of(line, kMaxColumns, begin);
  // The date is the first that has a size before it: a name may look like anything.
  for (const bool grown : {false, true}) {
    for (std::size_t at = 1; at < columns.size(); ++at) {
      const auto date = parse_date(&columns[at], columns.size() - at, context);
      if (!date || !read_size(facts, columns, at, grown)) {
        continue;
      }
      facts.modify = date->time;
      // One blank ends the date; what follows is the name, with its own blanks.
      const std::size_t name_at = columns[at + date->columns - 1].end + 1;
      if (name_at > line.size()) {
        return std::nullopt;
      }
      facts.name = line.substr(name_at);
      if (!facts.unix_mode || date->columns == 1) {  // NetWare, and servers with "2004.07.15", pad
        facts.name.erase(0, facts.name.find_first_not_of(' '));
      }
      if (facts.kind == FactKind::symlink) {
        split_link(facts);
      }
      return facts;
    }
  }
  return std::nullopt;
}

void read_unix_lines(Lines lines, const ListContext& context, LineSink& sink) {
  for (const std::string_view line : lines) {
    if (auto facts = parse_unix_line(line, context)) {
      sink.take(*std::move(facts));
    } else if (!is_unix_heading(line)) {
      sink.leave(line);
    }
  }
}

}  // namespace ftpsfs::ftp
