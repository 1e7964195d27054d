// SPDX-License-Identifier: MIT
#include "ftpsfs/remote/ftp_entry.hpp"

#include <string>
#include <unordered_map>
#include <utility>

namespace ftpsfs::remote {
namespace {

constexpr unsigned kOwnerShift = 6;
constexpr unsigned kGroupShift = 3;
constexpr unsigned kRead = 4;
constexpr unsigned kWrite = 2;
constexpr unsigned kSearch = 1;
constexpr unsigned kClass = 7;
constexpr unsigned kOwner = kClass << kOwnerShift;

FileType to_type(ftp::FactKind kind) {
  switch (kind) {
    case ftp::FactKind::file:
      return FileType::regular;
    case ftp::FactKind::dir:
    case ftp::FactKind::cdir:
    case ftp::FactKind::pdir:
      return FileType::directory;
    case ftp::FactKind::symlink:
      return FileType::symlink;
    case ftp::FactKind::other:
      return FileType::other;
  }
  return FileType::other;
}

TimeGrain to_grain(ftp::FactGrain grain) {
  switch (grain) {
    case ftp::FactGrain::second:
      return TimeGrain::second;
    case ftp::FactGrain::minute:
      return TimeGrain::minute;
    case ftp::FactGrain::day:
      return TimeGrain::day;
  }
  return TimeGrain::day;
}

/// What `perm` grants, as one class of mode bits. RFC 3659 §7.5.5.
unsigned granted(std::string_view perm, bool is_directory) {
  const auto has = [perm](char letter) { return perm.find(letter) != std::string_view::npos; };
  if (is_directory) {
    return (has('l') ? kRead : 0U) | (has('c') || has('m') || has('p') ? kWrite : 0U) |
           (has('e') ? kSearch : 0U);
  }
  // Files have no letter for execution: as the bits say.
  return (has('r') ? kRead : 0U) | (has('w') || has('a') ? kWrite : 0U) | kSearch;
}

}  // namespace

std::optional<std::uint16_t> effective_mode(const ftp::FileFacts& facts) {
  const FileType type = to_type(facts.kind);
  if (type == FileType::symlink || (!facts.unix_mode && !facts.perm)) {
    return facts.unix_mode;
  }
  const bool is_directory = type == FileType::directory;
  const unsigned allowed = facts.perm ? granted(*facts.perm, is_directory) : kClass;
  if (!facts.unix_mode) {
    const unsigned own = is_directory ? allowed : allowed & (kRead | kWrite);
    const unsigned others = own & (kRead | kSearch);
    return static_cast<std::uint16_t>(own << kOwnerShift | others << kGroupShift | others);
  }
  const unsigned mode = *facts.unix_mode;
  const unsigned any = (mode >> kOwnerShift | mode >> kGroupShift | mode) & kClass;
  return static_cast<std::uint16_t>((mode & ~kOwner) | (any & allowed) << kOwnerShift);
}

Entry to_entry(const ftp::FileFacts& facts, std::string_view name) {
  Entry entry;
  entry.name = std::string(name);
  entry.type = to_type(facts.kind);
  entry.mode = effective_mode(facts);
  entry.unique = UniqueFact(facts.unique);
  if (facts.modify) {
    entry.mtime = FileTime{facts.modify->unix_seconds, to_grain(facts.modify->grain)};
  }
  entry.size = facts.size;
  if (entry.type == FileType::symlink) {
    entry.symlink_target = facts.symlink_target;
    if (facts.symlink_target) {
      entry.size = facts.symlink_target->size();
    }
  }
  return entry;
}

std::vector<ftp::FileFacts> merge_listings(std::vector<ftp::FileFacts> listed,
                                           std::vector<ftp::FileFacts> facts) {
  std::unordered_map<std::string_view, ftp::FileFacts*> lines;
  for (ftp::FileFacts& each : listed) {
    lines.emplace(each.name, &each);
  }
  for (ftp::FileFacts& exact : facts) {
    const auto found = lines.find(exact.name);
    if (found == lines.end()) {
      continue;  // made between the two listings, or a dialect that LIST could not tell
    }
    ftp::FileFacts& line = *found->second;
    lines.erase(found);  // before its name is moved from
    if (line.kind == ftp::FactKind::symlink) {
      // MLSD may speak of the target here; only a line that says "symlink" speaks of the link.
      if (exact.kind == ftp::FactKind::symlink && exact.modify) {
        line.modify = exact.modify;
      }
      exact = std::move(line);
    } else if (line.kind == ftp::FactKind::dir) {
      exact.size = line.size;  // MLSD may mean something else by it
    }
  }
  for (ftp::FileFacts& each : listed) {
    const auto left = lines.find(each.name);
    if (left != lines.end() && left->second == &each) {
      lines.erase(left);
      facts.push_back(std::move(each));
    }
  }
  return facts;
}

}  // namespace ftpsfs::remote
