// SPDX-License-Identifier: MIT
//
// Where a control channel notes what is said on it, for the eyes of people. Values only; what they
// point to is shared by the sessions of a mount and outlives them.
#pragma once

#include <cstdint>

#include "ftpsfs/session/verb_times.hpp"

namespace ftpsfs::session {

struct DialogueNotes {
  VerbTimes* times = nullptr;  ///< none: not measured
};

}  // namespace ftpsfs::session
