// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/exporting.hpp"

#include <unistd.h>

#include <vector>

#include "ftpsfs/base/local_file.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::writeback {
namespace {

Result<void> copy_content(const ContentReader& content, int to, const std::string& name) {
  std::vector<std::byte> piece(256 * 1024);
  for (std::uint64_t offset = 0; offset < content.size();) {
    FTPSFS_TRY_ASSIGN(const std::size_t got, content.read(offset, piece));
    FTPSFS_TRY(write_at(to, offset, std::span(piece).first(got), name));
    offset += got;
  }
  return ::fsync(to) == 0 ? Result<void>() : local_error("cannot write out", name);
}

}  // namespace

Result<std::size_t> export_refused(const Courier& courier, const std::string& directory) {
  std::size_t saved = 0;
  for (const auto& [id, intention] : courier.refused()) {
    if (intention.action != Action::upload) {
      continue;
    }
    const std::string name(intention.path.name());
    FTPSFS_TRY_ASSIGN(const auto content, courier.journal().open_content(intention.content));
    FTPSFS_TRY_ASSIGN(const UniqueFd file, create_new_file(directory, name));
    FTPSFS_TRY(copy_content(*content, file.get(), name));
    ++saved;
  }
  return saved;
}

}  // namespace ftpsfs::writeback
