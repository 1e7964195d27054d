// SPDX-License-Identifier: MIT
//
// The grammars in which servers answer LIST. Each is one function over all lines of one listing:
// some write one file on two lines, and whether 04/03/18 is in March or in April the other lines
// tell. Which grammar it is parse_list() decides. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/ftp/file_facts.hpp"
#include "ftpsfs/ftp/server_zone.hpp"

namespace ftpsfs::ftp {

enum class Dialect : std::uint8_t {
  unix_ls,
  dos,      ///< IIS and other Windows servers
  os400,    ///< IBM i, LISTFMT 0
  mvs,      ///< z/OS: data sets, members, load modules
  vms,      ///< OpenVMS
  nonstop,  ///< Tandem Guardian
  vm,       ///< z/VM: minidisks and SFS
  eplf,     ///< D. J. Bernstein's
  numeric,  ///< mode, owner, group, size and time as numbers
};
/// "ls -l", "DOS", "LISTFMT 0", …
const char* to_string(Dialect dialect) noexcept;

/// How a date of three numbers is meant.
enum class DateOrder : std::uint8_t { unknown, ymd, mdy, dmy };

/// What lines do not tell of themselves.
struct ListContext {
  WallTime now{};                              ///< for dates without a year
  ServerZone zone{};                           ///< of the times shown
  DateOrder date_order = DateOrder::unknown;   ///< set: it is so
  DateOrder usual_order = DateOrder::unknown;  ///< where the listing does not tell
  std::optional<Dialect> expected{};           ///< of what the server says it is
};

/// Where a grammar puts what it reads. A heading, a total or a second line goes nowhere.
class LineSink {
 public:
  virtual ~LineSink() = default;
  virtual void take(FileFacts&& facts) = 0;
  /// Not of this grammar.
  virtual void leave(std::string_view line) = 0;
  /// @param proved no other order fits the dates of this listing.
  virtual void note_order(DateOrder /*order*/, bool /*proved*/) {}
};

/// Without line ends; none is empty.
using Lines = std::span<const std::string_view>;

void read_unix_lines(Lines lines, const ListContext& context, LineSink& sink);
void read_dos_lines(Lines lines, const ListContext& context, LineSink& sink);
void read_os400_lines(Lines lines, const ListContext& context, LineSink& sink);
void read_mvs_lines(Lines lines, const ListContext& context, LineSink& sink);
void read_vms_lines(Lines lines, const ListContext& context, LineSink& sink);
void read_nonstop_lines(Lines lines, const ListContext& context, LineSink& sink);
void read_vm_lines(Lines lines, const ListContext& context, LineSink& sink);
void read_eplf_lines(Lines lines, const ListContext& context, LineSink& sink);
void read_numeric_lines(Lines lines, const ListContext& context, LineSink& sink);

void read_lines(Dialect dialect, Lines lines, const ListContext& context, LineSink& sink);

}  // namespace ftpsfs::ftp
