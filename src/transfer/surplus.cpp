// SPDX-License-Identifier: MIT
#include "surplus.hpp"

#include <fmt/format.h>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::transfer {

Result<void> Surplus::check(remote::Remote& remote, const remote::RemotePath& path,
                            const Wait& wait) const {
  FTPSFS_TRY_ASSIGN(const remote::FileVersion now, remote.version(path, wait));
  if (!told_ || now.size != told_) {
    return {};
  }
  log::error(
      "{}: the server says {} bytes and sends more: it converts line ends in spite of TYPE I. Have "
      "its text mode switched off for this file; until then it cannot be read",
      path.str(), *told_);
  return make_error(Errc::io_error,
                    "the server converts line ends in spite of TYPE I: what it sends is not the "
                    "file's content");
}

}  // namespace ftpsfs::transfer
