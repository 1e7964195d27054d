// SPDX-License-Identifier: MIT
//
// The LIST dialect of z/VM: file name, file type, record format, record length, records, blocks,
// date, time, owner or volume. The name is "NAME.TYPE". SFS directories have the type DIR and
// strokes in place of numbers. Records are not bytes: no size is told.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"
#include "list_text.hpp"

namespace ftpsfs::ftp {
namespace {

struct VmLine {
  std::string name;
  FactKind kind = FactKind::file;
  std::string_view date, clock;
};

bool is_vm_record_format(std::string_view word) {
  return word == "V" || word == "F" || word == "V-C" || word == "F-C";
}

std::optional<VmLine> split_vm_line(std::string_view line) {
  const auto words = text::words_of(line, 10);
  if (words.size() < 7) {
    return std::nullopt;
  }
  VmLine found;
  if (words[1].text == "DIR" && words[2].text == "-" && words[3].text == "-" &&
      words[4].text == "-") {
    found.name = words[0].text;
    found.kind = FactKind::dir;
    found.date = words[5].text;
    found.clock = words[6].text;
    return found;
  }
  const auto is_number = [](const text::Word& word) {
    return ascii::parse_number(word.text).has_value();
  };
  if (words.size() < 8 || !is_vm_record_format(words[2].text) ||
      !std::all_of(words.begin() + 3, words.begin() + 6, is_number)) {
    return std::nullopt;
  }
  found.name.append(words[0].text).append(".").append(words[1].text);
  found.date = words[6].text;
  found.clock = words[7].text;
  return found;
}

}  // namespace

void read_vm_lines(Lines lines, const ListContext& context, LineSink& sink) {
  text::OrderFinder finder(context);
  for (const std::string_view line : lines) {
    if (const auto found = split_vm_line(line)) {
      finder.see(found->date);
    }
  }
  const auto verdict = finder.decide({DateOrder::mdy, DateOrder::dmy, DateOrder::ymd});
  for (const std::string_view line : lines) {
    auto found = split_vm_line(line);
    const auto date = found ? text::read_numeric_date(found->date) : std::nullopt;
    auto time = date ? text::in_order(*date, date->digits[0] == 4 ? DateOrder::ymd : verdict.order)
                     : std::nullopt;
    const auto grain = time ? text::read_clock(found->clock, *time) : std::nullopt;
    if (!grain) {
      sink.leave(line);
      continue;
    }
    FileFacts facts;
    facts.name = std::move(found->name);
    facts.kind = found->kind;
    facts.modify = text::to_fact_time(*time, *grain, context);
    sink.take(std::move(facts));
  }
  if (finder.saw_any()) {
    sink.note_order(verdict.order, verdict.proved);
  }
}

}  // namespace ftpsfs::ftp
