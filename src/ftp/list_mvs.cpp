// SPDX-License-Identifier: MIT
//
// The LIST dialects of z/OS, told apart by their heading: data sets, members of a partitioned data
// set with or without ISPF's statistics, and load modules. Files of HFS are listed as by `ls -l`.
// No size is told: tracks and records are not bytes. Of a data set only the day of the last use is
// shown, which says nothing of its content.
// @source the lines in tests/data/ftp/listings
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"
#include "list_text.hpp"

namespace ftpsfs::ftp {
namespace {

enum class MvsPart : std::uint8_t { none, data_sets, members, modules };

/// Does the line consist of these words and more?
bool begins_with_words(const std::vector<text::Word>& words,
                       std::initializer_list<std::string_view> wanted) {
  return words.size() >= wanted.size() &&
         std::equal(wanted.begin(), wanted.end(), words.begin(),
                    [](std::string_view a, const text::Word& b) { return a == b.text; });
}

MvsPart mvs_part_behind(const std::vector<text::Word>& words) {
  if (begins_with_words(words, {"Volume", "Unit"})) {
    return MvsPart::data_sets;
  }
  if (begins_with_words(words, {"Name", "VV.MM"})) {
    return MvsPart::members;
  }
  return begins_with_words(words, {"Name", "Size", "TTR"}) ? MvsPart::modules : MvsPart::none;
}

/// Letters, digits, national characters; a qualifier at a time, or quoted and whole.
bool is_mvs_name(std::string_view name, std::size_t longest) {
  return !name.empty() && name.size() <= longest &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return ascii::is_letter(c) || ascii::is_digit(c) || c == '.' || c == '@' || c == '#' ||
                  c == '$' || c == '-' || c == '_' || c == '{';
         });
}

/// @param column where names begin at the least: else it is a message.
std::optional<FileFacts> parse_data_set(std::string_view line, std::size_t column) {
  constexpr std::size_t kLongest = 44;
  const auto words = text::words_of(line, 14);
  if (words.empty() || words.back().begin < column) {
    return std::nullopt;
  }
  std::string_view name = words.back().text;
  if (name.size() > 2 && name.front() == '\'' && name.back() == '\'') {
    name = name.substr(1, name.size() - 2);
  }
  if (!is_mvs_name(name, kLongest)) {
    return std::nullopt;
  }
  FileFacts facts;
  facts.name = name;
  const std::string_view organisation =
      words.size() > 1 ? words[words.size() - 2].text : std::string_view();
  if (begins_with_words(words, {"Pseudo", "Directory"}) || organisation.starts_with("PO") ||
      organisation == "GDG") {
    facts.kind = FactKind::dir;
  } else if (begins_with_words(words, {"User", "catalog"}) || organisation == "VSAM" ||
             organisation == "PATH" || organisation == "attributes" || organisation == "Mounted") {
    facts.kind = FactKind::other;  // cannot be read by FTP
  }
  return facts;
}

/// "TBSHELF1  01.03 2002/09/12 2002/10/11 09:37    11    11     0 KIL001", or a name alone.
std::optional<FileFacts> parse_mvs_member(std::string_view line, const ListContext& context) {
  constexpr std::size_t kLongest = 8;
  const auto words = text::words_of(line, 10);
  if (words.empty() || !is_mvs_name(words[0].text, kLongest)) {
    return std::nullopt;
  }
  FileFacts facts;
  facts.name = words[0].text;
  if (words.size() == 1) {
    return facts;
  }
  const auto changed = words.size() < 5 ? std::nullopt : text::read_numeric_date(words[3].text);
  auto time = changed ? text::in_order(*changed, DateOrder::ymd) : std::nullopt;
  const auto grain = time ? text::read_clock(words[4].text, *time) : std::nullopt;
  if (!grain || words[1].text.find('.') == std::string_view::npos) {
    return std::nullopt;
  }
  facts.modify = text::to_fact_time(*time, *grain, context);
  if (words.size() > 8) {
    facts.owner = words[8].text;
  }
  return facts;
}

/// "EAGRTPRC  005F48   000011 EAGRTALT 00 FO             RN RU            31    ANY"
std::optional<FileFacts> parse_mvs_module(std::string_view line) {
  constexpr std::size_t kLongest = 8;
  const auto is_hex = [](std::string_view word) {
    return word.size() >= 6 &&
           word.find_first_not_of("0123456789ABCDEFabcdef") == std::string_view::npos;
  };
  const auto words = text::words_of(line, 4);
  if (words.size() < 4 || !is_mvs_name(words[0].text, kLongest) || !is_hex(words[1].text) ||
      !is_hex(words[2].text)) {
    return std::nullopt;
  }
  FileFacts facts;
  facts.name = words[0].text;
  return facts;
}

}  // namespace

void read_mvs_lines(Lines lines, const ListContext& context, LineSink& sink) {
  MvsPart part = MvsPart::none;
  std::size_t name_column = 0;
  for (const std::string_view line : lines) {
    if (const MvsPart begins = mvs_part_behind(text::words_of(line, 3)); begins != MvsPart::none) {
      part = begins;
      const std::size_t column = line.find("Dsname");
      // Names begin a little before their heading.
      name_column = column == std::string_view::npos || column < 2 ? 0 : column - 2;
      continue;
    }
    std::optional<FileFacts> facts;
    switch (part) {
      case MvsPart::data_sets:
        facts = parse_data_set(line, name_column);
        break;
      case MvsPart::members:
        facts = parse_mvs_member(line, context);
        break;
      case MvsPart::modules:
        facts = parse_mvs_module(line);
        break;
      case MvsPart::none:
        break;
    }
    if (facts) {
      sink.take(*std::move(facts));
    } else {
      sink.leave(line);
    }
  }
}

}  // namespace ftpsfs::ftp
