// SPDX-License-Identifier: MIT
#include "ftpsfs/session/certificate_watch.hpp"

#include <fmt/core.h>

#include <ctime>

namespace ftpsfs::session {
namespace {

constexpr auto kDay = std::chrono::hours(24);

}  // namespace

std::string day_and_time(SystemTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  constexpr int kTmYear0 = 1900;
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", parts.tm_year + kTmYear0,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min);
}

CertificateWatch::Nearness CertificateWatch::nearness(SystemTime ends, SystemTime now) {
  if (ends <= now) {
    return Nearness::over;
  }
  if (ends - now <= 7 * kDay) {
    return Nearness::within_7_days;
  }
  return ends - now <= 30 * kDay ? Nearness::within_30_days : Nearness::far;
}

std::string CertificateWatch::words(Whose whose, const CertificateEnd& seen, SystemTime now) {
  const bool ours = whose == Whose::client;
  const std::string when = seen.ends <= now
                               ? std::string("ended")
                               : fmt::format("ends in {} days,", (seen.ends - now) / kDay);
  return fmt::format("the {} certificate {} {} on {}: {}", ours ? "client's" : "server's",
                     seen.subject, when, day_and_time(seen.ends),
                     ours ? "put a new one in its place, and ftpsfs reload MOUNTPOINT"
                          : "tell whoever runs the server");
}

std::optional<std::string> CertificateWatch::note(Whose whose, const CertificateEnd& seen,
                                                  SystemTime now) {
  const MutexLock lock(mutex_);
  Watched& watched = whose == Whose::client ? client_ : server_;
  if (!watched.seen || watched.seen->ends != seen.ends || watched.seen->subject != seen.subject) {
    watched = Watched{seen, Nearness::far};
  }
  const Nearness near = nearness(seen.ends, now);
  if (near <= watched.warned) {
    return std::nullopt;
  }
  watched.warned = near;
  return words(whose, seen, now);
}

std::optional<CertificateEnd> CertificateWatch::seen(Whose whose) const {
  const MutexLock lock(mutex_);
  return of(whose).seen;
}

std::vector<std::string> CertificateWatch::warnings(SystemTime now) const {
  const MutexLock lock(mutex_);
  std::vector<std::string> lines;
  for (const Whose whose : {Whose::client, Whose::server}) {
    const auto& seen = of(whose).seen;
    if (seen && nearness(seen->ends, now) != Nearness::far) {
      lines.push_back(words(whose, *seen, now));
    }
  }
  return lines;
}

}  // namespace ftpsfs::session
