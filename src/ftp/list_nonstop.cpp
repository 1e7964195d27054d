// SPDX-License-Identifier: MIT
//
// The LIST dialect of HPE NonStop (Tandem), Guardian's FILEINFO: name, perhaps "O" for open, code,
// size, day and time of change, owner "group,user", and the four letters of who may read, write,
// execute and purge.
#include <optional>
#include <string>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"
#include "list_text.hpp"

namespace ftpsfs::ftp {
namespace {

constexpr std::size_t kMostNonstopWords = 12;

bool is_nonstop_heading(std::string_view line) {
  const auto words = text::words_of(line, 4);
  return line.front() == '$' || line.front() == '\\' ||  // the subvolume: "$DATA.SKDATA91"
         (words.size() == 4 && words[0].text == "File" && words[1].text == "Code" &&
          words[2].text == "EOF");
}

std::optional<FileFacts> parse_nonstop_line(std::string_view line, const ListContext& context) {
  const auto words = text::words_of(line, kMostNonstopWords);
  std::size_t at = 3;  // of the date, behind name, code and size
  std::optional<CivilTime> time;
  while (at < 6 && at + 3 < words.size() && !(time = text::read_named_day(words[at].text))) {
    ++at;
  }
  if (!time) {
    return std::nullopt;
  }
  const auto grain = text::read_clock(words[at + 1].text, *time);
  FileFacts facts;
  facts.name = words[0].text;
  facts.size = ascii::parse_number(words[at - 1].text);
  std::string owner;
  std::size_t next = at + 2;
  while (next < words.size() && words[next].text.front() != '"') {
    owner += words[next++].text;  // "244, 10"
  }
  const std::size_t comma = owner.find(',');
  if (!grain || !facts.size || !ascii::is_digit(words[at - 2].text.front()) ||
      next == words.size() || comma == std::string::npos) {
    return std::nullopt;
  }
  facts.modify = text::to_fact_time(*time, *grain, context);
  facts.group = owner.substr(0, comma);
  facts.owner = owner.substr(comma + 1);
  return facts;
}

}  // namespace

void read_nonstop_lines(Lines lines, const ListContext& context, LineSink& sink) {
  for (const std::string_view line : lines) {
    if (auto facts = parse_nonstop_line(line, context)) {
      sink.take(*std::move(facts));
    } else if (!is_nonstop_heading(line)) {
      sink.leave(line);
    }
  }
}

}  // namespace ftpsfs::ftp
