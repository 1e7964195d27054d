// SPDX-License-Identifier: MIT
//
// Bytes to the server: one STOR or APPE. Its end is close_notify, half-close, the server's own end
// (closing with its TLS tickets unread would send RST, and the server drops the tail of the file),
// and then the verdict, which proves little: the caller compares the size.
// Not thread-safe; lives inside the lease of its session.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ftpsfs/session/download.hpp"
#include "ftpsfs/session/session.hpp"

namespace ftpsfs::session {

class Upload {
 public:
  /// @errors the refusal of the verb, classified (refused: a bare 550); link failures.
  static Result<std::unique_ptr<Upload>> open(Session& session, const std::string& path,
                                              bool append, const Wait& wait);
  /// Resets what was not finished.
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  /// @errors any is final: no_space and the like when the server said why; link failures.
  Result<void> write(std::span<const std::byte> data, const Wait& wait);

  /// @errors the server's negative verdict, classified; link failures: the outcome is unknown.
  Result<void> finish(const Wait& wait);

  /// Size and time behind the verdict, where the server was asked along with the verb and told the
  /// size. Absent: still to be asked.
  const std::optional<FileStamp>& stamp() const noexcept { return stamp_; }

 private:
  Upload(Session& session, bool append) : session_(session), append_(append) {}
  const char* verb() const noexcept { return append_ ? "APPE" : "STOR"; }
  Error fail(Error error);
  void take_stamp(const Wait& wait);

  Session& session_;
  const bool append_;
  std::unique_ptr<net::ByteStream> data_;
  TransferBoard::Entry shown_;
  std::vector<ftp::Command> asked_;  ///< what will be answered behind the verdict
  std::optional<FileStamp> stamp_;
  std::optional<Error> failure_;
};

}  // namespace ftpsfs::session
