// SPDX-License-Identifier: MIT
#include "ftpsfs/app/status_protocol.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "status_fields.hpp"

namespace ftpsfs::app {
namespace {

using nlohmann::json;

std::size_t room_for(const OwedReport& one) {
  constexpr std::size_t kFrame = 100;
  return kFrame + one.path.size() + one.refusal.size();
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

OwedRoom::OwedRoom(UploadsReport& report) : report_(report) {
  constexpr std::size_t kLongestEscape = 6;
  left_ = kLongestReply / kLongestEscape - 1000;
  for (const OwedReport& one : report.owed) {
    left_ -= std::min(left_, room_for(one));
  }
}

bool OwedRoom::add(OwedReport one) {
  const std::size_t needed = room_for(one);
  if (needed > left_) {
    return false;
  }
  left_ -= needed;
  report_.owed.push_back(std::move(one));
  return true;
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

bool is_good(const EndReport& end) {
  return end == EndReport{};
}

}  // namespace ftpsfs::app
