// SPDX-License-Identifier: MIT
//
// The ways to change an attribute, in the order of preference. Where a server lacks a verb (500,
// 502, 504) the next way is tried, and remembered. Private to FtpRemote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/ftp/command.hpp"
#include "ftpsfs/ftp/reply.hpp"
#include "ftpsfs/remote/remote_path.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::remote {

/// A capability, and the command that uses it.
struct Way {
  session::ServerKnowledge::Capability capability;
  std::string verb;
  std::string argument;
};

/// One change, tried in turn until the server knows a way. Its commands may travel with others, and
/// be sent again on another session when their replies are lost.
class Ways {
 public:
  explicit Ways(std::vector<Way> ways) : ways_(std::move(ways)) {}

  /// What to send next. @return nullopt when the outcome is known.
  std::optional<ftp::Command> next(const session::Session& session);
  /// The reply to what next() gave.
  void take(session::Session& session, const ftp::Reply& reply);
  /// @pre next() gave nullopt. @errors the refusal for the file's sake, classified; unsupported: no
  /// way is left; name_too_long.
  const Result<void>& outcome() const { return *outcome_; }

 private:
  const std::vector<Way> ways_;
  std::size_t at_ = 0;
  std::optional<Result<void>> outcome_;
};

Ways ways_to_set_mode(const RemotePath& path, std::uint16_t mode);
Ways ways_to_set_mtime(const RemotePath& path, std::int64_t unix_seconds);

/// What the outcome of those ways means, told by what is there when it is a refusal.
Result<void> settle_set_mode(session::Session& session, const RemotePath& path, Result<void> set,
                             const Wait& wait);
Result<void> settle_set_mtime(session::Session& session, const RemotePath& path, Result<void> set,
                              const Wait& wait);

}  // namespace ftpsfs::remote
