// SPDX-License-Identifier: MIT
//
// The files that were uploaded a moment ago. When the server wrote them its clock showed what ours
// did, in its own zone: where no verb tells exact times, a listing that shows such a file tells the
// zone. Bounded; value; pure: the time of day is an argument.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ftpsfs::ftp {

struct FreshUpload {
  std::string path;
  std::uint64_t size = 0;
  std::int64_t ended = 0;  ///< Unix seconds, by our clock

  /// The file's time, to the minute, if it is this upload that a listing shows.
  /// @param shown by the server's clock: seconds since 1970 shown there.
  /// @return nullopt: no zone makes one of the other. Clocks may differ by some minutes.
  std::optional<std::int64_t> time_of(std::int64_t shown) const noexcept;

  friend bool operator==(const FreshUpload&, const FreshUpload&) = default;
};

class FreshUploads {
 public:
  /// In place of what was known of that path.
  void note(FreshUpload upload);
  /// A file, or a directory with all that is in it.
  void rename(std::string_view from, std::string_view to);
  /// Its time is, or may be, another one now.
  void forget(std::string_view path);

  /// Those that are so young that nobody can have written them again in what would look like
  /// another zone.
  std::vector<FreshUpload> list(std::int64_t now) const;

 private:
  std::vector<FreshUpload> uploads_;  ///< oldest first
};

}  // namespace ftpsfs::ftp
