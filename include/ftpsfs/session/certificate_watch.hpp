// SPDX-License-Identifier: MIT
//
// When the client's and the server's certificates end, and who is warned of it in time: 30 days and
// 7 days before, and when it is too late; once each for one certificate. Logins feed it, which a
// mount makes every few days at the latest. Thread-safe; the mutex is a leaf.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::session {

using SystemTime = std::chrono::system_clock::time_point;

struct CertificateEnd {
  std::string subject;  ///< "CN = ftp.example.com"
  SystemTime ends{};
};

class CertificateWatch {
 public:
  enum class Whose : std::uint8_t { client, server };

  /// What a login showed. @return a line for the log when it is time for one.
  std::optional<std::string> note(Whose whose, const CertificateEnd& seen, SystemTime now);

  /// What was seen last.
  std::optional<CertificateEnd> seen(Whose whose) const;

  /// A line for each certificate that ends within 30 days, for status.
  std::vector<std::string> warnings(SystemTime now) const;

 private:
  /// How near an end is: warnings are given as it grows.
  enum class Nearness : std::uint8_t { far, within_30_days, within_7_days, over };
  struct Watched {
    std::optional<CertificateEnd> seen;
    Nearness warned = Nearness::far;
  };

  static Nearness nearness(SystemTime ends, SystemTime now);
  static std::string words(Whose whose, const CertificateEnd& seen, SystemTime now);
  const Watched& of(Whose whose) const FTPSFS_REQUIRES(mutex_) {
    return whose == Whose::client ? client_ : server_;
  }

  mutable Mutex mutex_;
  Watched client_ FTPSFS_GUARDED_BY(mutex_);
  Watched server_ FTPSFS_GUARDED_BY(mutex_);
};

/// "2027-01-31 12:00 UTC".
std::string day_and_time(SystemTime time);

}  // namespace ftpsfs::session
