// SPDX-License-Identifier: MIT
//
// Names that ftpsfs itself makes on the server: files on their way to replace another, removed
// files that are still open, and files moved aside while another takes their place. No program of
// the mount sees them. Each tells whose it is: `.ftpsfs-<mount>-<number>.<kind>`, so that another
// mount can clear up behind one that is known to be dead, and behind no other.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ftpsfs::remote {

struct HiddenName {
  enum class Kind : std::uint8_t {
    upload,   ///< content that has not got its name yet
    removed,  ///< unlinked, and kept for its handles
    aside,    ///< what `original` held before: the only copy while nothing has that name
  };
  Kind kind = Kind::upload;
  /// The mount that made it; absent: a version of ftpsfs whose names did not tell.
  std::optional<std::uint64_t> mount{};
  /// Of a file moved aside; empty: too long to be told.
  std::string original{};
};

class HiddenNames {
 public:
  /// @param mount unlike that of any other mount.
  explicit HiddenNames(std::uint64_t mount) : mount_(mount) {}

  std::string upload() { return upload_name(mount_, ++count_); }
  std::string removed();
  std::string aside(std::string_view original) { return aside_name(mount_, ++count_, original); }

  /// The same with a number of the caller's choice: who comes again finds what he has left.
  /// @param number with the highest bit set, which no counted name has.
  static std::string upload_name(std::uint64_t mount, std::uint64_t number);
  static std::string aside_name(std::uint64_t mount, std::uint64_t number,
                                std::string_view original);

  /// @return nullopt: not a name of ours.
  static std::optional<HiddenName> parse(std::string_view name);
  static bool is_hidden(std::string_view name) { return parse(name).has_value(); }

 private:
  const std::uint64_t mount_;
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace ftpsfs::remote
