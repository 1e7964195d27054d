// SPDX-License-Identifier: MIT
//
// A new certificate, key, CA or password for a mount that lives: what its files hold now takes the
// place of what they held, or, when anything is wrong with them, nothing changes.
// Thread-safety: calls come one at a time; a second one is refused.
#pragma once

#include <atomic>

#include "ftpsfs/app/mount_plan.hpp"

namespace ftpsfs::app {

class IdentityReload {
 public:
  /// @param remote outlives it.
  IdentityReload(MountPlan plan, remote::FtpRemote& remote)
      : plan_(std::move(plan)), remote_(remote) {}

  /// Reads the files and checks them; new connections use them from then on. Logs the outcome.
  /// Waits for nothing but local files.
  /// @errors invalid_argument, not_found, access_denied, busy: one line; nothing has changed.
  Result<void> run();

 private:
  Result<void> renew();

  MountPlan plan_;  ///< whose turn it is: `running_`
  remote::FtpRemote& remote_;
  std::atomic<bool> running_ = false;
};

}  // namespace ftpsfs::app
