// SPDX-License-Identifier: MIT
//
// The LIST dialect of Windows servers, after `dir`: date, time, <DIR> or a size, name.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"
#include "list_text.hpp"

namespace ftpsfs::ftp {
namespace {

struct DosTag {
  std::string_view text;
  FactKind kind;
};
/// The server follows its links itself, and their targets are paths of Windows: shown as what they
/// lead to.
constexpr std::array kDosTags = {
    DosTag{"<DIR>", FactKind::dir},      DosTag{"<REP>", FactKind::dir},  // French
    DosTag{"<JUNCTION>", FactKind::dir}, DosTag{"<SYMLINKD>", FactKind::dir},
    DosTag{"<SYMLINK>", FactKind::file},
};
/// `dir` and IIS fill up to here behind a tag's beginning, and the name follows.
constexpr std::size_t kDosTagColumn = 15;

std::size_t dos_name_behind_tag(std::string_view line, const text::Word& tag) {
  const std::size_t first = line.find_first_not_of(' ', tag.end);
  return std::min(std::max(tag.end + 1, tag.begin + kDosTagColumn), std::min(first, line.size()));
}

/// "..data [..2018_05_18]": `dir` writes where a link leads to behind it.
void cut_dos_target(FileFacts& facts) {
  const std::size_t open = facts.name.rfind(" [");
  if (open != std::string::npos && open > 0 && facts.name.back() == ']') {
    facts.name.erase(open);
  }
}

std::optional<FileFacts> parse_dos_line(std::string_view line, DateOrder order,
                                        const ListContext& context) {
  const auto words = text::words_of(line, 5);
  const auto date = words.size() < 4 ? std::nullopt : text::read_numeric_date(words[0].text);
  auto time =
      date ? text::in_order(*date, date->digits[0] == 4 ? DateOrder::ymd : order) : std::nullopt;
  if (!time) {
    return std::nullopt;
  }
  std::size_t at = 2;
  std::string clock(words[1].text);
  if (ascii::equal_ignoring_case(words[2].text, "AM") ||
      ascii::equal_ignoring_case(words[2].text, "PM")) {
    clock += words[at++].text;
  }
  const auto grain = text::read_clock(clock, *time);
  if (!grain || at + 1 >= words.size()) {
    return std::nullopt;
  }
  FileFacts facts;
  facts.modify = text::to_fact_time(*time, *grain, context);
  const text::Word& what = words[at];
  const auto* tag = std::find_if(kDosTags.begin(), kDosTags.end(), [&what](const DosTag& known) {
    return ascii::equal_ignoring_case(known.text, what.text);
  });
  if (tag != kDosTags.end()) {
    facts.kind = tag->kind;
    facts.name = line.substr(dos_name_behind_tag(line, what));
    if (what.text.size() > 5) {
      cut_dos_target(facts);
    }
  } else if (const auto size = text::read_grouped_number(what.text)) {
    facts.size = *size;
    facts.name = line.substr(std::min(what.end + 1, line.size()));
  }
  return facts.modify && !facts.name.empty() ? std::optional(std::move(facts)) : std::nullopt;
}

/// What `dir` itself writes around the files.
bool is_dos_heading(std::string_view line) {
  const std::string_view words = ascii::trim(line);
  return words.starts_with("Volume in drive") || words.starts_with("Volume Serial Number") ||
         words.starts_with("Directory of ") || words.find(" File(s)") != std::string_view::npos ||
         words.find(" Dir(s)") != std::string_view::npos;
}

}  // namespace

void read_dos_lines(Lines lines, const ListContext& context, LineSink& sink) {
  text::OrderFinder finder(context);
  for (const std::string_view line : lines) {
    if (ascii::is_digit(line.front())) {
      finder.see(line.substr(0, line.find(' ')));
    }
  }
  const auto verdict = finder.decide({DateOrder::mdy, DateOrder::dmy, DateOrder::ymd});
  for (const std::string_view line : lines) {
    if (auto facts = parse_dos_line(line, verdict.order, context)) {
      sink.take(*std::move(facts));
    } else if (!is_dos_heading(line)) {
      sink.leave(line);
    }
  }
  if (finder.saw_any()) {
    sink.note_order(verdict.order, verdict.proved);
  }
}

}  // namespace ftpsfs::ftp
