// SPDX-License-Identifier: MIT
//
// The life of one mount in its own process: connect, log in, check the remote path, mount, serve,
// finish the uploads, say goodbye. Signals and the control socket act on it from their threads.
#pragma once

#include <functional>

#include "ftpsfs/app/background.hpp"
#include "ftpsfs/app/exit_code.hpp"
#include "ftpsfs/app/mount_plan.hpp"

namespace ftpsfs::app {

/// Called once: with success just before the first request is served, or with the failure.
/// @return false: nobody wants the mount any more.
using Announce = std::function<bool(const Verdict&)>;

/// Returns when the mount has ended. Takes the secrets out of `plan`: what a reload replaces must
/// not stay in memory. @pre one thread; SignalThread::block_signals() was called.
ExitCode run_mount(MountPlan& plan, const Announce& announce);

}  // namespace ftpsfs::app
