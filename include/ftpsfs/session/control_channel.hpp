// SPDX-License-Identifier: MIT
//
// The control connection: commands out, replies in, and the list of replies that the server still
// owes. That list is what keeps a stale reply from ever answering a later command: after a
// cancelled dialogue the owed replies are read (settle) or the channel is thrown away; and a reply
// that its command cannot have had breaks the channel (reply_sense.hpp). Knows nothing of logins or
// transfers.
// Not thread-safe: whoever holds the session's lease uses it.
// Invariants: whole commands only, in records of at most kMaxRecordBytes; a server that is not
// known to take more has one record in flight; once broken() the channel answers every call with
// the same error.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/ftp/command.hpp"
#include "ftpsfs/ftp/name_charset.hpp"
#include "ftpsfs/ftp/reply.hpp"
#include "ftpsfs/ftp/reply_sense.hpp"
#include "ftpsfs/net/stream.hpp"
#include "ftpsfs/session/dialogue_notes.hpp"

namespace ftpsfs::session {

class ControlChannel {
 public:
  /// ProFTPD and Pure-FTPd hang on TLS records of 8,000 bytes; 2,000 is right everywhere.
  static constexpr std::size_t kMaxRecordBytes = 2000;
  /// Replies owed at most while several records fly: bounds what a server must hold for us.
  static constexpr std::size_t kMaxOwed = 400;

  explicit ControlChannel(std::unique_ptr<net::ByteStream> stream, DialogueNotes notes = {});
  /// Where answers are owed, what has not arrived yet never will: whoever gave up waiting may have
  /// sent the same over another connection, and a late STOR would empty the file.
  ~ControlChannel();
  ControlChannel(const ControlChannel&) = delete;
  ControlChannel& operator=(const ControlChannel&) = delete;

  /// The stream below, e.g. for the peer's address. Absent only after release_stream().
  net::ByteStream& stream() const { return *stream_; }
  /// Gives the stream away for TLS to be laid over it.
  /// @errors protocol_error (broken): bytes came behind the reply to AUTH. They would be taken for
  /// replies under TLS although anyone on the way may have put them there.
  Result<std::unique_ptr<net::ByteStream>> release_stream();
  void adopt_stream(std::unique_ptr<net::ByteStream> stream);

  /// As log and trace call it.
  std::uint64_t session_number() const noexcept { return notes_.session; }

  /// Several records may fly at once from now on.
  void allow_pipelining(bool allowed) { pipelining_ = allowed; }
  /// One command at a time, for servers that lose count otherwise.
  void send_singly(bool singly) { singly_ = singly; }

  /// Names are in this character set on the wire, in commands and in replies.
  void use_charset(ftp::NameCharset charset) { charset_ = std::move(charset); }
  /// What came over a data connection of this session, in UTF-8.
  std::string to_utf8(std::string text) const {
    return charset_ ? charset_->to_utf8(text) : std::move(text);
  }

  /// Bytes of these commands on the wire. @errors invalid_argument: a name that the character set
  /// lacks; name_too_long: a line in that set.
  Result<std::size_t> wire_size(std::span<const ftp::Command> commands) const;

  /// The greeting: the one reply that no command asks for.
  Result<ftp::Reply> read_greeting(const Wait& wait);
  /// Sends a command that need not wait for the greeting: AUTH.
  Result<void> send_ahead_of_greeting(const ftp::Command& command, const Wait& wait);

  /// Sends all and returns the final reply of each; preliminary ones are skipped. Positive and
  /// negative replies are both values here, save 421.
  /// @errors closed (421, end of file, reset), protocol_error, tls_failed, timed_out: broken.
  /// cancelled: usable while only replies are awaited (they stay owed), broken in mid-write.
  /// @param earlier takes the replies to what was sent before by send(), which come first; without
  /// it they are forgotten.
  Result<std::vector<ftp::Reply>> exchange(std::span<const ftp::Command> commands, const Wait& wait,
                                           std::vector<ftp::Reply>* earlier = nullptr);
  Result<ftp::Reply> exchange(const ftp::Command& command, const Wait& wait);
  /// The same, but hands each final reply on as it comes, in the order of the commands.
  Result<void> exchange_each(std::span<const ftp::Command> commands, const Wait& wait,
                             const std::function<void(ftp::Reply)>& take,
                             std::vector<ftp::Reply>* earlier = nullptr);

  /// For transfers: sends without waiting for replies. @pre the commands fit in one record.
  /// @errors those of wire_size() before anything is sent; else as exchange.
  Result<void> send(std::span<const ftp::Command> commands, const Wait& wait);
  /// The next reply of the oldest command in flight; a preliminary one leaves it owed.
  /// @errors as exchange.
  Result<ftp::Reply> receive(const Wait& wait);
  /// The same, but nullopt when none has come after `patience`.
  Result<std::optional<ftp::Reply>> receive_within(Duration patience, const Wait& wait);
  /// The same, without waiting: nullopt when none has come.
  Result<std::optional<ftp::Reply>> try_receive();

  /// How many final replies the server owes.
  std::size_t owed() const noexcept { return owed_.size(); }

  /// Reads and forgets what is owed. @errors any: broken.
  Result<void> settle(const Wait& wait);
  /// The same, as far as it has come. @return false when more is owed.
  Result<bool> try_settle();

  /// Ends a transfer that was cut: sends `mark` and skips whatever comes before a reply with
  /// `mark_code`. Servers disagree on how many replies a cut transfer gets (226, 426, both, 551).
  /// @return the mark's reply.
  /// @errors any: broken.  @source PROTOCOL.md "Ending a read early"
  Result<ftp::Reply> settle_with_mark(const ftp::Command& mark, int mark_code, const Wait& wait);
  /// The same where the mark is under way already, as the last command sent.
  Result<ftp::Reply> skip_to_mark(int mark_code, const Wait& wait);
  /// The same, as far as it has come. @return nullopt when the mark is still to come.
  Result<std::optional<ftp::Reply>> try_skip_to_mark(int mark_code);

  /// Waits until a try_… is worth it. @errors timed_out: broken; cancelled: usable.
  Result<void> wait_for_input(const Wait& wait);

  /// Nothing is owed, nothing has arrived unasked, nothing is broken.
  bool is_quiet();
  bool broken() const noexcept { return failure_.has_value(); }

 private:
  Result<void> check_ready();
  Result<std::string> in_charset(const ftp::Command& command) const;
  Result<void> write_commands(std::span<const ftp::Command> commands, const Wait& wait);
  Result<void> write_record(std::string_view record, const Wait& wait);
  Result<void> take_input(const Wait& wait);
  Result<bool> try_take_input();
  bool has_room_for_more() const;
  Result<void> feed(std::span<const std::byte> bytes);
  Result<ftp::Reply> next_reply(const Wait& wait);
  Result<std::optional<ftp::Reply>> try_next_reply();
  Result<std::optional<ftp::Reply>> parsed_reply();
  Result<void> judge_skipped(const ftp::Reply& reply);
  Result<ftp::Reply> accept(ftp::Reply reply);
  Error fail(Error error);

  /// A command whose final reply has not come.
  struct Owed {
    VerbTimes::Place* times;  ///< of its verb; null: not measured
    SteadyTime sent;
    const ftp::AnswerRule* rule;  ///< null: anything may answer it
  };
  void note_command(const ftp::Command& command, SteadyTime now);
  /// @param asked the command that it answers; null: none, or nobody knows which.
  void note_reply(const ftp::Reply& reply, const Owed* asked) const;
  void note_answered(std::size_t commands);

  std::unique_ptr<net::ByteStream> stream_;
  std::optional<ftp::NameCharset> charset_;  ///< absent: bytes are what they are
  ftp::ReplyParser parser_;
  const DialogueNotes notes_;
  std::deque<Owed> owed_;  ///< the commands in flight, oldest first
  bool pipelining_ = false;
  bool singly_ = false;
  int preliminaries_ = 0;  ///< in a row
  /// While a cut transfer's replies are skipped: how many may be answers to what went before it.
  std::optional<std::size_t> skipping_;
  std::optional<Error> ending_;  ///< how the stream ended, told once the replies before it are read
  std::optional<Error> failure_;
};

}  // namespace ftpsfs::session
