// SPDX-License-Identifier: MIT
//
// The one table of options. The parser (option_parser.hpp), --help, the table in README.md and the
// option list of the man page are all made from it; a test fails when a document is out of date.
// Adding an option is adding a row. Immutable; free of threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ftpsfs/app/options.hpp"
#include "ftpsfs/base/result.hpp"

namespace ftpsfs::app {

enum class OptionKind : std::uint8_t {
  flag,      ///< no value
  text,      ///< any value that is not empty
  number,    ///< a decimal number within [minimum, maximum]
  duration,  ///< seconds, or with a unit: 500ms, 30s, 5m, 1h
  size,      ///< bytes within [minimum, maximum], or with a unit of 1024s: 512K, 64M, 2G
  octal,     ///< permission bits, 0 to 0777
  path,      ///< made absolute where the command was started
  choice,    ///< one of `choices`
  user,      ///< a name or a number
  group,     ///< a name or a number
};

/// A value that has been checked: bool (flag), string (text, path, choice), uint64 (number, size,
/// octal, user, group) or a duration.
using OptionValue = std::variant<bool, std::string, std::uint64_t, Duration>;

/// Which commands take an option, as a set of bits.
enum OptionScope : unsigned {
  kMountScope = 1U,
  kUmountScope = 2U,
  kStatusScope = 4U,
  kHelpScope = 8U,
  kPlainScope = 16U,  ///< commands without options of their own
  kCheckScope = 32U,  ///< besides kMountScope: check takes what a mount takes
  kUploadsScope = 64U,
  kEveryScope = 127U,
};

enum class OptionGroup : std::uint8_t { login, tls, connection, server, cache, owner, mount, run };

struct OptionRow {
  std::string_view name;  ///< as in -o and, behind "--", on the command line ('-' equals '_')
  std::string_view aliases = {};  ///< other names, separated by blanks
  char short_name = 0;
  OptionKind kind = OptionKind::flag;
  OptionGroup group = OptionGroup::mount;
  std::string_view value_name = {};    ///< in help: "FILE"
  std::string_view default_text = {};  ///< in help; empty when there is nothing to say
  std::string_view help = {};          ///< one line, no full stop; empty: accepted but not shown
  void (*store)(Options&, const OptionValue&) = nullptr;  ///< null: accepted and ignored
  unsigned scope = kMountScope;
  std::string_view choices = {};  ///< separated by '|'
  std::uint64_t minimum = 0;
  std::uint64_t maximum = 0;
  bool value_optional = false;  ///< the name alone stores `true`
};

std::span<const OptionRow> option_rows();

/// What follows a command's options, for the shells.
enum class CommandWords : std::uint8_t {
  none,
  source_and_directory,  ///< a URL or a profile, and where it is mounted
  mount_point,
  mount_point_and_path,
  mount_point_and_level,
};

/// The first word of a command line, when it is one of these.
struct CommandRow {
  std::string_view name;
  Command command = Command::mount;
  unsigned scope = kPlainScope;  ///< its options
  CommandWords words = CommandWords::none;
  std::string_view help = {};  ///< a few words; empty: another name of the one above
};

std::span<const CommandRow> command_rows();
unsigned scope_of(Command command);

/// By name or alias, '-' and '_' being equal. Null when there is none.
const OptionRow* find_option(std::string_view name, unsigned scope);
const OptionRow* find_short_option(char name, unsigned scope);

/// The known name that needs the fewest changes of letters; empty when none is near.
std::string_view nearest_option(std::string_view name, unsigned scope);

/// Reads a value as the row's kind wants it. Relative paths start at `working_directory`.
/// @errors invalid_argument: names the option, the value, and what is accepted.
Result<OptionValue> parse_option_value(const OptionRow& row, std::string_view text,
                                       const std::string& working_directory);

/// How a row is written in help: "-o, --name=VALUE".
std::string option_usage(const OptionRow& row);

std::string help_text(Command command);
std::string options_as_markdown();
std::string options_as_scdoc();

/// What the shells complete, from the same table: commands, options, and values where they are few.
std::string completion_for_bash();
std::string completion_for_zsh();
std::string completion_for_fish();

}  // namespace ftpsfs::app
