// SPDX-License-Identifier: MIT
//
// What all sessions of one mount know of their server: its profile, and what was learned to be
// different (a command that answers 500, a port that EPSV names and a NAT box blocks). Lives as
// long as the mount. Thread-safe; the mutex is a leaf.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/ftp/fresh_uploads.hpp"
#include "ftpsfs/ftp/server_profile.hpp"
#include "ftpsfs/ftp/zone_finder.hpp"
#include "ftpsfs/session/data_port.hpp"

namespace ftpsfs::session {

class ServerKnowledge {
 public:
  /// A capability: `&ftp::ServerProfile::mfmt`.
  using Capability = bool ftp::ServerProfile::*;

  /// @param warm_conns most data connections made ahead of need, for the whole mount.
  explicit ServerKnowledge(unsigned warm_conns = 10) : warm_slots_(warm_conns) {}

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
  /// The same of a habit, which is nothing to be told.
  void unlearn(Capability habit);

  /// How this server writes dates of three numbers, as far as its listings have proved it.
  ftp::DateOrder date_order() const;
  /// Where no listing proves it, that is said once.
  void note_date_order(ftp::DateOrder order, bool proved);

  /// What was found of the zone in which its listings show times.
  ftp::ZoneFinder zone_finder() const;
  /// See ZoneFinder::note(). @param verb that told the exact time. @return has anything changed?
  bool note_time(std::int64_t shown, std::int64_t exact, const char* verb);
  void note_times_unanswered(unsigned questions);
  /// "server time UTC+02:00, found by MDTM"; empty until it is found.
  std::string describe_zone() const;

  /// What was uploaded a moment ago: the server's clock may show its zone by it.
  void note_upload(ftp::FreshUpload upload);
  void note_upload_renamed(const std::string& from, const std::string& to);
  /// Its time is no longer that of its upload.
  void forget_upload(const std::string& path);
  std::vector<ftp::FreshUpload> fresh_uploads() const;

  /// How far away the server is; zero before the first login.
  std::chrono::microseconds round_trip() const noexcept {
    return round_trip_.load(std::memory_order_relaxed);
  }
  void note_round_trip(std::chrono::microseconds time) noexcept {
    round_trip_.store(time, std::memory_order_relaxed);
  }

  WarmSlots& warm_slots() noexcept { return warm_slots_; }

  /// Fast ways that something between may spoil. After some failures in a row one is left alone for
  /// a while.
  enum class Way : std::uint8_t {
    warm_start,     ///< data connections made ahead of need: idle ones may be cut
    list_beside,    ///< listings by two connections at a time: only some ports may be let through
    announced_end,  ///< downloads whose end is announced before their data
    polite_hello,   ///< handshakes that await the 1xx: some servers await the handshake
  };
  bool allows(Way way) const;
  void note(Way way, bool worked);
  /// It cannot work here: left alone for a while at once.
  void rule_out(Way way);

  /// Has the short login worked, or has it failed where the long one worked?
  enum class Login : std::uint8_t { unproved, short_works, long_only };
  Login login() const;
  void note_login(Login login);

 private:
  bool drop(Capability capability) FTPSFS_REQUIRES(mutex_);

  void pause(Way way) FTPSFS_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::optional<ftp::ServerProfile> profile_ FTPSFS_GUARDED_BY(mutex_);
  std::string greeting_ FTPSFS_GUARDED_BY(mutex_);
  std::vector<Capability> forgotten_ FTPSFS_GUARDED_BY(mutex_);
  ftp::DateOrder date_order_ FTPSFS_GUARDED_BY(mutex_) = ftp::DateOrder::unknown;
  bool date_order_guessed_ FTPSFS_GUARDED_BY(mutex_) = false;
  ftp::ZoneFinder zone_finder_ FTPSFS_GUARDED_BY(mutex_);
  std::string zone_found_by_ FTPSFS_GUARDED_BY(mutex_);
  ftp::FreshUploads fresh_uploads_ FTPSFS_GUARDED_BY(mutex_);
  WarmSlots warm_slots_;
  std::atomic<std::chrono::microseconds> round_trip_{};
  struct Trial {
    int failures = 0;
    SteadyTime again;
  };
  std::array<Trial, 4> trials_ FTPSFS_GUARDED_BY(mutex_){};  ///< by Way
  Login login_ FTPSFS_GUARDED_BY(mutex_) = Login::unproved;
};

}  // namespace ftpsfs::session
