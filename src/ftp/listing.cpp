// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/listing.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"
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
class Collector final : public LineSink {
 public:
  /// @param lines as many entries as there may be
  Collector(ListingNotes& notes, std::size_t most_entries, std::size_t lines)
      : notes_(notes), most_entries_(most_entries) {
    // At once: a vector that grows is there twice meanwhile.
    entries_.reserve(std::min(most_entries, lines));
    index_.reserve(entries_.capacity());
  }
  Collector(const Collector&) = delete;  // the index points into it
  Collector& operator=(const Collector&) = delete;

  void take(FileFacts&& facts) override {
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

  void leave(std::string_view line) override {
    ++notes_.unparsed_lines;
    if (notes_.first_unparsed.empty()) {
      notes_.first_unparsed = line.substr(0, kQuotedBytes);
    }
  }

  void note_order(DateOrder order, bool proved) override {
    notes_.date_order = order;
    notes_.date_order_proved = proved;
  }

  std::size_t parsed() const noexcept { return parsed_; }

  Result<std::vector<FileFacts>> finish() && {
    if (too_many_) {
      return ListingLimits{.entries = most_entries_}.too_many_entries();
    }
    if (parsed_ == 0 && notes_.unparsed_lines > 0) {
      return make_error(Errc::io_error, "cannot read the server's listing, which begins \"" +
                                            notes_.first_unparsed +
                                            "\": server=KIND or list_command=CMD may help");
    }
    return std::move(entries_);
  }

 private:
  void add_child(FileFacts facts) {
    if (const auto known = index_.find(std::string_view(facts.name)); known != index_.end()) {
      ++notes_.duplicates;
      entries_[*known] = std::move(facts);
      return;
    }
    if (entries_.size() >= most_entries_) {
      too_many_ = true;
      return;
    }
    entries_.push_back(std::move(facts));
    index_.insert(entries_.size() - 1);
  }

  /// Entries by their names, which are kept but once. The places stay what they are, while entries
  /// move.
  struct ByName {
    using is_transparent = void;
    const std::vector<FileFacts>* entries;

    std::string_view name(std::string_view name) const { return name; }
    std::string_view name(std::size_t place) const { return (*entries)[place].name; }
    template <typename Key>
    std::size_t operator()(Key key) const {
      return std::hash<std::string_view>()(name(key));
    }
    template <typename A, typename B>
    bool operator()(A a, B b) const {
      return name(a) == name(b);
    }
  };

  static constexpr std::size_t kQuotedBytes = 100;

  ListingNotes& notes_;
  const std::size_t most_entries_;
  std::size_t parsed_ = 0;
  bool too_many_ = false;
  std::vector<FileFacts> entries_;
  std::unordered_set<std::size_t, ByName, ByName> index_{0, ByName{&entries_}, ByName{&entries_}};
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

/// Counts what a grammar makes of a listing.
class Tally final : public LineSink {
 public:
  explicit Tally(std::size_t taken = 0, std::size_t left = 0) : taken_(taken), left_(left) {}
  void take(FileFacts&& /*facts*/) override { ++taken_; }
  void leave(std::string_view /*line*/) override { ++left_; }
  std::size_t taken() const noexcept { return taken_; }
  std::size_t left() const noexcept { return left_; }

 private:
  std::size_t taken_;
  std::size_t left_;
};

constexpr std::array kDialects = {Dialect::unix_ls, Dialect::dos,  Dialect::os400,
                                  Dialect::mvs,     Dialect::vms,  Dialect::nonstop,
                                  Dialect::vm,      Dialect::eplf, Dialect::numeric};

/// The expected dialect where it reads every line; else the one that reads the most lines, and of
/// those the one that leaves the fewest ("total 0" is all of an empty directory of HFS on z/OS):
/// some servers are set to a grammar that is not their system's.
/// @param best what the expected one makes of them
Dialect choose_dialect(Lines lines, const ListContext& context, Dialect expected, Tally best) {
  Dialect chosen = expected;
  for (std::size_t i = 0; i < kDialects.size() && best.left() > 0; ++i) {
    if (kDialects[i] == expected) {
      continue;
    }
    Tally tally;
    read_lines(kDialects[i], lines, context, tally);
    if (tally.taken() > best.taken() ||
        (tally.taken() == best.taken() && tally.left() < best.left())) {
      best = tally;
      chosen = kDialects[i];
    }
  }
  return chosen;
}

std::size_t count_lines(std::string_view body) {
  return static_cast<std::size_t>(std::count(body.begin(), body.end(), '\n')) + 1;
}

ListingNotes start_notes(std::string_view body) {
  ListingNotes notes;
  notes.unterminated = !body.empty() && body.back() != '\n';
  return notes;
}

}  // namespace

Error ListingLimits::too_many_entries() const {
  return make_error(
      Errc::io_error,
      fmt::format("the directory has more than {} entries, or the server makes them up", entries));
}

Error ListingLimits::too_many_bytes() const {
  return make_error(Errc::io_error,
                    fmt::format("the server's listing has no end: more than {} bytes", bytes));
}

Result<std::vector<FileFacts>> parse_mlsd(std::string_view body, ListingNotes* notes,
                                          std::size_t most_entries) {
  ListingNotes own = start_notes(body);
  Collector collector(own, most_entries, count_lines(body));
  for_each_line(body, [&](std::string_view line) {
    if (auto facts = parse_mlsx_line(line)) {
      collector.take(*std::move(facts));
    } else {
      collector.leave(line);
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

const char* to_string(Dialect dialect) noexcept {
  switch (dialect) {
    case Dialect::unix_ls:
      return "ls -l";
    case Dialect::dos:
      return "DOS";
    case Dialect::os400:
      return "LISTFMT 0";
    case Dialect::mvs:
      return "MVS";
    case Dialect::vms:
      return "VMS";
    case Dialect::nonstop:
      return "NonStop";
    case Dialect::vm:
      return "VM";
    case Dialect::eplf:
      return "EPLF";
    case Dialect::numeric:
      return "numeric";
  }
  return "unknown";
}

void read_lines(Dialect dialect, Lines lines, const ListContext& context, LineSink& sink) {
  switch (dialect) {
    case Dialect::unix_ls:
      return read_unix_lines(lines, context, sink);
    case Dialect::dos:
      return read_dos_lines(lines, context, sink);
    case Dialect::os400:
      return read_os400_lines(lines, context, sink);
    case Dialect::mvs:
      return read_mvs_lines(lines, context, sink);
    case Dialect::vms:
      return read_vms_lines(lines, context, sink);
    case Dialect::nonstop:
      return read_nonstop_lines(lines, context, sink);
    case Dialect::vm:
      return read_vm_lines(lines, context, sink);
    case Dialect::eplf:
      return read_eplf_lines(lines, context, sink);
    case Dialect::numeric:
      return read_numeric_lines(lines, context, sink);
  }
}

Result<std::vector<FileFacts>> parse_list(std::string_view body, const ListContext& context,
                                          ListingNotes* notes, std::size_t most_entries) {
  ListingNotes own = start_notes(body);
  const ListingLimits limits{.entries = most_entries};
  const std::size_t count = count_lines(body);
  if (count > limits.lines()) {
    return limits.too_many_entries();
  }
  std::vector<std::string_view> lines;
  lines.reserve(count);
  for_each_line(body, [&lines](std::string_view line) { lines.push_back(line); });
  own.dialect = context.expected.value_or(Dialect::unix_ls);
  std::optional<Collector> collector(std::in_place, own, most_entries, lines.size());
  read_lines(own.dialect, lines, context, *collector);
  const Dialect chosen =
      choose_dialect(lines, context, own.dialect, Tally(collector->parsed(), own.unparsed_lines));
  if (chosen != own.dialect) {
    own = start_notes(body);
    own.dialect = chosen;
    collector.emplace(own, most_entries, lines.size());
    read_lines(chosen, lines, context, *collector);
  }
  auto result = std::move(*collector).finish();
  if (notes != nullptr) {
    *notes = std::move(own);
  }
  return result;
}

namespace {

/// Is `prefix` the directory's path, or its last components?
bool leads_to(std::string_view prefix, std::string_view directory) noexcept {
  if (prefix == ".") {
    return true;
  }
  if (prefix.empty() || prefix.size() > directory.size()) {
    return prefix.empty() && directory == "/";
  }
  const std::size_t begin = directory.size() - prefix.size();
  return ascii::equal_ignoring_case(directory.substr(begin), prefix) &&
         (begin == 0 || (prefix.front() != '/' && directory[begin - 1] == '/'));
}

/// @return nullopt: a name in another directory.
std::optional<std::string_view> name_on(std::string_view line, std::string_view directory) {
  if (line.size() > 1 && line.back() == '/') {
    line.remove_suffix(1);  // some mark directories so
  }
  const std::size_t slash = line.rfind('/');
  if (slash == std::string_view::npos) {
    return line;
  }
  return leads_to(line.substr(0, slash), directory) ? std::optional(line.substr(slash + 1))
                                                    : std::nullopt;
}

}  // namespace

Result<std::vector<FileFacts>> parse_names(std::string_view body, std::string_view directory,
                                           ListingNotes* notes, std::size_t most_entries) {
  ListingNotes own = start_notes(body);
  Collector collector(own, most_entries, count_lines(body));
  for_each_line(body, [&](std::string_view line) {
    if (const auto name = name_on(line, directory)) {
      FileFacts facts;
      facts.name = *name;
      collector.take(std::move(facts));
    } else {
      collector.leave(line);
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
