// SPDX-License-Identifier: MIT
//
// What a mount tells, as text for people.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include "status_fields.hpp"

namespace ftpsfs::app {
namespace {

/// Servers, certificates and users chose the words: a terminal must not obey them.
StatusReport for_terminal(StatusReport report) {
  const auto escape = [](const char* /*name*/, auto& value) {
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(value)>, std::string>) {
      value = log::escaped(value);
    }
  };
  for_each_field(report, escape);
  for (VerbReport& verb : report.verbs) {
    for_each_verb_field(verb, escape);
  }
  for (TransferReport& transfer : report.transfers) {
    for_each_transfer_field(transfer, escape);
  }
  for (FailureReport& failure : report.failures) {
    for_each_failure_field(failure, escape);
  }
  return report;
}

std::string bytes_for_people(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) {
    return fmt::format("{} B", bytes);
  }
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string time_for_people(std::uint64_t microseconds) {
  const double milliseconds = static_cast<double>(microseconds) / 1000;
  return milliseconds < 1000 ? fmt::format("{:.1f} ms", milliseconds)
                             : fmt::format("{:.1f} s", milliseconds / 1000);
}

/// "[#########...........]  45%"; how much is there of a file whose size is not known, nobody
/// knows.
std::string progress_bar(const TransferReport& transfer) {
  constexpr std::uint64_t kWidth = 20;
  if (transfer.size == 0) {
    return std::string(kWidth + 8, ' ');
  }
  const std::uint64_t there = std::min(transfer.begun_at + transfer.bytes, transfer.size);
  const double share = static_cast<double>(there) / static_cast<double>(transfer.size);
  const auto filled = static_cast<std::size_t>(share * kWidth);
  return fmt::format("[{}{}] {:3}% ", std::string(filled, '#'), std::string(kWidth - filled, '.'),
                     static_cast<int>(share * 100));
}

std::string transfers_for_people(const std::vector<TransferReport>& transfers) {
  constexpr std::size_t kShown = 10;
  std::string out;
  for (std::size_t i = 0; i < std::min(kShown, transfers.size()); ++i) {
    const TransferReport& t = transfers[i];
    const std::uint64_t a_second = t.milliseconds == 0 ? 0 : t.bytes * 1000 / t.milliseconds;
    out += fmt::format("  {:<12} {} {} {:>10}/s  {}\n", i == 0 ? "transfers" : "",
                       t.upload ? "up  " : "down", progress_bar(t), bytes_for_people(a_second),
                       t.path);
  }
  if (transfers.size() > kShown) {
    out += fmt::format("  {:<12} and {} more\n", "", transfers.size() - kShown);
  }
  return out;
}

/// The verbs that most of the time was spent on.
std::string verbs_for_people(const std::vector<VerbReport>& verbs) {
  constexpr std::size_t kShown = 6;
  if (verbs.empty()) {
    return {};
  }
  std::string out = fmt::format("  {:<12} {:<12}{:>8}{:>12}{:>12}{:>12}\n", "replies", "to",
                                "count", "mean", "99%", "longest");
  for (std::size_t i = 0; i < std::min(kShown, verbs.size()); ++i) {
    const VerbReport& v = verbs[i];
    out += fmt::format("  {:<12} {:<12}{:>8}{:>12}{:>12}{:>12}\n", "", v.verb, v.count,
                       time_for_people(v.mean_us), time_for_people(v.p99_us),
                       time_for_people(v.max_us));
  }
  return out;
}

std::string duration_for_people(std::uint64_t seconds) {
  if (seconds < 60) {
    return fmt::format("{} s", seconds);
  }
  if (seconds < 3600) {
    return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  }
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string failures_for_people(const std::vector<FailureReport>& failures) {
  std::string out;
  for (const FailureReport& failure : failures) {
    out += fmt::format("  {:<12} {}: {} ({} ago)\n", "failed", failure.path, failure.reason,
                       duration_for_people(failure.seconds_ago));
  }
  return out;
}

}  // namespace

std::string as_text(const StatusReport& report) {
  const StatusReport r = for_terminal(report);
  const std::uint64_t asked = r.cache_hits + r.cache_misses;
  std::string out =
      fmt::format("{} on {}{}\n", r.source, r.mount_point, r.read_only ? " (read only)" : "");
  out += fmt::format("  server       {}\n", r.server);
  out += fmt::format("  login        {}\n", r.username);
  if (!r.client_certificate.empty()) {
    out += fmt::format("  certificate  {}, until {}\n", r.client_certificate,
                       r.client_certificate_ends);
  }
  if (!r.server_certificate_ends.empty()) {
    out += fmt::format("  certificate  the server's, until {}\n", r.server_certificate_ends);
  }
  if (!r.certificate_warning.empty()) {
    out += fmt::format("  WARNING      {}\n", r.certificate_warning);
  }
  if (!r.trouble.empty()) {
    out += fmt::format("  WARNING      {}\n", r.trouble);
  }
  out += fmt::format("  process      {}, up {}, log level {}\n", r.pid,
                     duration_for_people(r.uptime_seconds), r.log_level);
  out += fmt::format("  connections  {} open ({} idle) of {}; {} logins, {} failed, {} replaced\n",
                     r.connections_open, r.connections_idle, r.connections_limit, r.logins,
                     r.failed_logins, r.replaced_connections);
  out += fmt::format("  transferred  {} read, {} written, {} data connections ({} made ahead)\n",
                     bytes_for_people(r.bytes_read), bytes_for_people(r.bytes_written),
                     r.data_connections, r.warm_starts);
  out += fmt::format("  dialogue     {} commands in {} flights, {} fallbacks, {} full handshakes\n",
                     r.commands, r.flights, r.fallbacks, r.full_handshakes);
  out += fmt::format(
      "  link         {} failures, {} operations sent again, {} transfers taken up again\n",
      r.link_failures, r.sent_again, r.taken_up);
  out += fmt::format(
      "  files        {} open, {} with unfinished uploads, {} failed uploads{}{}\n", r.open_files,
      r.unfinished_uploads, r.failed_uploads,
      r.lost_files == 0 ? std::string() : fmt::format(", {} not whole on the server", r.lost_files),
      r.rescued_files == 0 ? std::string()
                           : fmt::format(", {} kept for recovery", r.rescued_files));
  out += failures_for_people(r.failures);
  if (r.writeback) {
    out += fmt::format(
        "  writeback    {} changes wait ({} in the journal), {} refused, {} given up, {} "
        "conflicts\n",
        r.waiting_changes, bytes_for_people(r.journal_bytes), r.refused_changes, r.given_up_changes,
        r.conflicts);
  }
  if (!r.journal_trouble.empty()) {
    out += fmt::format("  WARNING      nothing is uploaded now: {}\n", r.journal_trouble);
  }
  if (!r.idle_journals.empty()) {
    out += fmt::format("  WARNING      {}\n", r.idle_journals);
  }
  out += fmt::format("  cache        {} in {} inodes, {}% of {} lookups answered\n",
                     bytes_for_people(r.cache_bytes), r.inodes,
                     asked == 0 ? 0 : r.cache_hits * 100 / asked, asked);
  out += fmt::format(
      "  ahead        {} directories listed ahead of walks, {} of them visited; {} small files "
      "read, "
      "{} of them opened\n",
      r.listed_ahead, r.listed_ahead_used, r.read_ahead, r.read_ahead_used);
  out += fmt::format("  waiting      {} requests of programs, {} for a connection\n",
                     r.kernel_requests, r.requests_waiting);
  out += transfers_for_people(r.transfers);
  out += verbs_for_people(r.verbs);
  return out;
}

std::string as_text(const EndReport& end) {
  std::string out;
  const auto tell = [&out](std::uint64_t number, std::string_view one, std::string_view several) {
    if (number > 0) {
      out += fmt::format("{}{} {}", out.empty() ? "" : "; ", number, number == 1 ? one : several);
    }
  };
  tell(end.lost_files, "file is not whole on the server", "files are not whole on the server");
  tell(end.waiting, "change waits in the journal for the next mount",
       "changes wait in the journal for the next mount");
  tell(end.refused, "change was refused, and is kept in the journal",
       "changes were refused, and are kept in the journal");
  tell(end.given_up, "change was refused, and given up", "changes were refused, and given up");
  tell(end.conflicts,
       "change met one of others, which stays: ours is NAME.conflict-DATE-TIME, or was not carried "
       "out",
       "changes met those of others, which stay: ours are NAME.conflict-DATE-TIME, or were not "
       "carried out");
  return out;
}

std::string as_text(const UploadsReport& report, bool refused_alone) {
  std::string out;
  std::uint64_t shown = 0;
  for (const OwedReport& one : report.owed) {
    if (refused_alone && one.refusal.empty()) {
      continue;
    }
    ++shown;
    out += fmt::format("{:<9} {:<11} {:>10}  {}{}\n", one.refusal.empty() ? "waiting" : "refused",
                       log::escaped(one.what), bytes_for_people(one.bytes), log::escaped(one.path),
                       one.refusal.empty() ? "" : ": " + log::escaped(one.refusal));
  }
  const std::uint64_t all = report.refused + (refused_alone ? 0 : report.waiting);
  if (all > shown) {
    out += fmt::format("and {} more\n", all - shown);
  }
  return out + (refused_alone
                    ? fmt::format("{} refused\n", report.refused)
                    : fmt::format("{} waiting, {} refused\n", report.waiting, report.refused));
}

std::string as_live_text(const StatusReport& report, const StatusReport* earlier,
                         std::chrono::milliseconds passed) {
  std::string out = as_text(report);
  if (earlier == nullptr || earlier->pid != report.pid || passed.count() <= 0) {
    return out;
  }
  const auto since = [passed](std::uint64_t now, std::uint64_t before) {
    return static_cast<std::uint64_t>(static_cast<double>(now - std::min(now, before)) * 1000 /
                                      static_cast<double>(passed.count()));
  };
  return out + fmt::format("  now          {}/s read, {}/s written, {} commands/s\n",
                           bytes_for_people(since(report.bytes_read, earlier->bytes_read)),
                           bytes_for_people(since(report.bytes_written, earlier->bytes_written)),
                           since(report.commands, earlier->commands));
}

}  // namespace ftpsfs::app
