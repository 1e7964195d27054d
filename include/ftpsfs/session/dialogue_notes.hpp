// SPDX-License-Identifier: MIT
//
// Where a control channel notes what is said on it, for the eyes of people. Values only; what they
// point to is shared by the sessions of a mount and outlives them.
#pragma once

#include <cstdint>

#include "ftpsfs/session/dialogue_trace.hpp"
#include "ftpsfs/session/verb_times.hpp"

namespace ftpsfs::session {

struct DialogueNotes {
  VerbTimes* times = nullptr;      ///< none: not measured
  DialogueTrace* trace = nullptr;  ///< none: only the log has it
  std::uint64_t session = 0;       ///< the session's number in trace and log
};

}  // namespace ftpsfs::session
