// SPDX-License-Identifier: MIT
//
// MLSD listings, their lines and MLST replies.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "ftpsfs/ftp/listing.hpp"
#include "ftpsfs/ftp/mlsx.hpp"
#include "invariant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ftpsfs::ftp;
  using ftpsfs::fuzz::demand;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto facts = parse_mlsx_line(body)) {
    demand(body.ends_with(facts->name) && facts->name.size() < body.size());
    demand(!facts->unix_mode || *facts->unix_mode <= 07777);
  }
  ListingNotes notes;
  if (const auto entries = parse_mlsd(body, &notes)) {
    std::set<std::string> names;
    for (const FileFacts& entry : *entries) {
      demand(!entry.name.empty() && entry.name != "." && entry.name != "..");
      demand(entry.name.size() <= kMaxNameBytes);
      demand(entry.name.find_first_of(std::string_view("/\r\n\0", 4)) == std::string::npos);
      demand(entry.kind != FactKind::cdir && entry.kind != FactKind::pdir);
      demand(names.insert(entry.name).second);
    }
  } else {
    demand(notes.unparsed_lines > 0);
  }
  const Reply reply{250, {"begin", std::string(body), "end"}};
  if (const auto facts = parse_mlst(reply)) {
    demand(facts->kind != FactKind::cdir && facts->kind != FactKind::pdir);
  }
  return 0;
}
