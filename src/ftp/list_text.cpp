// SPDX-License-Identifier: MIT
#include "list_text.hpp"

#include <algorithm>
#include <chrono>

#include "ftpsfs/ftp/ascii.hpp"

namespace ftpsfs::ftp::text {

std::vector<Word> words_of(std::string_view line, std::size_t most, std::size_t from) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<Word> words;
  words.reserve(std::min<std::size_t>(most, 12));  // most lines have nine
  while (words.size() < most) {
    const std::size_t begin = line.find_first_not_of(kBlanks, from);
    if (begin == std::string_view::npos) {
      break;
    }
    from = std::min(line.find_first_of(kBlanks, begin), line.size());
    words.push_back(Word{line.substr(begin, from - begin), begin, from});
  }
  return words;
}

std::optional<unsigned> small_number(std::string_view text, std::size_t most_digits) noexcept {
  return text.size() > most_digits ? std::nullopt : ascii::parse_number<unsigned>(text);
}

std::optional<FactGrain> read_clock(std::string_view text, CivilTime& time) {
  char half = 0;
  if (text.size() > 2 && ascii::to_lower(text.back()) == 'm') {
    half = ascii::to_lower(text[text.size() - 2]);
    if (half != 'a' && half != 'p') {
      return std::nullopt;
    }
    text.remove_suffix(2);
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const std::size_t second_colon = std::min(text.find(':', colon + 1), text.size());
  const auto hour = small_number(text.substr(0, colon), 2);
  const auto minute = small_number(text.substr(colon + 1, second_colon - colon - 1), 2);
  if (!hour || !minute || (half != 0 && (*hour < 1 || *hour > 12))) {
    return std::nullopt;
  }
  time.hour = half == 0 ? *hour : *hour % 12 + (half == 'p' ? 12 : 0);
  time.minute = *minute;
  if (second_colon == text.size()) {
    return FactGrain::minute;
  }
  const std::string_view rest = text.substr(second_colon + 1);
  const auto second = small_number(rest.substr(0, std::min(rest.find('.'), rest.size())), 2);
  if (!second) {
    return std::nullopt;
  }
  time.second = *second;
  return FactGrain::second;
}

int full_year(unsigned two_digits) noexcept {
  constexpr unsigned kFirstOfThe1900s = 60;  // the epoch itself, seen from the west
  return static_cast<int>(two_digits) + (two_digits < kFirstOfThe1900s ? 2000 : 1900);
}

std::optional<FactTime> to_fact_time(const CivilTime& shown, FactGrain grain,
                                     const ListContext& context) {
  const auto seconds = to_unix_seconds(shown);
  return seconds ? std::optional(FactTime{context.zone.to_utc(*seconds), grain, true})
                 : std::nullopt;
}

std::optional<CivilTime> read_named_day(std::string_view text) {
  const std::size_t first = text.find('-');
  const std::size_t second = first == std::string_view::npos ? first : text.find('-', first + 1);
  if (second == std::string_view::npos) {
    return std::nullopt;
  }
  const auto day = small_number(text.substr(0, first), 2);
  const unsigned month = day ? month_of(text.substr(first + 1, second - first - 1)) : 0;
  const std::string_view year_text = text.substr(second + 1);
  const auto year = small_number(year_text, 4);
  if (month == 0 || !year || year_text.size() == 3 || year_text.size() == 1) {
    return std::nullopt;
  }
  CivilTime time;
  time.year = year_text.size() == 2 ? full_year(*year) : static_cast<int>(*year);
  time.month = month;
  time.day = *day;
  return to_unix_seconds(time) ? std::optional(time) : std::nullopt;
}

std::optional<NumericDate> read_numeric_date(std::string_view text) noexcept {
  constexpr std::size_t kLongest = 10;
  const std::size_t first = text.find_first_not_of("0123456789");
  if (text.size() > kLongest || first == std::string_view::npos) {
    return std::nullopt;
  }
  NumericDate date{};
  date.separator = text[first];
  if (date.separator != '/' && date.separator != '-' && date.separator != '.') {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < date.parts.size(); ++i) {
    const bool last = i + 1 == date.parts.size();
    const std::size_t end = last ? text.size() : text.find(date.separator);
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    const auto number = small_number(text.substr(0, end), 4);
    if (!number) {
      return std::nullopt;
    }
    date.parts[i] = *number;
    date.digits[i] = end;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return date;
}

std::optional<CivilTime> in_order(const NumericDate& date, DateOrder order) {
  std::size_t year = 0;
  std::size_t month = 1;
  std::size_t day = 2;
  if (order == DateOrder::mdy) {
    year = 2;
    month = 0;
    day = 1;
  } else if (order == DateOrder::dmy) {
    year = 2;
    month = 1;
    day = 0;
  }
  // A year of three digits: one that counts from 1900 (OS/2).
  const bool years_since_1900 = date.digits[year] == 3 && date.parts[year] >= 100;
  const bool fits = (date.digits[year] == 2 || date.digits[year] == 4 || years_since_1900) &&
                    date.digits[month] <= 2 && date.digits[day] <= 2;
  if (!fits) {
    return std::nullopt;
  }
  CivilTime time;
  time.year = years_since_1900         ? static_cast<int>(date.parts[year]) + 1900
              : date.digits[year] == 2 ? full_year(date.parts[year])
                                       : static_cast<int>(date.parts[year]);
  time.month = date.parts[month];
  time.day = date.parts[day];
  return to_unix_seconds(time) ? std::optional(time) : std::nullopt;
}

void OrderFinder::see(std::string_view text) {
  const auto date = read_numeric_date(text);
  if (!date) {
    return;
  }
  using namespace std::chrono;
  constexpr std::int64_t kTwoDays = 2 * 86'400;
  const auto limit = duration_cast<seconds>(context_.now.time_since_epoch()).count() + kTwoDays;
  std::array<bool, 3> misfit{};
  for (std::size_t i = 0; i < kOrders.size(); ++i) {
    const auto time = in_order(*date, kOrders[i]);
    misfit[i] = !time;
    in_future_[i] = in_future_[i] || (time && to_unix_seconds(*time).value_or(0) > limit);
  }
  if (misfit[0] && misfit[1] && misfit[2]) {
    return;  // no date in any order: it says nothing of the others
  }
  for (std::size_t i = 0; i < kOrders.size(); ++i) {
    impossible_[i] = impossible_[i] || misfit[i];
  }
  separator_ = date->separator;
  ++seen_;
}

OrderFinder::Verdict OrderFinder::decide(std::array<DateOrder, 3> custom) const {
  if (context_.date_order != DateOrder::unknown) {
    return {context_.date_order, true};
  }
  const auto left = [](const std::array<bool, 3>& struck) {
    return static_cast<std::size_t>(std::count(struck.begin(), struck.end(), false));
  };
  const auto first_of = [](const std::array<bool, 3>& struck) {
    return kOrders[static_cast<std::size_t>(std::find(struck.begin(), struck.end(), false) -
                                            struck.begin())];
  };
  std::array<bool, 3> struck = impossible_;
  if (left(struck) == 0) {
    struck = {};  // they contradict each other
  }
  if (left(struck) == 1) {
    return {first_of(struck), true};
  }
  std::array<bool, 3> unlikely = struck;
  for (std::size_t i = 0; i < kOrders.size(); ++i) {
    unlikely[i] = unlikely[i] || in_future_[i];
  }
  if (left(unlikely) > 0) {
    struck = unlikely;
  }
  const DateOrder of_separator = separator_ == '.' ? DateOrder::dmy : custom[0];
  for (const DateOrder wanted :
       {context_.usual_order, of_separator, custom[0], custom[1], custom[2]}) {
    for (std::size_t i = 0; i < kOrders.size(); ++i) {
      if (kOrders[i] == wanted && !struck[i]) {
        return {wanted, false};
      }
    }
  }
  return {first_of(struck), false};
}

std::optional<std::uint64_t> read_grouped_number(std::string_view text) noexcept {
  if (const auto plain = ascii::parse_number(text)) {
    return plain;
  }
  const std::size_t first = text.find_first_of(",.'");
  if (first == std::string_view::npos || first == 0 || first > 3) {
    return std::nullopt;
  }
  const char separator = text[first];
  std::uint64_t value = 0;
  for (std::size_t at = 0, end = first;; at = end + 1, end = at + 3) {
    const std::string_view group = text.substr(at, end - at);
    const auto digits = ascii::parse_number(group);
    constexpr std::uint64_t kMost = UINT64_MAX / 1000 - 1;
    if (!digits || (at > 0 && group.size() != 3) || value > kMost) {
      return std::nullopt;
    }
    value = value * 1000 + *digits;
    if (end >= text.size()) {
      return value;
    }
    if (text[end] != separator) {
      return std::nullopt;
    }
  }
}

}  // namespace ftpsfs::ftp::text
