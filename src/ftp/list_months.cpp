// SPDX-License-Identifier: MIT
//
// The names of months, as `ls` and servers print them in English, German, French, Spanish, Italian,
// Portuguese, Dutch, Polish and Russian, in UTF-8 and in the single-byte sets of those languages;
// and the marks behind the numbers in Chinese, Japanese and Korean.
#include <algorithm>
#include <array>
#include <cstddef>

#include "ftpsfs/ftp/ascii.hpp"
#include "list_text.hpp"

namespace ftpsfs::ftp::text {
namespace {

/// Folded, without the full stop. A name stands in one month only.
constexpr std::array<std::string_view, 12> kMonthNames = {
    "jan january januar jänner jän j\xE4n janvier janv enero ene gennaio gen janeiro januari "
    "styczeń stycznia sty январь января янв \xFF\xED\xE2 \xD1\xCE\xD7",
    "feb february februar février févr f\xE9vr fév f\xE9v fevr febrero febbraio fevereiro fev "
    "februari luty lutego lut февраль февраля фев февр \xF4\xE5\xE2 \xC6\xC5\xD7",
    "mar march märz mär mrz m\xE4rz m\xE4r mars marzo março mrt maart marzec marca март марта мар "
    "\xEC\xE0\xF0 \xCD\xC1\xD2",
    "apr april avril avr abril abr aprile kwiecień kwietnia kwi апрель апреля апр \xE0\xEF\xF0 "
    "\xC1\xD0\xD2",
    "may mai mayo maggio mag maio mei maj maja май мая \xEC\xE0\xE9 \xEC\xE0\xFF \xCD\xC1\xCA "
    "\xCD\xC1\xD1",
    "jun june juni juin junio giugno giu junho czerwiec czerwca cze июнь июня июн \xE8\xFE\xED "
    "\xC9\xC0\xCE",
    "jul july juli juillet juil julio luglio lug julho lipiec lipca lip июль июля июл \xE8\xFE\xEB "
    "\xC9\xC0\xCC",
    "aug august août aoû ao\xFBt ao\xFB aout agosto ago augustus sierpień sierpnia sie август "
    "августа авг \xE0\xE2\xE3 \xC1\xD7\xC7",
    "sep sept september septembre septiembre settembre set setembro wrzesień września wrz сентябрь "
    "сентября сен сент \xF1\xE5\xED \xD3\xC5\xCE",
    "oct october okt oktober octobre octubre ottobre ott outubro out październik października paź "
    "pa\xBC октябрь октября окт \xEE\xEA\xF2 \xCF\xCB\xD4",
    "nov november novembre noviembre novembro listopad listopada lis ноябрь ноября ноя нояб "
    "\xED\xEE\xFF \xCE\xCF\xD1",
    "dec december dez dezember décembre déc d\xE9"
    "c diciembre dic dicembre dezembro grudzień grudnia gru декабрь декабря дек \xE4\xE5\xEA "
    "\xC4\xC5\xCB",
};

bool has_word(std::string_view list, std::string_view word) noexcept {
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(' ', at), list.size());
    if (ascii::equal_ignoring_case(list.substr(at, end - at), word)) {
      return true;
    }
    at = end + 1;
  }
  return false;
}

struct NumberMark {
  std::string_view bytes;
  char mark;
};
constexpr NumberMark kNumberMarks[] = {
    {"月", 'm'},       {"日", 'd'},       {"年", 'y'},        // Chinese, Japanese: UTF-8
    {"월", 'm'},       {"일", 'd'},       {"년", 'y'},        // Korean: UTF-8
    {"\x8C\x8E", 'm'}, {"\x93\xFA", 'd'}, {"\x94\x4E", 'y'},  // Shift-JIS
    {"\xB7\xEE", 'm'}, {"\xC6\xFC", 'd'}, {"\xC7\xAF", 'y'},  // EUC-JP
    {"\xD4\xC2", 'm'}, {"\xC8\xD5", 'd'}, {"\xC4\xEA", 'y'},  // GB 2312
    {"\xA4\xEB", 'm'}, {"\xA4\xE9", 'd'}, {"\xA6\x7E", 'y'},  // Big5
    {"\xBF\xF9", 'm'}, {"\xC0\xCF", 'd'}, {"\xB3\xE2", 'y'},  // EUC-KR
};

}  // namespace

unsigned month_of(std::string_view name) noexcept {
  constexpr std::size_t kLongest = 24;
  if (!name.empty() && name.back() == '.') {
    name.remove_suffix(1);
  }
  const bool may_be_name = name.size() >= 3 && name.size() <= kLongest &&
                           (ascii::is_letter(name.front()) || (name.front() & 0x80) != 0);
  if (!may_be_name) {
    return 0;
  }
  for (unsigned i = 0; i < kMonthNames.size(); ++i) {
    if (ascii::equal_ignoring_case(kMonthNames[i].substr(0, 3), name)) {
      return i + 1;
    }
  }
  for (unsigned i = 0; i < kMonthNames.size(); ++i) {
    if (has_word(kMonthNames[i], name)) {
      return i + 1;
    }
  }
  return 0;
}

std::optional<MarkedNumber> read_marked_number(std::string_view text) noexcept {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto value = small_number(text.substr(0, digits), 4);
  const std::string_view rest = text.substr(digits);
  if (!value || rest.empty()) {
    return std::nullopt;
  }
  for (const NumberMark& known : kNumberMarks) {
    if (rest == known.bytes) {
      return MarkedNumber{*value, known.mark};
    }
  }
  return std::nullopt;
}

}  // namespace ftpsfs::ftp::text
