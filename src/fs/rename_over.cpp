// SPDX-License-Identifier: MIT
#include "rename_over.hpp"

#include "ftpsfs/remote/rename_over.hpp"

namespace ftpsfs::fs {

Result<void> rename_over(Services& services, const remote::RemotePath& from,
                         const remote::RemotePath& to, const Wait& wait) {
  auto renamed = remote::rename_over(
      services.remote, from, to,
      [&services, &to] { return services.hidden_names.aside(to.name()); }, wait,
      services.limits.stall_timeout);
  if (renamed.left_behind) {
    ++services.left_behind;
  }
  return std::move(renamed.outcome);
}

}  // namespace ftpsfs::fs
