// SPDX-License-Identifier: MIT
//
// What follows an upload's 226: its tail is set, and size and time are asked, in one flight, or
// along with the verb. Only what the server refuses to know takes another one. Private to
// FtpRemote.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ftp_ways.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/session/download.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::remote {

class UploadEnding {
 public:
  /// `path` must outlive it.
  /// @param told what the server has told behind the upload's end already
  UploadEnding(const RemotePath& path, const UploadTail& tail,
               const std::optional<session::FileStamp>& told = {});

  /// What is still to be sent. @return none when all is known.
  std::vector<ftp::Command> next(const session::Session& session);
  /// The replies to what next() gave, had it travelled along with the upload's verb. In that place
  /// a refusal says nothing of a command: what was refused is sent again.
  void take_led(session::Session& session, std::span<const ftp::Reply> replies);
  const std::optional<session::FileStamp>& stamp() const { return stamp_; }

  /// Asks for all that is not known yet: when the link fails, another session goes on.
  /// @errors link failures; cancelled.
  Result<void> run(session::Session& session, const Wait& wait);

  /// @param ran the last run's; its failure is that of what is not known, and of the whole when
  /// the server has told nothing of the file.
  Result<FinishedUpload> outcome(const Result<void>& ran) const;

 private:
  /// What next() gave, in this order.
  struct Flight {
    bool time = false;
    std::vector<ftp::Command> questions{};
    bool mode = false;
  };

  void take(session::Session& session, std::span<const ftp::Reply> replies);

  const RemotePath& path_;
  const std::optional<std::int64_t> wanted_mtime_;
  std::optional<Ways> mtime_;
  std::optional<Ways> mode_;
  std::optional<session::FileStamp> stamp_;
  Flight flight_;
  // Settled.
  std::optional<Result<void>> mtime_set_;
  std::optional<Result<void>> mode_set_;
};

}  // namespace ftpsfs::remote
