// SPDX-License-Identifier: MIT
//
// The directory of one journal: ours alone, entered without following a link, held by one process
// at a time. Everything in it is reached through its descriptor, so that nobody can put another
// directory in its place. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::writeback {

class JournalDirectory {
 public:
  /// Makes what is missing (0700), and takes the lock.
  /// @param parent where journals lie. @param identity server and user, for people and for the
  /// directory's name.
  /// @errors busy: another process has it, the text says which; access_denied: a link, not ours, or
  /// open to others; io_error, no_space.
  static Result<JournalDirectory> open(const std::string& parent, std::string_view identity);

  const std::string& path() const noexcept { return path_; }

  /// @errors already_exists, no_space, io_error.
  Result<UniqueFd> create(const std::string& name) const;
  /// For reading and writing. @errors not_found, access_denied (a link), io_error.
  Result<UniqueFd> open_file(const std::string& name) const;
  /// Bytes of a regular file; nullopt: there is none.
  std::optional<std::uint64_t> size_of(const std::string& name) const;
  /// Of the disk, for this user; nullopt: it does not say.
  std::optional<std::uint64_t> free_bytes() const;
  Result<void> rename(const std::string& from, const std::string& to) const;
  /// A second name for the same file.
  Result<void> link(const std::string& from, const std::string& to) const;
  /// A name that is not there is no error.
  Result<void> remove(const std::string& name) const;
  Result<std::vector<std::string>> names() const;
  /// Names that were made, renamed or removed before are so after a power failure.
  Result<void> sync() const;

 private:
  JournalDirectory() = default;
  Result<void> lock(std::string_view identity);

  std::string path_;
  UniqueFd directory_;
  UniqueFd lock_;
};

/// The file whose lock says that somebody works on a journal.
constexpr const char* kJournalLockName = "lock";

/// The directory's name for an identity: readable, and another one for each.
std::string journal_name(std::string_view identity);

/// errno in words, with the code that a program shall see.
Error local_error(std::string_view what, const std::string& name);

}  // namespace ftpsfs::writeback
