// SPDX-License-Identifier: MIT
#include "ftpsfs/app/status_protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

namespace ftpsfs::app {
namespace {

using nlohmann::json;

/// The fields of a report, once for both directions.
template <typename Report, typename Visitor>
void for_each_field(Report& report, Visitor visit) {
  visit("pid", report.pid);
  visit("mount_point", report.mount_point);
  visit("source", report.source);
  visit("username", report.username);
  visit("server", report.server);
  visit("client_certificate", report.client_certificate);
  visit("client_certificate_ends", report.client_certificate_ends);
  visit("server_certificate_ends", report.server_certificate_ends);
  visit("certificate_warning", report.certificate_warning);
  visit("log_level", report.log_level);
  visit("read_only", report.read_only);
  visit("uptime_seconds", report.uptime_seconds);
  visit("connections_limit", report.connections_limit);
  visit("connections_open", report.connections_open);
  visit("connections_idle", report.connections_idle);
  visit("requests_waiting", report.requests_waiting);
  visit("logins", report.logins);
  visit("failed_logins", report.failed_logins);
  visit("replaced_connections", report.replaced_connections);
  visit("streams_moved", report.streams_moved);
  visit("data_connections", report.data_connections);
  visit("warm_starts", report.warm_starts);
  visit("full_handshakes", report.full_handshakes);
  visit("fallbacks", report.fallbacks);
  visit("link_failures", report.link_failures);
  visit("sent_again", report.sent_again);
  visit("taken_up", report.taken_up);
  visit("commands", report.commands);
  visit("flights", report.flights);
  visit("bytes_read", report.bytes_read);
  visit("bytes_written", report.bytes_written);
  visit("inodes", report.inodes);
  visit("open_files", report.open_files);
  visit("unfinished_uploads", report.unfinished_uploads);
  visit("failed_uploads", report.failed_uploads);
  visit("lost_files", report.lost_files);
  visit("rescued_files", report.rescued_files);
  visit("writeback", report.writeback);
  visit("waiting_changes", report.waiting_changes);
  visit("refused_changes", report.refused_changes);
  visit("given_up_changes", report.given_up_changes);
  visit("conflicts", report.conflicts);
  visit("journal_bytes", report.journal_bytes);
  visit("journal_trouble", report.journal_trouble);
  visit("idle_journals", report.idle_journals);
  visit("cache_bytes", report.cache_bytes);
  visit("cache_hits", report.cache_hits);
  visit("listed_ahead", report.listed_ahead);
  visit("listed_ahead_used", report.listed_ahead_used);
  visit("read_ahead", report.read_ahead);
  visit("read_ahead_used", report.read_ahead_used);
  visit("cache_misses", report.cache_misses);
  visit("kernel_requests", report.kernel_requests);
  visit("worker_threads", report.worker_threads);
  visit("trouble", report.trouble);
}

template <typename Report, typename Visitor>
void for_each_transfer_field(Report& report, Visitor visit) {
  visit("path", report.path);
  visit("upload", report.upload);
  visit("begun_at", report.begun_at);
  visit("bytes", report.bytes);
  visit("size", report.size);
  visit("milliseconds", report.milliseconds);
}

template <typename Report, typename Visitor>
void for_each_failure_field(Report& report, Visitor visit) {
  visit("path", report.path);
  visit("reason", report.reason);
  visit("seconds_ago", report.seconds_ago);
}

template <typename Report, typename Visitor>
void for_each_owed_field(Report& report, Visitor visit) {
  visit("what", report.what);
  visit("path", report.path);
  visit("bytes", report.bytes);
  visit("accepted", report.accepted);
  visit("refusal", report.refusal);
}

template <typename Report, typename Visitor>
void for_each_uploads_field(Report& report, Visitor visit) {
  visit("waiting", report.waiting);
  visit("refused", report.refused);
  visit("done", report.done);
}

template <typename Report, typename Visitor>
void for_each_verb_field(Report& report, Visitor visit) {
  visit("verb", report.verb);
  visit("count", report.count);
  visit("mean_us", report.mean_us);
  visit("p50_us", report.p50_us);
  visit("p99_us", report.p99_us);
  visit("max_us", report.max_us);
}

/// Names on the server need not be UTF-8, JSON must be: such bytes become U+FFFD.
std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json report_to_json(const StatusReport& report) {
  json out = json::object();
  for_each_field(report, [&out](const char* name, const auto& value) { out[name] = value; });
  json& verbs = out["verbs"] = json::array();
  for (const VerbReport& verb : report.verbs) {
    json& one = verbs.emplace_back(json::object());
    for_each_verb_field(verb, [&one](const char* name, const auto& value) { one[name] = value; });
  }
  json& transfers = out["transfers"] = json::array();
  for (const TransferReport& transfer : report.transfers) {
    json& one = transfers.emplace_back(json::object());
    for_each_transfer_field(transfer,
                            [&one](const char* name, const auto& value) { one[name] = value; });
  }
  json& failures = out["failures"] = json::array();
  for (const FailureReport& failure : report.failures) {
    json& one = failures.emplace_back(json::object());
    for_each_failure_field(failure,
                           [&one](const char* name, const auto& value) { one[name] = value; });
  }
  return out;
}

/// Fields of another type than ours stay at their default: a newer mount may say more.
template <typename Field>
void read_field(const json& in, const char* name, Field& value) {
  const auto found = in.find(name);
  if (found == in.end()) {
    return;
  }
  if constexpr (std::is_same_v<Field, std::string>) {
    value = found->is_string() ? found->template get<std::string>() : std::string();
  } else if constexpr (std::is_same_v<Field, bool>) {
    value = found->is_boolean() && found->template get<bool>();
  } else {
    value = found->is_number_unsigned() ? static_cast<Field>(found->template get<std::uint64_t>())
                                        : Field{};
  }
}

/// The objects of an array; none when it is missing, or something else.
std::vector<json> objects_in(const json& in, const char* name) {
  std::vector<json> objects;
  const auto found = in.find(name);
  if (found != in.end() && found->is_array()) {
    std::copy_if(found->begin(), found->end(), std::back_inserter(objects),
                 [](const json& one) { return one.is_object(); });
  }
  return objects;
}

StatusReport report_from_json(const json& in) {
  StatusReport report;
  for_each_field(report, [&in](const char* name, auto& value) { read_field(in, name, value); });
  for (const json& one : objects_in(in, "verbs")) {
    for_each_verb_field(report.verbs.emplace_back(),
                        [&one](const char* name, auto& value) { read_field(one, name, value); });
  }
  for (const json& one : objects_in(in, "transfers")) {
    for_each_transfer_field(report.transfers.emplace_back(), [&one](const char* name, auto& value) {
      read_field(one, name, value);
    });
  }
  for (const json& one : objects_in(in, "failures")) {
    for_each_failure_field(report.failures.emplace_back(),
                           [&one](const char* name, auto& value) { read_field(one, name, value); });
  }
  return report;
}

json uploads_to_json(const UploadsReport& report) {
  json out = json::object();
  for_each_uploads_field(report,
                         [&out](const char* name, const auto& value) { out[name] = value; });
  json& owed = out["owed"] = json::array();
  for (const OwedReport& one : report.owed) {
    json& object = owed.emplace_back(json::object());
    for_each_owed_field(one,
                        [&object](const char* name, const auto& value) { object[name] = value; });
  }
  return out;
}

UploadsReport uploads_from_json(const json& in) {
  UploadsReport report;
  for_each_uploads_field(report,
                         [&in](const char* name, auto& value) { read_field(in, name, value); });
  for (const json& one : objects_in(in, "owed")) {
    for_each_owed_field(report.owed.emplace_back(),
                        [&one](const char* name, auto& value) { read_field(one, name, value); });
  }
  return report;
}

/// Parses one object of our version.
Result<json> parse_object(std::string_view line) {
  json value = json::parse(line.begin(), line.end(), nullptr, false);
  if (!value.is_object()) {
    return make_error(Errc::invalid_argument, "not a JSON object");
  }
  const auto version = value.find("v");
  if (version == value.end() || !version->is_number_unsigned()) {
    return make_error(Errc::invalid_argument, "no version \"v\"");
  }
  if (version->get<std::uint64_t>() != kProtocolVersion) {
    return make_error(Errc::unsupported, "another version of ftpsfs serves this mount");
  }
  return value;
}

std::string text_member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const char* verb_name(ControlVerb verb) {
  switch (verb) {
    case ControlVerb::status:
      return "status";
    case ControlVerb::refresh:
      return "refresh";
    case ControlVerb::reload:
      return "reload";
    case ControlVerb::log_level:
      return "log-level";
    case ControlVerb::await_end:
      return "await-end";
    case ControlVerb::uploads:
      return "uploads";
    case ControlVerb::retry_uploads:
      return "retry-uploads";
    case ControlVerb::export_uploads:
      return "export-uploads";
    case ControlVerb::discard_uploads:
      return "discard-uploads";
  }
  return "";
}

/// A number that cannot be read is no zero: it would say that all is well.
Result<EndReport> end_from_json(const json& in) {
  const auto lost = in.is_object() ? in.find("lost_files") : in.end();
  if (lost == in.end() || !lost->is_number_unsigned()) {
    return make_error(Errc::invalid_argument, "an end without the number of lost files");
  }
  EndReport end{lost->get<std::uint64_t>()};
  for (const auto& [name, value] :
       {std::pair("waiting", &end.waiting), std::pair("refused", &end.refused),
        std::pair("given_up", &end.given_up), std::pair("conflicts", &end.conflicts)}) {
    const auto found = in.find(name);  // older ones do not tell: they have no journal
    if (found != in.end() && !found->is_number_unsigned()) {
      return make_error(Errc::invalid_argument, "an end with numbers that are none");
    }
    *value = found != in.end() ? found->get<std::uint64_t>() : 0;
  }
  return end;
}

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

std::string level_name(log::Level level) {
  switch (level) {
    case log::Level::trace:
      return "trace";
    case log::Level::debug:
      return "debug";
    case log::Level::info:
      return "info";
    case log::Level::warning:
      return "warning";
    case log::Level::error:
      return "error";
    case log::Level::off:
      return "off";
  }
  return "off";
}

std::string encode(const ControlRequest& request) {
  json out = {{"v", kProtocolVersion}, {"request", verb_name(request.verb)}};
  if (request.verb == ControlVerb::log_level) {
    out["level"] = level_name(request.level);
  }
  if (!request.path.empty()) {
    out["path"] = request.path;
  }
  return dumped(out) + "\n";
}

std::string encode(const ControlReply& reply) {
  json out = {{"v", kProtocolVersion}, {"ok", !reply.error}};
  if (reply.error) {
    out["error"] = *reply.error;
  }
  if (reply.status) {
    out["status"] = report_to_json(*reply.status);
  }
  if (reply.end) {
    out["end"] = {{"lost_files", reply.end->lost_files},
                  {"waiting", reply.end->waiting},
                  {"refused", reply.end->refused},
                  {"given_up", reply.end->given_up},
                  {"conflicts", reply.end->conflicts}};
  }
  if (reply.uploads) {
    out["uploads"] = uploads_to_json(*reply.uploads);
  }
  return dumped(out) + "\n";
}

Result<ControlRequest> decode_request(std::string_view line) {
  FTPSFS_TRY_ASSIGN(const json object, parse_object(line));
  const std::string verb = text_member(object, "request");
  if (verb == verb_name(ControlVerb::status)) {
    return ControlRequest{ControlVerb::status, {}};
  }
  if (verb == verb_name(ControlVerb::refresh)) {
    return ControlRequest{ControlVerb::refresh, {}, text_member(object, "path")};
  }
  if (verb == verb_name(ControlVerb::reload)) {
    return ControlRequest{ControlVerb::reload, {}};
  }
  if (verb == verb_name(ControlVerb::await_end)) {
    return ControlRequest{ControlVerb::await_end, {}};
  }
  for (const ControlVerb one : {ControlVerb::uploads, ControlVerb::retry_uploads,
                                ControlVerb::export_uploads, ControlVerb::discard_uploads}) {
    if (verb == verb_name(one)) {
      return ControlRequest{one, {}, text_member(object, "path")};
    }
  }
  if (verb == verb_name(ControlVerb::log_level)) {
    const auto level = log::parse_level(text_member(object, "level"));
    if (!level) {
      return make_error(Errc::invalid_argument,
                        "level must be trace, debug, info, warning, error or off");
    }
    return ControlRequest{ControlVerb::log_level, *level};
  }
  return make_error(Errc::invalid_argument, "unknown request");
}

Result<ControlReply> decode_reply(std::string_view line) {
  FTPSFS_TRY_ASSIGN(const json object, parse_object(line));
  const auto ok = object.find("ok");
  if (ok == object.end() || !ok->is_boolean()) {
    return make_error(Errc::invalid_argument, "no \"ok\"");
  }
  ControlReply reply;
  if (!ok->get<bool>()) {
    reply.error = text_member(object, "error");
    return reply;
  }
  const auto status = object.find("status");
  if (status != object.end() && status->is_object()) {
    reply.status = report_from_json(*status);
  }
  const auto uploads = object.find("uploads");
  if (uploads != object.end() && uploads->is_object()) {
    reply.uploads = uploads_from_json(*uploads);
  }
  const auto end = object.find("end");
  if (end != object.end()) {
    FTPSFS_TRY_ASSIGN(reply.end, end_from_json(*end));
  }
  return reply;
}

std::string as_json(const StatusReport& report) {
  return dumped(report_to_json(report));
}

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

bool is_good(const EndReport& end) {
  return end == EndReport{};
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
  std::uint64_t left = report.refused + (refused_alone ? 0 : report.waiting);
  for (const OwedReport& one : report.owed) {
    if (refused_alone && one.refusal.empty()) {
      continue;
    }
    --left;
    out += fmt::format("{:<9} {:<11} {:>10}  {}{}\n", one.refusal.empty() ? "waiting" : "refused",
                       log::escaped(one.what), bytes_for_people(one.bytes), log::escaped(one.path),
                       one.refusal.empty() ? "" : ": " + log::escaped(one.refusal));
  }
  if (left > 0) {
    out += fmt::format("and {} more\n", left);
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
