// SPDX-License-Identifier: MIT
//
// The LIST dialect of OpenVMS: NAME.TYPE;VERSION, blocks, date, owner, protection, in an order that
// differs between servers; a long name has a line of its own. Of several versions the newest is
// shown, without its number: that is the one which the server takes. Sizes are whole blocks, so
// none is told.
#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"
#include "list_text.hpp"

namespace ftpsfs::ftp {
namespace {

struct VmsName {
  std::string_view name;
  unsigned version;
};

std::optional<VmsName> split_vms_name(std::string_view word) {
  const std::size_t semicolon = word.rfind(';');
  if (semicolon == std::string_view::npos || semicolon == 0) {
    return std::nullopt;
  }
  const auto version = text::small_number(word.substr(semicolon + 1), 5);
  return version ? std::optional(VmsName{word.substr(0, semicolon), *version}) : std::nullopt;
}

/// "(RWED,RWED,RE,)": system, owner, group, world.
std::optional<std::uint16_t> read_vms_protection(std::string_view word) {
  if (word.size() < 5 || word.front() != '(' || word.back() != ')') {
    return std::nullopt;
  }
  word = word.substr(1, word.size() - 2);
  unsigned mode = 0;
  for (std::size_t cls = 0; cls < 4; ++cls) {
    const std::size_t end = cls == 3 ? word.size() : word.find(',');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    unsigned bits = 0;
    for (const char c : word.substr(0, end)) {
      bits |= c == 'R' ? 4U : c == 'W' ? 2U : c == 'E' ? 1U : 0U;
      if (c != 'R' && c != 'W' && c != 'E' && c != 'D') {
        return std::nullopt;
      }
    }
    mode = (mode << 3 | bits) & 0777U;  // the system's fall out at the top
    word.remove_prefix(std::min(end + 1, word.size()));
  }
  return static_cast<std::uint16_t>(mode);
}

/// "9/9", "17472".
bool is_vms_blocks(std::string_view word) {
  const std::size_t slash = std::min(word.find('/'), word.size());
  return ascii::parse_number(word.substr(0, slash)) &&
         (slash == word.size() || ascii::parse_number(word.substr(slash + 1)));
}

void read_vms_owner(FileFacts& facts, std::string_view word) {
  word.remove_prefix(word.front() == '[' ? 1 : 0);
  word.remove_suffix(!word.empty() && word.back() == ']' ? 1 : 0);
  const std::size_t comma = word.find(',');
  facts.group = comma == std::string_view::npos ? std::string_view() : word.substr(0, comma);
  facts.owner = word.substr(comma + 1);  // npos + 1 is 0
}

/// Everything but the name.  @return false: it is no such line.
bool read_vms_columns(FileFacts& facts, const std::vector<text::Word>& words, std::size_t from,
                      const ListContext& context) {
  bool is_file = false;
  for (std::size_t i = from; i < words.size(); ++i) {
    const std::string_view word = words[i].text;
    if (word.front() == '[') {
      read_vms_owner(facts, word);
    } else if (const auto mode = read_vms_protection(word)) {
      facts.unix_mode = mode;
      is_file = true;
    } else if (auto time = text::read_named_day(word)) {
      const auto grain =
          i + 1 < words.size() ? text::read_clock(words[i + 1].text, *time) : std::nullopt;
      i += grain ? 1 : 0;
      facts.modify = text::to_fact_time(*time, grain.value_or(FactGrain::day), context);
      is_file = true;
    } else if (is_vms_blocks(word)) {
      is_file = true;
    } else if (word == "privilege") {  // "NAME.DIR;1  no privilege for attempted operation"
      is_file = true;
    }
  }
  return is_file;
}

bool is_vms_heading(std::string_view line) {
  const std::string_view words = ascii::trim(line);
  const bool is_place = words.size() > 3 && words.back() == ']' &&
                        words.find(' ') == std::string_view::npos &&
                        words.find(":[") != std::string_view::npos;
  return words.empty() || is_place || words.starts_with("Directory ") ||
         words.starts_with("Total of ") || words.starts_with("Total ") ||
         words.starts_with("Grand total ") || words.starts_with("%DIRECT-W-NOFILES") ||
         ascii::starts_with_ignoring_case(words, "No files found");
}

}  // namespace

void read_vms_lines(Lines lines, const ListContext& context, LineSink& sink) {
  struct Newest {
    std::size_t index;
    unsigned version;
  };
  std::vector<FileFacts> found;
  std::unordered_map<std::string, Newest> newest;
  constexpr std::size_t kMostWords = 16;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto words = text::words_of(lines[i], kMostWords);
    const auto name = words.empty() ? std::nullopt : split_vms_name(words[0].text);
    if (!name) {
      if (!is_vms_heading(lines[i])) {
        sink.leave(lines[i]);
      }
      continue;
    }
    const std::size_t here = i;
    const bool continues = words.size() == 1 && i + 1 < lines.size() &&
                           (lines[i + 1].front() == ' ' || lines[i + 1].front() == '\t' ||
                            ascii::is_digit(lines[i + 1].front()));
    std::vector<text::Word> rest;
    if (continues && !split_vms_name(lines[i + 1].substr(0, lines[i + 1].find(' ')))) {
      rest = text::words_of(lines[++i], kMostWords);
    }
    FileFacts facts;
    if (rest.empty() ? !read_vms_columns(facts, words, 1, context)
                     : !read_vms_columns(facts, rest, 0, context)) {
      sink.leave(lines[here]);
      i = here;
      continue;
    }
    std::string_view shown = name->name;
    if (shown.size() > 4 && ascii::equal_ignoring_case(shown.substr(shown.size() - 4), ".DIR")) {
      shown.remove_suffix(4);
      facts.kind = FactKind::dir;
    }
    facts.name = shown;
    const auto [known, is_new] =
        newest.try_emplace(facts.name, Newest{found.size(), name->version});
    if (is_new) {
      found.push_back(std::move(facts));
    } else if (name->version > known->second.version) {
      known->second.version = name->version;
      found[known->second.index] = std::move(facts);
    }
  }
  for (FileFacts& facts : found) {
    sink.take(std::move(facts));
  }
}

}  // namespace ftpsfs::ftp
