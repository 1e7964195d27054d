// SPDX-License-Identifier: MIT
//
// What the messages of a thread are about, besides the request (LogScope): the path that is worked
// on, and the session that is spoken with. log::write() puts them in front of every message that
// does not name them itself. All of it belongs to one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ftpsfs::log {

/// While alive, messages of this thread are about a path on the server. The innermost one counts.
/// No session has been spoken with about it yet.
class PathScope {
 public:
  /// @param path must outlive the scope; empty: none.
  explicit PathScope(std::string_view path) noexcept;
  explicit PathScope(std::string&& path) = delete;
  ~PathScope();
  PathScope(const PathScope&) = delete;
  PathScope& operator=(const PathScope&) = delete;

 private:
  std::string_view previous_;
};

/// This thread has just spoken with the session of this number. Its messages bear it until another
/// session is spoken with, or another request or path begins; those of a thread that serves neither
/// do not.
void note_session(std::uint64_t number) noexcept;

/// The request that this thread serves, for a thread that goes on with it; 0: none.
std::uint64_t current_request() noexcept;

}  // namespace ftpsfs::log
