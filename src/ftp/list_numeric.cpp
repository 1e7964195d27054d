// SPDX-License-Identifier: MIT
//
// "0100644   500  101   12345    123456789       name": st_mode in octal, owner, group, size, Unix
// time. Some small servers print what stat(2) gives them.
#include <algorithm>
#include <optional>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/civil_time.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"
#include "list_text.hpp"

namespace ftpsfs::ftp {
namespace {

std::optional<FactKind> kind_of_numeric_mode(unsigned mode) {
  constexpr unsigned kTypeBits = 0170000;
  switch (mode & kTypeBits) {
    case 0100000:
      return FactKind::file;
    case 0040000:
      return FactKind::dir;
    case 0120000:
      return FactKind::symlink;
    case 0010000:
    case 0020000:
    case 0060000:
    case 0140000:
      return FactKind::other;
    default:
      return std::nullopt;
  }
}

std::optional<FileFacts> parse_numeric_line(std::string_view line) {
  constexpr std::size_t kColumns = 5;
  constexpr std::size_t kMostModeDigits = 7;
  const auto words = text::words_of(line, kColumns + 1);
  if (words.size() <= kColumns || words[0].text.size() > kMostModeDigits) {
    return std::nullopt;
  }
  const auto mode = ascii::parse_number<unsigned>(words[0].text, 8);
  const auto kind = mode ? kind_of_numeric_mode(*mode) : std::nullopt;
  const auto size = ascii::parse_number(words[3].text);
  const auto seconds = ascii::parse_number<std::int64_t>(words[4].text);
  const std::int64_t latest = to_unix_seconds({9999, 12, 31, 23, 59, 59}).value_or(0);
  if (!kind || !size || !seconds || *seconds > latest) {
    return std::nullopt;
  }
  FileFacts facts;
  facts.kind = *kind;
  facts.unix_mode = static_cast<std::uint16_t>(*mode & 07777);
  facts.owner = words[1].text;
  facts.group = words[2].text;
  facts.size = *size;
  facts.modify = FactTime{*seconds, FactGrain::second};
  facts.name = line.substr(words[kColumns].begin);
  return facts;
}

}  // namespace

void read_numeric_lines(Lines lines, const ListContext& /*context*/, LineSink& sink) {
  for (const std::string_view line : lines) {
    if (auto facts = parse_numeric_line(line)) {
      sink.take(*std::move(facts));
    } else {
      sink.leave(line);
    }
  }
}

}  // namespace ftpsfs::ftp
