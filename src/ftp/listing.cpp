// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/listing.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/list_unix.hpp"
#include "ftpsfs/ftp/mlsx.hpp"

namespace ftpsfs::ftp {
namespace {

bool is_hostile(std::string_view name) noexcept {
  return name.empty() || name.size() > kMaxNameBytes ||
         name.find_first_of(std::string_view("/\r\n\0", 4)) != std::string_view::npos;
}

enum class LineRole : std::uint8_t { child, self, parent, hostile };

LineRole role_of(const FileFacts& facts) noexcept {
  if (facts.kind == FactKind::cdir || facts.name == ".") {
    return LineRole::self;
  }
  if (facts.kind == FactKind::pdir || facts.name == "..") {
    return LineRole::parent;
  }
  return is_hostile(facts.name) ? LineRole::hostile : LineRole::child;
}

/// Collects the entries of one listing.
class Collector {
 public:
  Collector(ListingNotes& notes, std::size_t most_entries)
      : notes_(notes), most_entries_(most_entries) {}

  void add(FileFacts facts) {
    ++parsed_;
    switch (role_of(facts)) {
      case LineRole::self:
        notes_.self = std::move(facts);
        return;
      case LineRole::parent:
        return;
      case LineRole::hostile:
        ++notes_.hostile_names;
        return;
      case LineRole::child:
        add_child(std::move(facts));
    }
  }

  void skip(std::string_view line) {
    ++notes_.unparsed_lines;
    if (first_unparsed_.empty()) {
      first_unparsed_ = line.substr(0, kQuotedBytes);
    }
  }

  Result<std::vector<FileFacts>> finish() && {
    if (too_many_) {
      return make_error(Errc::io_error, "the directory has more than " +
                                            std::to_string(most_entries_) +
                                            " entries, or the server makes them up");
    }
    if (parsed_ == 0 && notes_.unparsed_lines > 0) {
      return make_error(Errc::io_error,
                        "cannot read the server's listing, which begins: " + first_unparsed_);
    }
    return std::move(entries_);
  }

 private:
  void add_child(FileFacts facts) {
    if (entries_.size() >= most_entries_) {
      too_many_ = true;
      return;
    }
    const auto [known, is_new] = index_.try_emplace(facts.name, entries_.size());
    if (is_new) {
      entries_.push_back(std::move(facts));
    } else {
      ++notes_.duplicates;
      entries_[known->second] = std::move(facts);
    }
  }

  static constexpr std::size_t kQuotedBytes = 100;

  ListingNotes& notes_;
  const std::size_t most_entries_;
  std::size_t parsed_ = 0;
  bool too_many_ = false;
  std::string first_unparsed_;
  std::vector<FileFacts> entries_;
  std::unordered_map<std::string, std::size_t> index_;
};

/// Calls `take` with each line that is not empty, without its CR LF or LF.
template <typename Take>
void for_each_line(std::string_view body, Take take) {
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    std::string_view line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (!line.empty() && line.back() == '\r') {
      line.remove_suffix(1);
    }
    if (!line.empty()) {
      take(line);
    }
  }
}

/// Parses one line; absent when it is not of the dialect.
using LineParser = std::optional<FileFacts> (*)(std::string_view, WallTime);
/// Is it a line of the dialect that names no file?
using HeadingTest = bool (*)(std::string_view) noexcept;

struct Dialect {
  LineParser parse;
  HeadingTest is_heading;
};

/// In the order in which they are tried; more dialects go here.
constexpr Dialect kDialects[] = {{parse_unix_line, is_unix_heading}};

/// The dialect of the first line that any dialect understands.
const Dialect& choose_dialect(std::string_view body, WallTime now) {
  const Dialect* chosen = nullptr;
  for_each_line(body, [&](std::string_view line) {
    for (const Dialect& dialect : kDialects) {
      if (chosen == nullptr && dialect.parse(line, now)) {
        chosen = &dialect;
      }
    }
  });
  return chosen != nullptr ? *chosen : kDialects[0];
}

ListingNotes start_notes(std::string_view body) {
  ListingNotes notes;
  notes.unterminated = !body.empty() && body.back() != '\n';
  return notes;
}

}  // namespace

Result<std::vector<FileFacts>> parse_mlsd(std::string_view body, ListingNotes* notes,
                                          std::size_t most_entries) {
  ListingNotes own = start_notes(body);
  Collector collector(own, most_entries);
  for_each_line(body, [&](std::string_view line) {
    if (auto facts = parse_mlsx_line(line)) {
      collector.add(*std::move(facts));
    } else {
      collector.skip(line);
    }
  });
  auto result = std::move(collector).finish();
  if (notes != nullptr) {
    *notes = std::move(own);
  }
  return result;
}

MlsdPart parse_mlsd_part(std::string_view text) {
  MlsdPart part;
  part.bytes = text.rfind('\n') + 1;  // npos + 1 is 0
  for_each_line(text.substr(0, part.bytes), [&part](std::string_view line) {
    auto facts = parse_mlsx_line(line);
    if (facts && role_of(*facts) == LineRole::child) {
      part.children.push_back(*std::move(facts));
    }
  });
  return part;
}

Result<std::vector<FileFacts>> parse_list(std::string_view body, WallTime now, ListingNotes* notes,
                                          std::size_t most_entries) {
  ListingNotes own = start_notes(body);
  Collector collector(own, most_entries);
  const Dialect& dialect = choose_dialect(body, now);
  for_each_line(body, [&](std::string_view line) {
    if (auto facts = dialect.parse(line, now)) {
      collector.add(*std::move(facts));
    } else if (!dialect.is_heading(line)) {
      collector.skip(line);
    }
  });
  auto result = std::move(collector).finish();
  if (notes != nullptr) {
    *notes = std::move(own);
  }
  return result;
}

ListingVerdict judge_listing_reply(const Reply& final_reply) {
  const std::string text = ascii::lower(final_reply.text());
  if (text.find("truncated") != std::string::npos) {
    return ListingVerdict::truncated;
  }
  if (text.find("failed to open directory") != std::string::npos) {
    return ListingVerdict::denied;
  }
  return ListingVerdict::whole;
}

}  // namespace ftpsfs::ftp
