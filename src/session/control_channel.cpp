// SPDX-License-Identifier: MIT
#include "ftpsfs/session/control_channel.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/log_context.hpp"

namespace ftpsfs::session {
namespace {

constexpr int kMostPreliminaries = 1000;
constexpr const char* kReplyWords = "the server's reply";
constexpr const char* kClosedWords = "the server closed the connection";

}  // namespace

ControlChannel::ControlChannel(std::unique_ptr<net::ByteStream> stream, DialogueNotes notes)
    : stream_(std::move(stream)), notes_(notes) {}

ControlChannel::~ControlChannel() {
  if (stream_ != nullptr && !owed_.empty()) {
    stream_->reset();
  }
}

Error ControlChannel::fail(Error error) {
  error.fate = SessionFate::broken;
  if (!failure_) {
    failure_ = error;
  }
  return error;
}

Result<std::unique_ptr<net::ByteStream>> ControlChannel::release_stream() {
  // What the kernel already holds counts as well: a TLS server is silent until the ClientHello.
  FTPSFS_TRY(try_take_input());
  if (!parser_.empty() || !owed_.empty()) {
    return fail(make_broken(Errc::protocol_error,
                            "the server's reply to AUTH TLS is followed by more bytes: somebody on "
                            "the way may have injected them"));
  }
  return std::move(stream_);
}

void ControlChannel::adopt_stream(std::unique_ptr<net::ByteStream> stream) {
  stream_ = std::move(stream);
}

Result<ftp::Reply> ControlChannel::read_greeting(const Wait& wait) {
  for (;;) {
    FTPSFS_TRY_ASSIGN(auto reply, next_reply(wait));
    note_reply(reply, nullptr);
    // RFC 959 §5.4: "120 Service ready in nnn minutes" precedes a later 220.
    if (!reply.is_preliminary()) {
      return reply;
    }
  }
}

Result<void> ControlChannel::send_ahead_of_greeting(const ftp::Command& command, const Wait& wait) {
  return write_commands(std::span(&command, 1), wait);
}

Result<void> ControlChannel::check_ready() {
  if (failure_) {
    return *failure_;
  }
  if (!owed_.empty()) {
    return {};
  }
  FTPSFS_TRY(try_take_input());
  if (auto stray = parser_.next()) {
    note_reply(*stray, nullptr);
    return fail(make_broken(stray->code == 421 ? Errc::closed : Errc::protocol_error,
                            "the server said unasked: " + stray->text(), stray->code));
  }
  return {};
}

Result<void> ControlChannel::feed(std::span<const std::byte> bytes) {
  auto fed =
      parser_.feed(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (!fed) {
    return fail(std::move(fed).error());
  }
  return {};
}

Result<bool> ControlChannel::try_take_input() {
  std::array<std::byte, 16384> buffer;
  bool any = false;
  for (;;) {
    if (ending_) {
      return fail(*ending_);
    }
    auto got = stream_->try_read(buffer);
    if (got && !got->has_value()) {
      return any;
    }
    if (!got || **got == 0) {
      ending_ = got ? make_error(Errc::closed, kClosedWords) : std::move(got).error();
      // Replies that came before the end still count: a 421 says why it came.
      if (any) {
        return any;
      }
      continue;
    }
    any = true;
    FTPSFS_TRY(feed(std::span(buffer).first(**got)));
  }
}

Result<void> ControlChannel::take_input(const Wait& wait) {
  if (ending_) {
    return fail(*ending_);
  }
  std::array<std::byte, 16384> buffer;
  auto got = stream_->read(buffer, wait);
  if (!got) {
    if (got.error().code == Errc::cancelled) {
      return wait.give_up(kReplyWords);
    }
    if (got.error().code == Errc::timed_out) {
      return fail(wait.give_up(kReplyWords));
    }
    return fail(std::move(got).error());
  }
  if (*got == 0) {
    return fail(make_error(Errc::closed, kClosedWords));
  }
  return feed(std::span(buffer).first(*got));
}

Result<std::optional<ftp::Reply>> ControlChannel::parsed_reply() {
  auto reply = parser_.next();
  if (reply) {
    for (std::string& line : reply->lines) {
      line = to_utf8(std::move(line));
    }
    // A flood of them would keep us from ever looking at the clock.
    preliminaries_ = reply->is_preliminary() ? preliminaries_ + 1 : 0;
    if (preliminaries_ > kMostPreliminaries) {
      return fail(make_broken(Errc::protocol_error, "the server says 1xx without end"));
    }
  }
  return reply;
}

Result<ftp::Reply> ControlChannel::next_reply(const Wait& wait) {
  if (failure_) {
    return *failure_;
  }
  for (;;) {
    FTPSFS_TRY_ASSIGN(auto reply, parsed_reply());
    if (reply) {
      return *std::move(reply);
    }
    FTPSFS_TRY(take_input(wait));
  }
}

Result<std::optional<ftp::Reply>> ControlChannel::try_next_reply() {
  if (failure_) {
    return *failure_;
  }
  FTPSFS_TRY_ASSIGN(auto reply, parsed_reply());
  if (!reply) {
    FTPSFS_TRY(try_take_input());
    return parsed_reply();
  }
  return reply;
}

Result<ftp::Reply> ControlChannel::accept(ftp::Reply reply) {
  note_reply(reply, owed_.empty() ? nullptr : &owed_.front());
  if (reply.code == 421) {
    return fail(make_broken(Errc::closed, "the server ended the session: " + reply.text(), 421));
  }
  if (!owed_.empty() && !ftp::may_answer(owed_.front().rule, reply.code)) {
    // There was one reply too many before. All later ones would be taken for the answer to the next
    // command, and a transfer that nobody has asked for would bring its bytes under another name.
    return fail(make_broken(Errc::protocol_error,
                            "out of step: the server answered " +
                                std::string(ftp::verb_of(owed_.front().rule)) + " by " +
                                reply.text(),
                            reply.code));
  }
  if (!reply.is_preliminary() && !owed_.empty()) {
    note_answered(1);
  }
  return reply;
}

void ControlChannel::note_command(const ftp::Command& command, SteadyTime now) {
  log::note_session(notes_.session);
  owed_.push_back({notes_.times != nullptr ? &notes_.times->of(command.verb()) : nullptr, now,
                   ftp::answer_rule(command.verb())});
  if (notes_.trace == nullptr && !log::enabled(log::Level::debug)) {
    return;
  }
  const std::string text = command.log_form();
  log::debug("#{} > {}", notes_.session, text);
  if (notes_.trace != nullptr) {
    notes_.trace->note_command(notes_.session, text);
  }
}

void ControlChannel::note_reply(const ftp::Reply& reply, const Owed* asked) const {
  log::note_session(notes_.session);
  if (notes_.trace == nullptr && !log::enabled(log::Level::debug)) {
    return;
  }
  const std::string text = reply.text();
  log::debug("#{} < {}", notes_.session, text);
  if (notes_.trace == nullptr) {
    return;
  }
  std::optional<DialogueTrace::Asked> after;
  if (asked != nullptr) {
    after = {asked->times != nullptr ? asked->times->verb() : std::string_view(),
             SteadyClock::now() - asked->sent};
  }
  notes_.trace->note_reply(notes_.session, text, after);
}

/// The oldest commands in flight have had their final replies.
void ControlChannel::note_answered(std::size_t commands) {
  const SteadyTime now = SteadyClock::now();
  for (; commands > 0; --commands) {
    if (const Owed& oldest = owed_.front(); oldest.times != nullptr) {
      oldest.times->note(now - oldest.sent);
    }
    owed_.pop_front();
  }
}

Result<ftp::Reply> ControlChannel::receive(const Wait& wait) {
  FTPSFS_TRY_ASSIGN(auto reply, next_reply(wait));
  if (owed_.empty()) {
    return fail(make_broken(Errc::protocol_error,
                            "the server sent a reply too many: " + reply.text(), reply.code));
  }
  return accept(std::move(reply));
}

Result<void> ControlChannel::wait_for_input(const Wait& wait) {
  auto input = stream_->wait_for_progress(false, wait);
  if (input) {
    return {};
  }
  return input.error().code == Errc::cancelled ? wait.give_up(kReplyWords)
                                               : fail(std::move(input).error());
}

Result<std::optional<ftp::Reply>> ControlChannel::receive_within(Duration patience,
                                                                 const Wait& wait) {
  const Wait limit = wait.no_longer_than(patience);
  for (;;) {
    FTPSFS_TRY_ASSIGN(auto reply, try_receive());
    if (reply) {
      return reply;
    }
    if (auto input = stream_->wait_for_progress(false, limit); !input) {
      if (input.error().code == Errc::timed_out && !wait.expired()) {
        return std::optional<ftp::Reply>();
      }
      return input.error().code == Errc::cancelled ? wait.give_up(kReplyWords)
                                                   : fail(std::move(input).error());
    }
  }
}

Result<std::optional<ftp::Reply>> ControlChannel::try_receive() {
  FTPSFS_TRY_ASSIGN(auto reply, try_next_reply());
  if (!reply) {
    return reply;
  }
  FTPSFS_TRY_ASSIGN(auto accepted, accept(*std::move(reply)));
  return std::optional<ftp::Reply>(std::move(accepted));
}

Result<void> ControlChannel::write_record(std::string_view record, const Wait& wait) {
  auto left = std::as_bytes(std::span(record));
  while (!left.empty()) {
    auto taken = stream_->try_write(left);
    if (!taken) {
      return fail(std::move(taken).error());
    }
    left = left.subspan(*taken);
    if (*taken > 0) {
      continue;
    }
    // Replies are read meanwhile: a server that cannot send would stop reading our commands.
    auto progress = stream_->wait_for_progress(true, wait);
    if (!progress) {
      return fail(std::move(progress).error());
    }
    FTPSFS_TRY(try_take_input());
  }
  return {};
}

Result<void> ControlChannel::send(std::span<const ftp::Command> commands, const Wait& wait) {
  FTPSFS_TRY(check_ready());
  return write_commands(commands, wait);
}

/// @pre charset_
Result<std::string> ControlChannel::in_charset(const ftp::Command& command) const {
  std::string_view line = command.wire();
  const std::string_view end = line.substr(line.size() - 2);
  line.remove_suffix(end.size());
  FTPSFS_TRY_ASSIGN(std::string converted, charset_->from_utf8(line));
  converted += end;
  if (converted.size() > ftp::Command::kMaxLineBytes) {
    return make_error(Errc::name_too_long,
                      std::string(command.verb()) +
                          ": in the server's character set the command line is longer than "
                          "servers take");
  }
  return converted;
}

Result<std::size_t> ControlChannel::wire_size(std::span<const ftp::Command> commands) const {
  std::size_t size = 0;
  for (const ftp::Command& command : commands) {
    if (!charset_ || command.is_secret()) {
      size += command.wire().size();
      continue;
    }
    FTPSFS_TRY_ASSIGN(const std::string line, in_charset(command));
    size += line.size();
  }
  return size;
}

Result<void> ControlChannel::write_commands(std::span<const ftp::Command> commands,
                                            const Wait& wait) {
  std::string record;
  for (const ftp::Command& command : commands) {
    if (!charset_ || command.is_secret()) {
      record += command.wire();
      continue;
    }
    FTPSFS_TRY_ASSIGN(const std::string line, in_charset(command));
    record += line;
  }
  const SteadyTime now = SteadyClock::now();
  for (const ftp::Command& command : commands) {
    note_command(command, now);
  }
  auto written = write_record(record, wait);
  std::fill(record.begin(), record.end(), '\0');  // it may have held PASS
  return written;
}

Result<std::vector<ftp::Reply>> ControlChannel::exchange(std::span<const ftp::Command> commands,
                                                         const Wait& wait,
                                                         std::vector<ftp::Reply>* earlier) {
  std::vector<ftp::Reply> replies;
  replies.reserve(commands.size());
  FTPSFS_TRY(exchange_each(
      commands, wait, [&replies](ftp::Reply reply) { replies.push_back(std::move(reply)); },
      earlier));
  return replies;
}

/// A record for each reply that comes would cost both sides more than the commands in it.
bool ControlChannel::has_room_for_more() const {
  constexpr std::size_t kWorthARecord = 32;
  return owed_.size() + kWorthARecord <= kMaxOwed;
}

Result<void> ControlChannel::exchange_each(std::span<const ftp::Command> commands, const Wait& wait,
                                           const std::function<void(ftp::Reply)>& take,
                                           std::vector<ftp::Reply>* earlier) {
  if (earlier == nullptr && !owed_.empty()) {
    FTPSFS_TRY(settle(wait));
  }
  FTPSFS_TRY(wire_size(commands));  // all can be sent, or nothing is
  std::size_t older = owed_.size();
  std::size_t sent = 0;
  for (std::size_t answered = 0; answered < commands.size();) {
    while (sent < commands.size() && (owed_.empty() || (pipelining_ && has_room_for_more()))) {
      std::size_t count = 0;
      std::size_t bytes = 0;
      while (sent + count < commands.size() && owed_.size() + count < kMaxOwed) {
        FTPSFS_TRY_ASSIGN(const std::size_t next, wire_size(commands.subspan(sent + count, 1)));
        if (count > 0 && (singly_ || bytes + next > kMaxRecordBytes)) {
          break;
        }
        bytes += next;
        ++count;
      }
      FTPSFS_TRY(send(commands.subspan(sent, count), wait));
      sent += count;
    }
    FTPSFS_TRY_ASSIGN(auto reply, receive(wait));
    if (reply.is_preliminary()) {
      continue;
    }
    if (older > 0) {
      --older;
      earlier->push_back(std::move(reply));
    } else {
      ++answered;
      take(std::move(reply));
    }
  }
  return {};
}

Result<ftp::Reply> ControlChannel::exchange(const ftp::Command& command, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(auto replies, exchange(std::span(&command, 1), wait));
  return std::move(replies.front());
}

Result<bool> ControlChannel::try_settle() {
  while (!owed_.empty()) {
    FTPSFS_TRY_ASSIGN(const auto reply, try_receive());
    if (!reply) {
      return false;
    }
  }
  return true;
}

Result<void> ControlChannel::settle(const Wait& wait) {
  while (!owed_.empty()) {
    auto reply = receive(wait);
    if (!reply) {
      return fail(std::move(reply).error());
    }
  }
  return {};
}

Result<ftp::Reply> ControlChannel::settle_with_mark(const ftp::Command& mark, int mark_code,
                                                    const Wait& wait) {
  auto sent = send(std::span(&mark, 1), wait);
  if (!sent) {
    return fail(std::move(sent).error());
  }
  return skip_to_mark(mark_code, wait);
}

Result<ftp::Reply> ControlChannel::skip_to_mark(int mark_code, const Wait& wait) {
  for (;;) {
    FTPSFS_TRY_ASSIGN(auto mark, try_skip_to_mark(mark_code));
    if (mark) {
      return *std::move(mark);
    }
    FTPSFS_TRY(wait_for_input(wait));
  }
}

Result<std::optional<ftp::Reply>> ControlChannel::try_skip_to_mark(int mark_code) {
  if (!skipping_) {
    // What was asked in front of the transfer may be answered by anything; the mark and the
    // transfer are the last two.
    skipping_ = owed_.size() < 2 ? 0 : owed_.size() - 2;
  }
  for (;;) {
    FTPSFS_TRY_ASSIGN(auto reply, try_next_reply());
    if (!reply) {
      return reply;
    }
    // Of the transfer once all in front of it is answered; the mark is the last.
    const std::size_t from_the_end = reply->code == mark_code ? 1 : 2 + *skipping_;
    const bool is_known = from_the_end <= owed_.size();
    note_reply(*reply, is_known ? &owed_[owed_.size() - from_the_end] : nullptr);
    if (reply->code == mark_code) {
      note_answered(owed_.size());
      skipping_.reset();
      return reply;
    }
    FTPSFS_TRY(judge_skipped(*reply));
  }
}

/// May the reply belong to a cut transfer, or to what was asked in front of it?
Result<void> ControlChannel::judge_skipped(const ftp::Reply& reply) {
  const bool of_the_transfer = reply.is_preliminary() || reply.is_completion() ||
                               (reply.is_transient_negative() && reply.code != 421) ||
                               reply.code / 10 == 55;
  if (reply.code != 421 && *skipping_ > 0) {
    *skipping_ -= reply.is_preliminary() ? 0 : 1;
  } else if (!of_the_transfer) {
    return fail(
        make_broken(Errc::protocol_error, "out of step after a cut: " + reply.text(), reply.code));
  }
  return {};
}

bool ControlChannel::is_quiet() {
  return !failure_ && stream_ != nullptr && owed_.empty() && parser_.empty() &&
         !stream_->has_pending_input();
}

}  // namespace ftpsfs::session
