// SPDX-License-Identifier: MIT
//
// FTP replies, and the incremental parser that cuts them out of the control connection's bytes.
// Keeps every line (a STAT reply is a listing) and is bounded: a hostile peer costs at most
// kMaxReplyBytes. Does no I/O. Not thread-safe: one parser belongs to one connection.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::ftp {

/// One reply. The first and the last line are kept without "ddd-" and "ddd "; the lines between
/// them whole, as the server sent them (without CRLF). A one-line reply has one line.
struct Reply {
  int code = 0;
  std::vector<std::string> lines;

  bool is_preliminary() const noexcept { return code / 100 == 1; }
  bool is_completion() const noexcept { return code / 100 == 2; }
  bool is_intermediate() const noexcept { return code / 100 == 3; }
  bool is_transient_negative() const noexcept { return code / 100 == 4; }
  bool is_permanent_negative() const noexcept { return code / 100 == 5; }
  /// 1xx, 2xx or 3xx.
  bool is_positive() const noexcept { return code >= 100 && code < 400; }

  /// Code and lines as one, for people and error texts: "550 No such file". At most some 600 bytes:
  /// long lines lose their middle; control characters are kept (log and Error escape them).
  std::string text() const;

  /// The lines between the first and the last, each ended by LF: a STAT reply's listing. Framing
  /// that a server puts before each line ("213-", or one blank before a line of ls) is taken off.
  std::string body() const;
};

class ReplyParser {
 public:
  static constexpr std::size_t kMaxLineBytes = 64 * 1024;
  /// 20,000 names of 255 bytes make a STAT reply of some 7 MiB. Counts each line's bookkeeping too.
  static constexpr std::size_t kMaxReplyBytes = 64 * 1024 * 1024;
  /// More finished replies than any flight has commands: the peer floods.
  static constexpr std::size_t kMaxQueuedReplies = 4096;

  /// Takes bytes as they come, cut anywhere. Tolerates LF without CR and Telnet commands (IAC).
  /// @errors protocol_error (session broken), for ever after: what is no reply, or over a bound.
  /// Replies that were finished before it stay in the queue.
  /// @source RFC 959 §4.2
  Result<void> feed(std::string_view bytes);

  /// The oldest finished reply.
  std::optional<Reply> next();

  /// True when no byte is buffered and no reply queued: the state that 234 demands before TLS
  /// begins, lest injected bytes be taken for replies.
  bool empty() const noexcept;

 private:
  enum class Telnet : unsigned char { data, command, option };

  Result<void> take_telnet_byte(char byte);
  Result<void> take_text(std::string_view text);
  Result<void> end_line();
  Result<void> begin_reply(std::string_view line);
  Result<void> close_reply();
  Result<void> hold(Reply& reply, std::string_view line);
  Error fail(std::string text);

  Telnet telnet_ = Telnet::data;
  std::string line_;
  std::optional<Reply> open_;   ///< a multi-line reply whose last line has not come
  std::size_t held_bytes_ = 0;  ///< of open_ and queue_
  std::deque<Reply> queue_;
  std::optional<Error> failure_;
};

}  // namespace ftpsfs::ftp
