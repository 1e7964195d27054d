// SPDX-License-Identifier: MIT
//
// Private to Session: session_data.cpp and session_active.cpp.
#pragma once

#include "ftpsfs/session/session.hpp"

namespace ftpsfs::session {

/// How far a start has come.
struct Session::Start {
  StartedTransfer result;
  bool restarted = false;  ///< REST is answered, or was not sent
  bool begun = false;      ///< the 1xx has come
  bool answered = false;   ///< the verb, for good
};

}  // namespace ftpsfs::session
