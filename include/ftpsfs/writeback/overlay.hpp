// SPDX-License-Identifier: MIT
//
// What is owed, laid over what the server says: programs see a change as soon as it is accepted.
// Follows from the queue alone, at the moment when it is asked. Pure.
//
// Whoever lays a view over an answer takes it before the server is asked: what is carried out
// meanwhile is then shown in either case.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/writeback/queue.hpp"

namespace ftpsfs::writeback {

/// A name as programs see it.
struct View {
  enum class Kind : std::uint8_t {
    untouched,  ///< as the server says
    absent,
    file,       ///< as it was accepted: a regular file
    directory,  ///< a new one: of what is in it the server knows nothing
    patched,    ///< as the server says, but with another time or mode
  };
  Kind kind = Kind::untouched;
  std::uint64_t size = 0;             ///< of a file, in bytes
  std::optional<std::int64_t> mtime;  ///< Unix seconds; of a file always
  bool mtime_is_promised = false;     ///< the server will show it
  std::optional<std::uint16_t> mode;
  ContentId content = 0;  ///< of a file whose bytes are in the journal, else 0
};

class Overlay {
 public:
  /// @param queue must outlive it.
  explicit Overlay(const Queue& queue) : queue_(queue) {}

  View at(const remote::RemotePath& path) const;
  /// The names right in a directory for which anything is owed, as they are spelled here.
  std::vector<std::pair<std::string, View>> names_in(const remote::RemotePath& directory) const;

  /// The entry of a view that is a file or a directory.
  static remote::Entry entry_of(const std::string& name, const View& view);
  /// Lays a view over the server's answer for a name.
  /// @return nullopt: programs see no such name. @pre the view needs no answer, or there is one.
  static std::optional<remote::Entry> lay_over(const std::string& name, const View& view,
                                               std::optional<remote::Entry> answer);

 private:
  View own_view(const remote::RemotePath& path, IntentionId before) const;

  const Queue& queue_;
};

}  // namespace ftpsfs::writeback
