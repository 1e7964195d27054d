// SPDX-License-Identifier: MIT
#include "ftpsfs/remote/entry.hpp"

#include <algorithm>

#include "ftpsfs/base/fnv1a.hpp"

namespace ftpsfs::remote {
namespace {

std::int64_t grain_seconds(TimeGrain grain) noexcept {
  switch (grain) {
    case TimeGrain::second:
      return 1;
    case TimeGrain::minute:
      return 60;
    case TimeGrain::day:
      return 24 * 60 * 60;
  }
  return 1;
}

}  // namespace

UniqueFact::UniqueFact(std::string_view fact) noexcept {
  if (!fact.empty()) {
    Fnv1a hash;
    for (const char c : fact) {
      hash.add(c);
    }
    digest_ = std::max<std::uint64_t>(hash.value(), 1);  // 0 stands for none
  }
}

bool may_be_equal(const FileTime& a, const FileTime& b) noexcept {
  // A day of the server's clock need not begin with one of UTC.
  return a.unix_seconds < b.unix_seconds + grain_seconds(b.grain) &&
         b.unix_seconds < a.unix_seconds + grain_seconds(a.grain);
}

bool has_coarse_time(const Entry& entry) noexcept {
  return entry.type == FileType::regular && entry.mtime && entry.mtime->grain != TimeGrain::second;
}

bool has_untold_size(const Entry& entry) noexcept {
  return entry.type == FileType::regular && !entry.size;
}

FileVersion version_of(const Entry& entry) {
  return {entry.size, entry.mtime, entry.unique};
}

FileVersion comparable(FileVersion version) noexcept {
  if (version.mtime && version.mtime->grain != TimeGrain::second) {
    version.mtime.reset();
  }
  return version;
}

bool is_another_file(const FileVersion& a, const FileVersion& b) noexcept {
  return !a.unique.empty() && !b.unique.empty() && a.unique != b.unique;
}

bool is_older(const FileVersion& version, const FileVersion& than) noexcept {
  return version.mtime && than.mtime && !may_be_equal(*version.mtime, *than.mtime) &&
         version.mtime->unix_seconds < than.mtime->unix_seconds;
}

bool may_be_same(const FileVersion& a, const FileVersion& b) noexcept {
  if (a.size && b.size && *a.size != *b.size) {
    return false;
  }
  if (a.mtime && b.mtime && !may_be_equal(*a.mtime, *b.mtime)) {
    return false;
  }
  return !is_another_file(a, b);
}

}  // namespace ftpsfs::remote
