// SPDX-License-Identifier: MIT
//
// The content of a file that was read from its first byte to its confirmed end before a program
// asked for it: ahead of need, or because only reading it tells its size. It lies in memory or in a
// local copy. Immutable once shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/slice.hpp"
#include "ftpsfs/remote/entry.hpp"
#include "ftpsfs/transfer/staged_file.hpp"

namespace ftpsfs::fs {

struct FetchedFile {
  /// As the server told with the content; its size is that of the content.
  remote::FileVersion version;
  /// What listings said of the file before; absent: what came with the content says enough.
  std::optional<remote::FileVersion> listed{};
  Slices bytes{};
  /// Set: the content is here, and `bytes` is empty.
  std::shared_ptr<transfer::StagedFile> copy{};

  std::uint64_t size() const { return version.size.value_or(0); }
  /// May it be the content of the file of which this is known?
  bool fits(const remote::FileVersion& known) const;
  /// Bytes [offset, offset + size), or up to the end. @return nullopt: they are not in memory.
  std::optional<Slices> find(std::uint64_t offset, std::size_t size) const;
  /// The same from wherever they are. @errors those of the local disk.
  Result<Slices> read(std::uint64_t offset, std::size_t size, const std::stop_token& stop) const;
};

}  // namespace ftpsfs::fs
