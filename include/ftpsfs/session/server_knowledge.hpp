// SPDX-License-Identifier: MIT
//
// What all sessions of one mount know of their server: its profile, and what was learned to be
// different (a command that answers 500, a port that EPSV names and a NAT box blocks). Lives as
// long as the mount. Thread-safe; the mutex is a leaf.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/ftp/server_profile.hpp"

namespace ftpsfs::session {

class ServerKnowledge {
 public:
  /// A capability: `&ftp::ServerProfile::mfmt`.
  using Capability = bool ftp::ServerProfile::*;

  /// What a login found. The same kind of server keeps what was learned of it; another one (a
  /// balancer, an upgrade) starts anew.
  void learn(ftp::ServerProfile profile);

  /// Defaults before the first login.
  ftp::ServerProfile profile() const;

  /// The server answered 500, 502 or 504: the capability is gone for the mount's life.
  void forget(Capability capability);

 private:
  mutable Mutex mutex_;
  std::optional<ftp::ServerProfile> profile_ FTPSFS_GUARDED_BY(mutex_);
  std::vector<Capability> forgotten_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::session
