// SPDX-License-Identifier: MIT
//
// What `ftpsfs check` found, step by step, as text and as JSON. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ftpsfs::app {

enum class CheckOutcome : std::uint8_t {
  good,
  failed,
  skipped,  ///< nothing to be said against the server: it was not asked, or need not
};

struct CheckStep {
  std::string name;
  CheckOutcome outcome = CheckOutcome::good;
  std::string detail;                                  ///< the server's words may be inside
  std::optional<std::chrono::microseconds> took = {};  ///< none: nothing was waited for
};

struct CheckReport {
  std::vector<CheckStep> steps;
  std::string fstab_line;          ///< empty: nothing would work
  std::vector<std::string> notes;  ///< what is to be done for that line

  bool is_good() const;
};

/// "✓ TCP             20.3 ms  192.0.2.7:21", with its line end. Control characters are escaped.
std::string as_line(const CheckStep& step);

/// What follows the steps: the line for fstab and what it needs, when there is one.
std::string check_end(const CheckReport& report);

/// One object in one line.
std::string as_json(const CheckReport& report);

}  // namespace ftpsfs::app
