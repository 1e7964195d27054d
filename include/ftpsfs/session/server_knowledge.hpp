// SPDX-License-Identifier: MIT
//
// What all sessions of one mount know of their server: its profile, and what was learned to be
// different (a command that answers 500, a port that EPSV names and a NAT box blocks). Lives as
// long as the mount. Thread-safe; the mutex is a leaf.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/ftp/server_profile.hpp"
#include "ftpsfs/session/data_port.hpp"

namespace ftpsfs::session {

class ServerKnowledge {
 public:
  /// A capability: `&ftp::ServerProfile::mfmt`.
  using Capability = bool ftp::ServerProfile::*;

  /// @param warm_conns most data connections made ahead of need, for the whole mount.
  explicit ServerKnowledge(unsigned warm_conns = 8) : warm_slots_(warm_conns) {}

  /// What a login found. The same kind of server keeps what was learned of it; another one (a
  /// balancer, an upgrade) starts anew.
  /// @param greeting its words: who greets in the same words is believed to be the same.
  void learn(ftp::ServerProfile profile, std::string greeting);
  /// What was found behind this greeting before.
  std::optional<ftp::ServerProfile> recall(const std::string& greeting) const;

  /// Defaults before the first login.
  ftp::ServerProfile profile() const;

  /// The server answered 500, 502 or 504: the capability is gone for the mount's life.
  void forget(Capability capability);

  WarmSlots& warm_slots() noexcept { return warm_slots_; }

  /// Do connections made ahead of need work? After some failures in a row they are left alone for
  /// a while: something between may cut idle connections.
  bool warm_allowed() const;
  void note_warm_start(bool worked);

  /// The same of listings by two connections at a time: only some ports may be let through.
  bool lists_beside() const;
  void note_list_beside(bool worked);

  /// The same of downloads whose end is announced before their data.
  bool announces_end() const;
  void note_announced_end(bool worked);

  /// Has the short login worked, or has it failed where the long one worked?
  enum class Login : std::uint8_t { unproved, short_works, long_only };
  Login login() const;
  void note_login(Login login);

 private:
  mutable Mutex mutex_;
  std::optional<ftp::ServerProfile> profile_ FTPSFS_GUARDED_BY(mutex_);
  std::string greeting_ FTPSFS_GUARDED_BY(mutex_);
  std::vector<Capability> forgotten_ FTPSFS_GUARDED_BY(mutex_);
  WarmSlots warm_slots_;
  /// A way that is left alone for a while after failures in a row.
  struct Trial {
    int failures = 0;
    SteadyTime again;
  };
  static void note(Trial& trial, bool worked, const char* what);
  Trial warm_ FTPSFS_GUARDED_BY(mutex_);
  Trial beside_ FTPSFS_GUARDED_BY(mutex_);
  Trial announced_end_ FTPSFS_GUARDED_BY(mutex_);
  Login login_ FTPSFS_GUARDED_BY(mutex_) = Login::unproved;
};

}  // namespace ftpsfs::session
