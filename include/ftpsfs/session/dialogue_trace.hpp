// SPDX-License-Identifier: MIT
//
// A file with the dialogue of all sessions of a mount, a line for each command and each reply:
//
//   2026-03-09T08:15:30.127Z #3 > RETR /orders/17.csv
//   2026-03-09T08:15:30.148Z #3 < 150 Opening BINARY mode data connection (RETR after 20.9 ms)
//   2026-03-09T08:15:30.190Z #3 < 226 Transfer complete. (RETR after 62.7 ms)
//
// Secrets are masked by whoever gives the text (ftp::Command::log_form). Each line is one write to
// a regular file, in the page cache at once; what cannot be written is dropped, and the log says so
// once. Thread-safe, without a lock: the kernel keeps appended writes apart.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::session {

class DialogueTrace {
 public:
  /// Line feed included. Longer texts are cut.
  static constexpr std::size_t kLongestLine = 1024;

  /// Opens `path` for appending; a new file is for its owner alone (0600), and so becomes an old
  /// one of the same owner.
  /// @errors access_denied, io_error: it cannot be opened, or is a symbolic link, another's, linked
  /// from elsewhere, or no regular file: one line for people.
  static Result<std::shared_ptr<DialogueTrace>> open(const std::string& path);

  explicit DialogueTrace(UniqueFd file) : file_(std::move(file)) {}

  /// The command that a reply is for, and the time since it was sent.
  struct Asked {
    std::string_view verb;  ///< empty: not known
    std::chrono::nanoseconds ago{0};
  };

  void note_command(std::uint64_t session, std::string_view log_form) noexcept;
  void note_reply(std::uint64_t session, std::string_view text,
                  const std::optional<Asked>& asked) noexcept;

  /// @param direction '>' to the server, '<' from it.
  static std::string line(WallTime time, std::uint64_t session, char direction,
                          std::string_view text, const std::optional<Asked>& asked);

 private:
  void write(std::uint64_t session, char direction, std::string_view text,
             const std::optional<Asked>& asked) noexcept;

  const UniqueFd file_;
  std::atomic<bool> complained_{false};
};

}  // namespace ftpsfs::session
