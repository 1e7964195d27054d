// SPDX-License-Identifier: MIT
//
// A path on the server: absolute, normalised, free of CR, LF and NUL by construction, so that no
// name can become a command. Immutable value.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::remote {

class RemotePath {
 public:
  /// The server's root, "/".
  RemotePath() : text_("/") {}

  /// Accepts an absolute path; folds "//" and "."; resolves ".." inside the path.
  /// @errors invalid_argument: relative, CR, LF or NUL inside, or ".." above the root.
  static Result<RemotePath> parse(std::string_view text);

  /// Appends one component.
  /// @errors invalid_argument: empty, ".", "..", or with '/', CR, LF or NUL; name_too_long: over
  /// 255 bytes.
  Result<RemotePath> child(std::string_view name) const;

  /// "/" is its own parent.
  RemotePath parent() const;

  /// The last component; empty for the root.
  std::string_view name() const noexcept;

  const std::string& str() const noexcept { return text_; }
  bool is_root() const noexcept { return text_.size() == 1; }

  friend bool operator==(const RemotePath&, const RemotePath&) = default;
  friend auto operator<=>(const RemotePath&, const RemotePath&) = default;

 private:
  explicit RemotePath(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Is it a name that a directory can hold and FTP can carry? (See RemotePath::child.)
Result<void> check_name(std::string_view name);

}  // namespace ftpsfs::remote
