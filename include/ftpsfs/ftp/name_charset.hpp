// SPDX-License-Identifier: MIT
//
// Names between UTF-8 and the character set of a server. Both ways lose nothing: bytes that are no
// character of the set become U+EF80 to U+EFFF, of the private use area, and those become the bytes
// again. ASCII stays what it is, so that whole commands, replies and listings can be converted. Not
// thread-safe: one for each connection.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::ftp {

class NameCharset {
 public:
  /// @param name as iconv(3) calls it.
  /// @errors invalid_argument: unknown, or a set in which ASCII is not ASCII (UTF-16, EBCDIC,
  /// ISO-2022).
  static Result<NameCharset> open(const std::string& name);
  NameCharset(NameCharset&& other) noexcept;
  NameCharset& operator=(NameCharset&& other) noexcept;
  ~NameCharset();

  std::string to_utf8(std::string_view bytes) const;
  /// @errors invalid_argument: the set has no such character, or to_utf8() of it is another text.
  Result<std::string> from_utf8(std::string_view text) const;

 private:
  struct Converters;
  explicit NameCharset(std::unique_ptr<Converters> converters);
  std::unique_ptr<Converters> converters_;
};

}  // namespace ftpsfs::ftp
