// SPDX-License-Identifier: MIT
//
// EPLF: "+facts,\tname". Times are Unix seconds, and so in no zone.
// @source https://cr.yp.to/ftp/list/eplf.html
#include <optional>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"

namespace ftpsfs::ftp {
namespace {

constexpr std::int64_t kLatestEplfTime = 253'402'300'799;  // the year 9999

void read_eplf_fact(FileFacts& facts, std::string_view fact, bool& is_known) {
  const std::string_view value = fact.substr(1);
  switch (fact.front()) {
    case '/':
      facts.kind = FactKind::dir;
      is_known = true;
      break;
    case 'r':
      is_known = true;
      break;
    case 's':
      facts.size = ascii::parse_number(value);
      break;
    case 'm':
      if (const auto seconds = ascii::parse_number<std::int64_t>(value);
          seconds && *seconds <= kLatestEplfTime) {
        facts.modify = FactTime{*seconds, FactGrain::second};
      }
      break;
    case 'i':
      facts.unique = value;
      break;
    case 'u':
      if (fact.size() > 2 && fact[1] == 'p') {
        const auto mode = ascii::parse_number<unsigned>(fact.substr(2), 8);
        if (mode && *mode <= 07777) {
          facts.unix_mode = static_cast<std::uint16_t>(*mode);
        }
      }
      break;
    default:
      break;
  }
}

std::optional<FileFacts> parse_eplf_line(std::string_view line) {
  const std::size_t tab = line.find('\t');
  if (line.front() != '+' || tab == std::string_view::npos) {
    return std::nullopt;
  }
  FileFacts facts;
  bool is_known = false;
  for (const std::string_view fact : ascii::split(line.substr(1, tab - 1), ",")) {
    read_eplf_fact(facts, fact, is_known);
  }
  facts.name = line.substr(tab + 1);
  // Neither a directory nor to be read: a device, or without the right.
  facts.kind = is_known ? facts.kind : FactKind::other;
  return facts;
}

}  // namespace

void read_eplf_lines(Lines lines, const ListContext& /*context*/, LineSink& sink) {
  for (const std::string_view line : lines) {
    if (auto facts = parse_eplf_line(line)) {
      sink.take(*std::move(facts));
    } else {
      sink.leave(line);
    }
  }
}

}  // namespace ftpsfs::ftp
