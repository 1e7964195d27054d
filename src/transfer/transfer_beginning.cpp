// SPDX-License-Identifier: MIT
#include "transfer_beginning.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace ftpsfs::transfer {
namespace {

/// Does the transfer, from its beginning, send what is known?
Result<Overlap> compare(remote::RemoteReader& reader, const Resumption& place) {
  if (place.known.empty()) {
    return Overlap::none;
  }
  std::vector<std::byte> buffer(kOverlap);
  for (const Slice& slice : place.known) {
    for (auto expected = slice.bytes; !expected.empty();) {
      const auto room = std::span(buffer).first(std::min(buffer.size(), expected.size()));
      FTPSFS_TRY_ASSIGN(const std::size_t got, reader.read(room, place.wait()));
      if (got == 0 || !std::ranges::equal(room.first(got), expected.first(got))) {
        return Overlap::differs;
      }
      expected = expected.subspan(got);
    }
  }
  return Overlap::agrees;
}

}  // namespace

Result<std::unique_ptr<remote::RemoteReader>> begin_transfer(const Origin& origin,
                                                             const Resumption& place,
                                                             const OpenAt& open,
                                                             const LookBack& look_back) {
  FTPSFS_TRY_ASSIGN(auto reader, open(origin.path, place.offset - total_bytes(place.known)));
  FTPSFS_TRY_ASSIGN(const Overlap overlap, compare(*reader, place));
  auto same = origin.check(reader->version(), place.offset, overlap);
  if (same) {
    return reader;
  }
  if (overlap != Overlap::none || same.error().code != Errc::stale || !look_back) {
    return std::move(same).error();
  }
  const remote::FileVersion observed = reader->version();
  reader.reset();  // there may be one connection alone
  FTPSFS_TRY_ASSIGN(const bool is_there, look_back(place.wait()));
  if (!is_there) {
    FTPSFS_TRY(origin.check(observed, place.offset, Overlap::differs));
  }
  FTPSFS_TRY_ASSIGN(reader, open(origin.path, place.offset));
  FTPSFS_TRY(origin.check(reader->version(), place.offset, Overlap::agrees));
  return reader;
}

}  // namespace ftpsfs::transfer
