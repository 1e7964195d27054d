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
  /// @param behind travels along with the verb where the server bears it, and is carried out behind
  /// the end of the transfer, whatever that is: see answers().
  /// @errors the refusal of the verb, classified (refused: a bare 550); link failures.
  static Result<std::unique_ptr<Upload>> open(Session& session, const std::string& path,
                                              bool append, const Wait& wait,
                                              std::vector<ftp::Command> behind = {});
  /// Resets what was not finished.
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  /// @errors any is final: no_space and the like when the server said why; link failures.
  Result<void> write(std::span<const std::byte> data, const Wait& wait);

  /// @errors the server's negative verdict, classified; link failures: the outcome is unknown.
  Result<void> finish(const Wait& wait);

  /// To what was sent along with the verb, one for each; known when finish() has succeeded. Absent:
  /// it did not travel, or the link has died.
  const std::optional<std::vector<ftp::Reply>>& answers() const noexcept { return answers_; }

 private:
  Upload(Session& session, bool append) : session_(session), append_(append) {}
  const char* verb() const noexcept { return append_ ? "APPE" : "STOR"; }
  Error fail(Error error);

  Session& session_;
  const bool append_;
  std::unique_ptr<net::ByteStream> data_;
  TransferBoard::Entry shown_;
  std::size_t owed_ = 0;  ///< answers behind the verdict
  std::optional<std::vector<ftp::Reply>> answers_;
  std::optional<Error> failure_;
};

}  // namespace ftpsfs::session
