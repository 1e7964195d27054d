// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/exporting.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::writeback {
namespace {

/// A new file, and no other: nothing is overwritten, no link is followed.
Result<UniqueFd> create_new(const std::string& directory, std::string_view name) {
  constexpr int kMostTries = 10'000;
  for (int number = 1; number <= kMostTries; ++number) {
    std::string path = fmt::format("{}/{}", directory, name);
    if (number > 1) {
      path += fmt::format(".{}", number);
    }
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file) {
      return file;
    }
    if (errno != EEXIST) {
      return local_error("cannot make", path);
    }
  }
  return make_error(Errc::already_exists, fmt::format("no free name for {}", name));
}

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
    FTPSFS_TRY_ASSIGN(const UniqueFd file, create_new(directory, name));
    FTPSFS_TRY(copy_content(*content, file.get(), name));
    ++saved;
  }
  return saved;
}

}  // namespace ftpsfs::writeback
