// SPDX-License-Identifier: MIT
//
// The LIST dialect of IBM i, LISTFMT 0: owner, size, date, time, type of object, name. Members have
// neither size nor date, and the line of the listed object itself has no name. LISTFMT 1 is `ls
// -l`. A physical file is a directory of members; a save file, which is a *FILE too, is a file.
// @source IBM i documentation, "LISTFMT"; the lines in tests/data/ftp/listings
#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"
#include "list_text.hpp"

namespace ftpsfs::ftp {
namespace {

constexpr std::size_t kOs400TypeWidth = 11;

bool os400_ends_in(std::string_view name, std::string_view suffix) {
  return name.size() > suffix.size() &&
         ascii::equal_ignoring_case(name.substr(name.size() - suffix.size()), suffix);
}

/// "*STMF", "*LIB".
bool is_os400_type(std::string_view word) {
  return word.size() > 2 && word.size() <= 10 && word[0] == '*' &&
         std::all_of(word.begin() + 1, word.end(),
                     [](char c) { return (c >= 'A' && c <= 'Z') || ascii::is_digit(c); });
}

FactKind os400_kind(std::string_view type, std::string_view name) {
  constexpr std::array<std::string_view, 6> kContainers = {"*DIR", "*DDIR", "*LIB",
                                                           "*FLR", "DIR",   "FLR"};
  constexpr std::array<std::string_view, 7> kContents = {"*STMF",   "*DSTMF", "*MEM", "*DOC",
                                                         "*SOMOBJ", "STMF",   "DOC"};
  if (std::find(kContainers.begin(), kContainers.end(), type) != kContainers.end()) {
    return FactKind::dir;
  }
  if (std::find(kContents.begin(), kContents.end(), type) != kContents.end()) {
    return FactKind::file;
  }
  if (type == "*FILE") {
    return os400_ends_in(name, ".FILE") ? FactKind::dir : FactKind::file;
  }
  return type == "*SYMLNK" ? FactKind::symlink : FactKind::file;
}

/// "yy/ddd", the job date format *JUL.
std::optional<CivilTime> read_os400_julian(std::string_view word) {
  const bool fits = word.size() == 6 && (word[2] == '/' || word[2] == '.' || word[2] == '-');
  const auto year = fits ? ascii::parse_number<unsigned>(word.substr(0, 2)) : std::nullopt;
  const auto day = fits ? ascii::parse_number<unsigned>(word.substr(3)) : std::nullopt;
  CivilTime time;
  time.year = text::full_year(year.value_or(0));
  const auto new_year = to_unix_seconds(time);
  if (!year || !day || *day < 1 || *day > 366 || !new_year) {
    return std::nullopt;
  }
  return from_unix_seconds(*new_year + (*day - 1) * 86'400LL);
}

std::optional<CivilTime> read_os400_date(std::string_view word, DateOrder order) {
  if (const auto date = text::read_numeric_date(word)) {
    return text::in_order(*date, date->digits[0] == 4 ? DateOrder::ymd : order);
  }
  return read_os400_julian(word);
}

/// "hh:mm:ss", and with the job's separator: "hh.mm.ss".
std::optional<FactGrain> read_os400_clock(std::string_view word, CivilTime& time) {
  std::string clock(word);
  if (clock.size() == 8 && clock[2] == clock[5]) {
    clock[2] = clock[5] = ':';
  }
  return text::read_clock(clock, time);
}

struct Os400Line {
  std::string_view owner, size, date, clock, type, name;
};

/// Which word is which, by where the type stands.
std::optional<Os400Line> split_os400_line(std::string_view line) {
  const auto words = text::words_of(line, 6);
  const auto type = std::find_if(words.begin(), words.end(),
                                 [](const text::Word& word) { return is_os400_type(word.text); });
  Os400Line found;
  if (type == words.end()) {  // V3R1 in QDLS: "/QDLS/ARM  0 11/09/95 07:19:30 DIR"
    if (words.size() != 5 || (words[4].text != "DIR" && words[4].text != "FLR" &&
                              words[4].text != "DOC" && words[4].text != "STMF")) {
      return std::nullopt;
    }
    return Os400Line{{}, words[1].text, words[2].text, words[3].text, words[4].text, words[0].text};
  }
  const auto before = static_cast<std::size_t>(type - words.begin());
  if (before == 2 || before > 4) {
    return std::nullopt;
  }
  if (before == 1 || before == 4) {
    found.owner = words[0].text;
  }
  if (before >= 3) {
    found.size = words[before - 3].text;
    found.date = words[before - 2].text;
    found.clock = words[before - 1].text;
  }
  found.type = type->text;
  const std::size_t first = std::min(line.find_first_not_of(' ', type->end), line.size());
  found.name = line.substr(std::min(first, type->begin + kOs400TypeWidth));
  if (first == line.size()) {
    found.name = {};
  }
  return found;
}

enum class Os400Role : std::uint8_t { entry, nested, none };

/// Fills `facts`.  @return nested: a member, and the name in `facts` is that of its file.
Os400Role parse_os400_line(std::string_view line, DateOrder order, const ListContext& context,
                           FileFacts& facts) {
  auto found = split_os400_line(line);
  if (!found) {
    return Os400Role::none;
  }
  facts.owner = found->owner;
  if (!found->size.empty()) {
    auto time = read_os400_date(found->date, order);
    const auto grain = time ? read_os400_clock(found->clock, *time) : std::nullopt;
    facts.size = ascii::parse_number(found->size);
    facts.modify = grain ? text::to_fact_time(*time, *grain, context) : std::nullopt;
    if (!facts.size || !facts.modify) {
      return Os400Role::none;
    }
  }
  if (found->name.empty()) {
    facts.kind = FactKind::cdir;
    facts.name = ".";
    return Os400Role::entry;
  }
  const bool slash_ends = found->name.size() > 1 && found->name.back() == '/';
  found->name.remove_suffix(slash_ends ? 1 : 0);
  facts.kind = slash_ends ? FactKind::dir : os400_kind(found->type, found->name);
  const std::size_t slash = found->name.rfind('/');
  if (slash != std::string_view::npos && found->name.front() != '/') {
    facts.name = found->name.substr(0, slash);
    return Os400Role::nested;
  }
  facts.name = found->name.substr(slash + 1);  // npos + 1 is 0
  return Os400Role::entry;
}

}  // namespace

void read_os400_lines(Lines lines, const ListContext& context, LineSink& sink) {
  text::OrderFinder finder(context);
  for (const std::string_view line : lines) {
    if (const auto found = split_os400_line(line); found && !found->date.empty()) {
      finder.see(found->date);
    }
  }
  const auto verdict = finder.decide({DateOrder::mdy, DateOrder::ymd, DateOrder::dmy});
  std::set<std::string> containers;
  std::vector<std::pair<std::string, std::string_view>> nested;  // container and line
  for (const std::string_view line : lines) {
    FileFacts facts;
    switch (parse_os400_line(line, verdict.order, context, facts)) {
      case Os400Role::entry:
        if (facts.kind == FactKind::dir) {
          containers.insert(facts.name);
        }
        sink.take(std::move(facts));
        break;
      case Os400Role::nested:
        nested.emplace_back(std::move(facts.name), line);
        break;
      case Os400Role::none:
        sink.leave(line);
        break;
    }
  }
  // Members are seen in the listing of their file, and that only where it is shown itself.
  for (const auto& [container, line] : nested) {
    if (!containers.contains(container)) {
      sink.leave(line);
    }
  }
  if (finder.saw_any()) {
    sink.note_order(verdict.order, verdict.proved);
  }
}

}  // namespace ftpsfs::ftp
