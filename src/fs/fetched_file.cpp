// SPDX-License-Identifier: MIT
#include "fetched_file.hpp"

#include <algorithm>

namespace ftpsfs::fs {

bool FetchedFile::fits(const remote::FileVersion& known) const {
  return remote::may_be_same(remote::comparable(known), version) &&
         (!listed || remote::may_be_same(known, *listed));
}

std::optional<Slices> FetchedFile::find(std::uint64_t offset, std::size_t size) const {
  if (copy) {
    return std::nullopt;
  }
  const std::uint64_t end = offset + std::min<std::uint64_t>(size, this->size());
  Slices found;
  std::uint64_t at = 0;
  for (const Slice& slice : bytes) {
    const std::uint64_t next = at + slice.bytes.size();
    const std::uint64_t from = std::max(offset, at);
    const std::uint64_t to = std::min(end, next);
    if (from < to) {
      found.push_back({slice.owner, slice.bytes.subspan(static_cast<std::size_t>(from - at),
                                                        static_cast<std::size_t>(to - from))});
    }
    at = next;
  }
  return found;
}

Result<Slices> FetchedFile::read(std::uint64_t offset, std::size_t size,
                                 const std::stop_token& stop) const {
  auto found = find(offset, size);
  return found ? Result<Slices>(*std::move(found)) : copy->read(offset, size, stop);
}

}  // namespace ftpsfs::fs
