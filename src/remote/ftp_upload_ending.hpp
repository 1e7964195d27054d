// SPDX-License-Identifier: MIT
//
// What follows an upload's 226: its tail is set, and size, time and, where it is compared, the
// content's digest are asked, in one flight. Only what the server refuses to know takes another
// one. Private to FtpRemote.
#pragma once

#include <optional>

#include "ftp_digest.hpp"
#include "ftp_ways.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/session/download.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::remote {

class UploadEnding {
 public:
  /// `path` must outlive it.
  /// @param told what the server has told behind the 226 already
  /// @param latest see ContentCheck
  UploadEnding(const RemotePath& path, const UploadTail& tail,
               const std::optional<session::FileStamp>& told, std::uint64_t latest);

  /// Asks for all that is not known yet: when the link fails, another session goes on.
  /// @errors link failures; cancelled.
  Result<void> run(session::Session& session, const Wait& wait);

  /// Of the content, where it is compared: null where it is not.
  ContentCheck* content() { return content_ ? &*content_ : nullptr; }

  /// @param ran the last run's; its failure is that of what is not known, and of the whole when
  /// the server has told nothing of the file.
  Result<FinishedUpload> outcome(const Result<void>& ran) const;

 private:
  Result<void> fly(session::Session& session, const Wait& wait, bool& over);

  const RemotePath& path_;
  const std::optional<std::int64_t> wanted_mtime_;
  std::optional<Ways> mtime_;
  std::optional<Ways> mode_;
  std::optional<ContentCheck> content_;
  std::optional<session::FileStamp> stamp_;
  // Settled.
  std::optional<Result<void>> mtime_set_;
  std::optional<Result<void>> mode_set_;
};

}  // namespace ftpsfs::remote
