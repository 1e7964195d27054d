// SPDX-License-Identifier: MIT
//
// Goes the way of a mount step by step, telling each one as it is done, and stops at the first that
// the rest cannot do without: one connection whose parts are told (name, TCP, TLS, login, what the
// server says of itself, a data connection), then files in the way that a mount uses them.
#pragma once

#include <functional>

#include "ftpsfs/app/check_report.hpp"
#include "ftpsfs/app/mount_plan.hpp"

namespace ftpsfs::app {

using CheckSink = std::function<void(const CheckStep&)>;

struct ServerCheckResult {
  std::vector<CheckStep> steps;
  bool one_connection = false;  ///< the server takes no second one: a mount needs max_conns=1
};

/// @param plan without a mount point; its credentials and identity are gathered.
/// @param writes also makes a file beside those that are there, and removes it.
ServerCheckResult check_server(const MountPlan& plan, bool writes, const CheckSink& tell);

}  // namespace ftpsfs::app
