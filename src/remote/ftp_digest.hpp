// SPDX-License-Identifier: MIT
//
// Is the content of a file on the server what was sent? Asked by the command that tells its digest,
// of the algorithm that ours was computed by. Private to FtpRemote.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ftpsfs/base/digest.hpp"
#include "ftpsfs/ftp/command.hpp"
#include "ftpsfs/ftp/reply.hpp"
#include "ftpsfs/ftp/server_profile.hpp"
#include "ftpsfs/remote/ftp_remote.hpp"
#include "ftpsfs/remote/remote_path.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::remote {

/// One question, put to one session after the other until it is answered. Its commands may travel
/// with others, and be sent again on another session when their replies are lost.
class ContentCheck {
 public:
  /// `path` must outlive it. @param latest number of the newest session: those that are newer have
  /// seen no other content of this file.
  ContentCheck(const RemotePath& path, Digest wanted, std::uint64_t latest)
      : path_(path), wanted_(std::move(wanted)), latest_(latest) {}

  /// What to send next. @return none when the answer is known.
  std::vector<ftp::Command> next(const session::Session& session);
  /// The replies to what next() gave. @errors link failures: 421.
  Result<void> take(session::Session& session, std::span<const ftp::Reply> replies);
  /// Asks alone. @errors link failures; cancelled.
  Result<void> run(session::Session& session, const Wait& wait);

  /// A server may take its time, the more the larger the file is.
  Wait patience(const Wait& wait) const;

  /// Absent: not known yet. Good, too, where the server does not tell. @errors io_error: other
  /// content.
  const std::optional<Result<void>>& outcome() const { return outcome_; }
  /// Was it answered by a session that may have had the answer in its memory? ProFTPD keeps digests
  /// for each session, by path, length and the second of the last change.
  bool is_doubtful() const { return outcome_ && !*outcome_ && answered_by_ <= latest_; }

  /// Asks a session that begins now.
  Result<void> ask_anew(FtpRemote::Core& core, const Wait& wait);

 private:
  void compare(const session::Session& session, const std::string& theirs);
  void demote(session::Session& session, const std::string& why);

  const RemotePath& path_;
  const Digest wanted_;
  const std::uint64_t latest_;
  std::optional<ftp::DigestCommand> asked_;
  std::uint64_t answered_by_ = 0;
  std::optional<Result<void>> outcome_;
};

/// The algorithm by which the content of a file can be compared; nullopt: by none.
std::optional<DigestAlgorithm> comparable_digest(FtpRemote::Core& core, const RemotePath& path);

/// See Remote::check_content.
Result<void> check_ftp_content(FtpRemote::Core& core, const RemotePath& path, const Digest& digest,
                               const Wait& wait);

}  // namespace ftpsfs::remote
