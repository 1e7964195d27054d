// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/reply.hpp"

#include <algorithm>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"

namespace ftpsfs::ftp {
namespace {

constexpr char kIac = static_cast<char>(0xFF);
constexpr std::size_t kMaxTextBytes = 600;
constexpr std::size_t kMaxTextLineBytes = 300;
constexpr std::size_t kMaxQuotedBytes = 60;

/// The code of "ddd", "ddd text" and "ddd-text"; 0 when the line does not begin with one.
int code_of(std::string_view line) noexcept {
  if (line.size() < 3 || line[0] < '1' || line[0] > '5' || !ascii::is_digit(line[1]) ||
      !ascii::is_digit(line[2])) {
    return 0;
  }
  return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

/// A middle line without the framing that some servers repeat before each ("211-SIZE").
std::string_view without_framing(std::string_view line, int code) noexcept {
  if (code_of(line) == code && line.size() > 3 && line[3] == '-') {
    return line.substr(4);
  }
  // ProFTPD puts one blank before each line, lest it look like the end of the reply.
  return !line.empty() && line.front() == ' ' ? line.substr(1) : line;
}

/// What a line that is no reply looks like, for the error: printable and short.
std::string quoted_start(std::string_view line) {
  std::string text = "\"";
  for (const char c : line.substr(0, kMaxQuotedBytes)) {
    text += c >= ' ' && c <= '~' ? c : '.';
  }
  return text + (line.size() > kMaxQuotedBytes ? "…\"" : "\"");
}

/// Long lines lose their middle: the cause stands at the end, behind the path.
std::string shortened(std::string_view line) {
  if (line.size() <= kMaxTextLineBytes) {
    return std::string(line);
  }
  constexpr std::size_t kHead = 100;
  constexpr std::size_t kTail = kMaxTextLineBytes - kHead - 3;
  return std::string(line.substr(0, kHead)) + "…" + std::string(line.substr(line.size() - kTail));
}

std::string explain_garbage(std::string_view line) {
  // A TLS record: handshake (22) or alert (21), then version 3.x.
  if (line.size() >= 2 && (line[0] == 0x16 || line[0] == 0x15) && line[1] == 0x03) {
    return "the server speaks TLS where an FTP reply was expected";
  }
  return "not an FTP reply: " + quoted_start(line);
}

}  // namespace

std::string Reply::text() const {
  std::string text = std::to_string(code);
  bool skipped = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool is_last = i + 1 == lines.size();
    const std::string line = shortened(ascii::trim(
        i > 0 && !is_last ? without_framing(lines[i], code) : std::string_view(lines[i])));
    if (line.empty()) {
      continue;
    }
    if (!is_last && text.size() + line.size() > kMaxTextBytes - kMaxTextLineBytes) {
      skipped = true;
      continue;
    }
    text.append(skipped ? " … " : " ").append(line);
    skipped = false;
  }
  return text;
}

std::string Reply::body() const {
  std::string body;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    body.append(without_framing(lines[i], code)).append("\n");
  }
  return body;
}

Result<void> ReplyParser::feed(std::string_view bytes) {
  if (failure_) {
    return *failure_;
  }
  while (!bytes.empty()) {
    if (telnet_ != Telnet::data) {
      FTPSFS_TRY(take_telnet_byte(bytes.front()));
      bytes.remove_prefix(1);
      continue;
    }
    // Two memchr, not find_first_of, which is ten times slower: listings come this way.
    const std::size_t line_end = std::min(bytes.find('\n'), bytes.size());
    const std::size_t stop = std::min(bytes.substr(0, line_end).find(kIac), line_end);
    FTPSFS_TRY(take_text(bytes.substr(0, stop)));
    bytes.remove_prefix(stop);
    if (bytes.empty()) {
      break;
    }
    if (bytes.front() == kIac) {
      telnet_ = Telnet::command;
    } else {
      FTPSFS_TRY(end_line());
    }
    bytes.remove_prefix(1);
  }
  return {};
}

/// @source RFC 854: IAC IAC is a byte 255; IAC WILL/WONT/DO/DONT has one more byte.
Result<void> ReplyParser::take_telnet_byte(char byte) {
  constexpr unsigned kFirstCommand = 240;
  constexpr unsigned kFirstWithOption = 251;
  const auto value = static_cast<unsigned>(static_cast<unsigned char>(byte));
  if (telnet_ == Telnet::option) {
    telnet_ = Telnet::data;
    return {};
  }
  telnet_ = Telnet::data;
  if (byte == kIac) {
    return take_text(std::string_view(&byte, 1));
  }
  if (value >= kFirstWithOption) {
    telnet_ = Telnet::option;
    return {};
  }
  if (value >= kFirstCommand) {
    return {};
  }
  // No command: a server that does not double the byte 255 of a Latin-1 name ("ÿ").
  FTPSFS_TRY(take_text(std::string_view(&kIac, 1)));
  return byte == '\n' ? end_line() : take_text(std::string_view(&byte, 1));
}

Result<void> ReplyParser::take_text(std::string_view text) {
  if (text.size() > kMaxLineBytes - line_.size()) {
    return fail("the server sent a reply line without end");
  }
  line_.append(text);
  return {};
}

Result<void> ReplyParser::end_line() {
  if (!line_.empty() && line_.back() == '\r') {
    line_.pop_back();
  }
  std::string line = std::exchange(line_, {});
  if (!open_) {
    return begin_reply(line);
  }
  const bool is_last = line.size() > 3 && line[3] == ' ' && code_of(line) == open_->code;
  FTPSFS_TRY(hold(*open_, is_last ? std::string_view(line).substr(4) : line));
  return is_last ? close_reply() : Result<void>();
}

Result<void> ReplyParser::begin_reply(std::string_view line) {
  const int code = code_of(line);
  const char mark = line.size() > 3 ? line[3] : ' ';
  if (code == 0 || (mark != ' ' && mark != '-')) {
    return fail(explain_garbage(line));
  }
  open_.emplace();
  open_->code = code;
  FTPSFS_TRY(hold(*open_, line.size() > 3 ? line.substr(4) : std::string_view()));
  return mark == ' ' ? close_reply() : Result<void>();
}

Result<void> ReplyParser::hold(Reply& reply, std::string_view line) {
  held_bytes_ += line.size() + sizeof(std::string);
  if (held_bytes_ > kMaxReplyBytes) {
    return fail("the server sent a reply without end");
  }
  reply.lines.emplace_back(line);
  return {};
}

Result<void> ReplyParser::close_reply() {
  if (queue_.size() >= kMaxQueuedReplies) {
    return fail("the server sent replies that nobody asked for");
  }
  queue_.push_back(*std::exchange(open_, std::nullopt));
  return {};
}

std::optional<Reply> ReplyParser::next() {
  if (queue_.empty()) {
    return std::nullopt;
  }
  Reply reply = std::move(queue_.front());
  queue_.pop_front();
  for (const std::string& line : reply.lines) {
    held_bytes_ -= line.size() + sizeof(std::string);
  }
  return reply;
}

bool ReplyParser::empty() const noexcept {
  return !failure_ && queue_.empty() && !open_ && line_.empty() && telnet_ == Telnet::data;
}

Error ReplyParser::fail(std::string text) {
  failure_ = make_broken(Errc::protocol_error, std::move(text));
  line_.clear();
  open_.reset();
  return *failure_;
}

}  // namespace ftpsfs::ftp
