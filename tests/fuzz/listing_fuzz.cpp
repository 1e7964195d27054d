// SPDX-License-Identifier: MIT
//
// LIST listings in every dialect, at two times of the calendar, and those of NLST.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/ftp/list_unix.hpp"
#include "ftpsfs/ftp/listing.hpp"
#include "invariant.hpp"

namespace {

using ftpsfs::WallTime;

using namespace ftpsfs::ftp;
using ftpsfs::fuzz::demand;

/// None of them leads out of its directory, and none comes twice.
void check_names(const std::vector<FileFacts>& entries) {
  std::set<std::string> names;
  for (const FileFacts& entry : entries) {
    demand(!entry.name.empty() && entry.name != "." && entry.name != "..");
    demand(entry.name.size() <= kMaxNameBytes);
    demand(entry.name.find_first_of(std::string_view("/\r\n\0", 4)) == std::string::npos);
    demand(names.insert(entry.name).second);
  }
}

void check(std::string_view body, WallTime now) {
  const ListContext context{.now = now};
  if (const auto facts = parse_unix_line(body, context)) {
    demand(facts->modify && facts->unix_mode.value_or(0) <= 07777);
    demand(facts->symlink_target || body.ends_with(facts->name));
  }
  ListingNotes notes;
  const auto entries = parse_list(body, context, &notes);
  if (!entries) {
    demand(notes.unparsed_lines > 0);
    return;
  }
  check_names(*entries);
}

/// NLST, in a directory that may stand in front of the names.
void check_nlst(std::string_view body) {
  if (const auto entries = parse_names(body, "/a/b")) {
    check_names(*entries);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  check(body, WallTime(std::chrono::seconds(1'795'230'245)));  // 2026-11-21
  check(body, WallTime(std::chrono::seconds(951'782'399)));    // the eve of 29 February 2000
  check_nlst(body);
  return 0;
}
