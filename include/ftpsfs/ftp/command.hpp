// SPDX-License-Identifier: MIT
//
// One FTP command as it goes over the wire. A value that exists is safe to send: it is one line,
// free of CR, LF and NUL, so that no name can become a second command. Secrets (PASS, ACCT) are
// redacted in the log form and their bytes are wiped when the value dies. Knows no replies.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::ftp {

class Command {
 public:
  /// The longest line that goes out, CRLF included: servers hang on TLS records much longer than
  /// this, and pyftpdlib breaks above 2,048.
  static constexpr std::size_t kMaxLineBytes = 2000;

  /// @param verb one or more words of letters and digits: "RETR", "XSHA256", "SITE CHMOD". No
  /// argument, no blank behind it.
  /// @errors invalid_argument: CR, LF or NUL inside, or a bad verb; name_too_long.
  /// @source RFC 959 §5.3
  static Result<Command> make(std::string_view verb, std::string_view argument = {});

  /// The same for PASS and ACCT: the argument never shows in log_form() nor in an Error.
  static Result<Command> secret(std::string_view verb, std::string_view argument);

  Command(const Command& other) = default;
  Command(Command&& other) noexcept;
  Command& operator=(const Command& other);
  Command& operator=(Command&& other) noexcept;
  ~Command();

  /// "RETR x\r\n"
  std::string_view wire() const noexcept { return wire_; }

  /// "RETR x", or "PASS ***": for logs.
  std::string log_form() const;

  /// The verb as it was given: "RETR", or "SITE CHMOD".
  std::string_view verb() const noexcept { return wire().substr(0, verb_bytes_); }

  /// What stands behind the verb; empty for none and for a secret.
  std::string_view argument() const noexcept;

  bool is_secret() const noexcept { return secret_; }

 private:
  Command() = default;
  static Result<Command> build(std::string_view verb, std::string_view argument, bool secret);
  void wipe() noexcept;

  std::string wire_;
  std::size_t verb_bytes_ = 0;
  bool secret_ = false;
};

}  // namespace ftpsfs::ftp
