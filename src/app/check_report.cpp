// SPDX-License-Identifier: MIT
#include "ftpsfs/app/check_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::app {
namespace {

const char* mark(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::good:
      return "✓";
    case CheckOutcome::failed:
      return "✗";
    case CheckOutcome::skipped:
      return "–";
  }
  return "?";
}

const char* word(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::good:
      return "good";
    case CheckOutcome::failed:
      return "failed";
    case CheckOutcome::skipped:
      return "skipped";
  }
  return "";
}

std::string time_column(const CheckStep& step) {
  if (!step.took) {
    return {};
  }
  const double milliseconds = static_cast<double>(step.took->count()) / 1000;
  return milliseconds < 1000 ? fmt::format("{:.1f} ms", milliseconds)
                             : fmt::format("{:.1f} s", milliseconds / 1000);
}

}  // namespace

bool CheckReport::is_good() const {
  return std::none_of(steps.begin(), steps.end(),
                      [](const CheckStep& step) { return step.outcome == CheckOutcome::failed; });
}

std::string as_line(const CheckStep& step) {
  return fmt::format("{} {:<16}{:>9}  {}\n", mark(step.outcome), step.name, time_column(step),
                     log::escaped(step.detail));
}

std::string check_end(const CheckReport& report) {
  if (report.fstab_line.empty()) {
    return {};
  }
  std::string out = "\nThis line of /etc/fstab mounts it:\n" + report.fstab_line + "\n";
  for (const std::string& note : report.notes) {
    out += "# " + note + "\n";
  }
  return out;
}

std::string as_json(const CheckReport& report) {
  using nlohmann::json;
  json out = {{"v", 1}, {"good", report.is_good()}, {"steps", json::array()}};
  for (const CheckStep& step : report.steps) {
    json& one = out["steps"].emplace_back(json::object());
    one["name"] = step.name;
    one["outcome"] = word(step.outcome);
    one["detail"] = step.detail;
    if (step.took) {
      one["took_us"] = step.took->count();
    }
  }
  if (!report.fstab_line.empty()) {
    out["fstab"] = report.fstab_line;
    out["notes"] = report.notes;
  }
  // A server's words need not be UTF-8, JSON must be.
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace ftpsfs::app
