// SPDX-License-Identifier: MIT
//
// Whole listings: finds the dialect, leaves out what is no child of the directory, and refuses
// names that could lead elsewhere. Memory is bounded by the body, which the caller bounds, and by
// the number of entries and lines (ListingLimits). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/ftp/file_facts.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"
#include "ftpsfs/ftp/reply.hpp"

namespace ftpsfs::ftp {

/// A longer name is no name: the kernel fails a whole readdir for one above 1,024 (FUSE_NAME_MAX).
constexpr std::size_t kMaxNameBytes = 1024;

/// More entries are no directory but an attack on our memory: a line of 15 bytes costs some 300.
constexpr std::size_t kMostEntries = 1'000'000;

/// What one listing may have. Beyond that it is an error, as soon as so much has come.
struct ListingLimits {
  std::size_t bytes = std::size_t{128} * 1024 * 1024;
  std::size_t entries = kMostEntries;

  /// Some grammars take two lines for an entry, or have lines around them.
  std::size_t lines() const { return 2 * entries + 1'000; }
  /// @return io_error: no link failure, as the next attempt would bring as much.
  Error too_many_entries() const;
  Error too_many_bytes() const;
};

/// What else was seen while a listing was read.
struct ListingNotes {
  std::size_t hostile_names = 0;   ///< left out: empty, too long, with '/', NUL, CR or LF
  std::size_t unparsed_lines = 0;  ///< left out: no line of the dialect
  std::string first_unparsed;      ///< the first of them, or its beginning
  std::size_t duplicates = 0;      ///< an earlier line of the same name, replaced by the later
  bool unterminated = false;       ///< the last line had no line end: the body may have been cut
  std::optional<FileFacts> self;   ///< the directory itself: type=cdir, or "."
  Dialect dialect = Dialect::unix_ls;  ///< of a LIST
  /// How its dates of three numbers were read; unknown: it has none.
  DateOrder date_order = DateOrder::unknown;
  bool date_order_proved = false;  ///< they make sense in no other order
};

/// @return the children in the server's order, names unique, without "." and "..".
/// @errors io_error: something came, but no line of it is an MLSD line; too many entries.  @source
/// RFC 3659 §7
Result<std::vector<FileFacts>> parse_mlsd(std::string_view body, ListingNotes* notes = nullptr,
                                          std::size_t most_entries = kMostEntries);

/// The children on the whole lines at the beginning of `text`: for a listing that is shown before
/// its end. Names may come twice, and what is wrong with it parse_mlsd() tells in the end.
struct MlsdPart {
  std::vector<FileFacts> children;
  std::size_t bytes = 0;  ///< that those lines take
};
MlsdPart parse_mlsd_part(std::string_view text);

/// As parse_mlsd() for LIST and for the body of a STAT reply, in whichever dialect it is: what the
/// server's system suggests, unless another one reads more of the lines.
Result<std::vector<FileFacts>> parse_list(std::string_view body, const ListContext& context,
                                          ListingNotes* notes = nullptr,
                                          std::size_t most_entries = kMostEntries);

/// As parse_mlsd() for NLST, which tells names alone: each is said to be a file. The directory's
/// path may stand in front of them, whole or in part; with another path it is a line that cannot
/// be read.
/// @param directory its absolute path
Result<std::vector<FileFacts>> parse_names(std::string_view body, std::string_view directory,
                                           ListingNotes* notes = nullptr,
                                           std::size_t most_entries = kMostEntries);

/// What the final 2xx of a listing confesses.
enum class ListingVerdict : std::uint8_t {
  whole,
  truncated,  ///< Pure-FTPd: 226 Output truncated to 10000 matches (on a data connection only!)
  denied,     ///< vsftpd: 226 Transfer done (but failed to open directory).
};
ListingVerdict judge_listing_reply(const Reply& final_reply);

}  // namespace ftpsfs::ftp
