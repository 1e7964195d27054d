// SPDX-License-Identifier: MIT
//
// A new certificate, key, CA or password for a mount that lives: what its files hold now takes the
// place of what they held, or, when anything is wrong with them, nothing changes.
// Thread-safe: a reload beside another one is refused.
#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

#include "ftpsfs/app/mount_plan.hpp"

namespace ftpsfs::app {

class IdentityReload {
 public:
  /// @param remote outlives it.
  IdentityReload(MountPlan plan, remote::FtpRemote& remote)
      : plan_(std::move(plan)), remote_(remote) {}
  ~IdentityReload() { cancel(); }
  IdentityReload(const IdentityReload&) = delete;
  IdentityReload& operator=(const IdentityReload&) = delete;

  /// Reads the files and checks them; new connections use them from then on. Logs the outcome.
  /// Waits for local files, and for kPasswordCommandLimit where a command tells the password.
  /// @errors invalid_argument, not_found, access_denied, busy, and those of the command: one line;
  /// nothing has changed.
  Result<void> run();

  /// The same on a thread of its own.
  void start();

  /// A reload under way shall end; none begins any more.
  void cancel() { stop_.request_stop(); }

 private:
  Result<void> run_alone();
  Result<void> renew(const Wait& wait);

  MountPlan plan_;  ///< whose turn it is: `running_`
  remote::FtpRemote& remote_;
  std::atomic<bool> running_ = false;
  std::stop_source stop_;
  std::jthread aside_;  ///< behind what it uses; whose turn it is: `running_`
};

}  // namespace ftpsfs::app
