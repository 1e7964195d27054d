// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/command.hpp"

#include <algorithm>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"

namespace ftpsfs::ftp {
namespace {

bool is_verb(std::string_view text) noexcept {
  if (text.empty() || !ascii::is_letter(text.front()) || text.back() == ' ') {
    return false;
  }
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return ascii::is_letter(c) || ascii::is_digit(c) || c == ' '; });
}

}  // namespace

Result<Command> Command::build(std::string_view verb, std::string_view argument, bool secret) {
  if (!is_verb(verb)) {
    return make_error(Errc::invalid_argument, "not an FTP command");
  }
  if (argument.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return make_error(Errc::invalid_argument,
                      std::string(verb) + ": a line break or a NUL byte cannot be sent over FTP");
  }
  const bool has_argument = secret || !argument.empty();
  const std::size_t bytes = verb.size() + (has_argument ? 1 + argument.size() : 0) + 2;
  if (bytes > kMaxLineBytes) {
    return make_error(Errc::name_too_long,
                      std::string(verb) + ": the command line is longer than servers take");
  }
  Command command;
  // Once and for all: growing step by step would leave copies of a secret in freed memory.
  command.wire_.reserve(bytes);
  command.wire_.append(verb);
  if (has_argument) {
    command.wire_.append(1, ' ').append(argument);
  }
  command.wire_.append("\r\n");
  command.verb_bytes_ = verb.size();
  command.secret_ = secret;
  return command;
}

Result<Command> Command::make(std::string_view verb, std::string_view argument) {
  return build(verb, argument, false);
}

Result<Command> Command::secret(std::string_view verb, std::string_view argument) {
  return build(verb, argument, true);
}

Command::Command(Command&& other) noexcept
    : wire_(std::move(other.wire_)), verb_bytes_(other.verb_bytes_), secret_(other.secret_) {
  other.wipe();  // a short string leaves its bytes behind in the object it moves from
}

Command& Command::operator=(const Command& other) {
  if (this != &other) {
    *this = Command(other);
  }
  return *this;
}

Command& Command::operator=(Command&& other) noexcept {
  if (this != &other) {
    wipe();
    wire_ = std::move(other.wire_);
    verb_bytes_ = other.verb_bytes_;
    secret_ = other.secret_;
    other.wipe();
  }
  return *this;
}

Command::~Command() {
  wipe();
}

void Command::wipe() noexcept {
  if (secret_) {
    wire_.resize(wire_.capacity());  // reaches what lies behind the end, and allocates nothing
    // Volatile, as the compiler may drop a plain write to what dies at once.
    volatile char* const bytes = wire_.data();
    for (std::size_t i = 0; i < wire_.size(); ++i) {
      bytes[i] = '\0';
    }
  }
  wire_.clear();
  verb_bytes_ = 0;
}

std::string_view Command::argument() const noexcept {
  if (secret_ || wire_.size() < verb_bytes_ + 3) {
    return {};
  }
  return wire().substr(verb_bytes_ + 1, wire_.size() - verb_bytes_ - 3);
}

std::string Command::log_form() const {
  if (secret_) {
    return std::string(verb()) + " ***";
  }
  return wire_.empty() ? std::string() : wire_.substr(0, wire_.size() - 2);
}

}  // namespace ftpsfs::ftp
