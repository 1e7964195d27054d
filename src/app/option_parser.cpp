// SPDX-License-Identifier: MIT
#include "ftpsfs/app/option_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace ftpsfs::app {
namespace {

Error usage_error(std::string text) {
  return make_error(Errc::invalid_argument, std::move(text));
}

std::optional<Command> command_named(std::string_view word) {
  for (const CommandRow& row : command_rows()) {
    if (row.name == word) {
      return row.command;
    }
  }
  return std::nullopt;
}

/// Words that are no option, but have a cure that deserves to be told.
std::optional<std::string> cure_for(std::string_view name) {
  if (name == "password" || name == "pass" || name == "passwd" || name == "pw") {
    return "is not an option, because every user of this machine can read command lines and "
           "/etc/fstab; put a line password=... into a file that only you can read and give "
           "credentials=FILE, or use password_stdin or password_command=CMD";
  }
  if (name == "remount") {
    return "is not possible; unmount first (ftpsfs umount DIR), then mount again";
  }
  if (name == "user") {
    return "with a name is not an option; the login is username=NAME";
  }
  return std::nullopt;
}

/// mount(8)'s words with a free form, which mean something to systemd or to nobody.
bool is_comment(std::string_view name) {
  return name.starts_with("x-") || name.starts_with("X-") || name == "comment";
}

class Parser {
 public:
  Parser(unsigned scope, const std::string& working_directory, bool for_mount_helper,
         const Options& defaults)
      : scope_(scope), working_directory_(working_directory), for_helper_(for_mount_helper) {
    result.options = defaults;
  }

  Result<void> parse(std::span<const std::string> arguments);
  /// One item of an -o list.
  Result<void> mount_option(std::string_view item);
  /// A whole -o list.
  Result<void> mount_option_list(std::string_view list);

  CommandLine result;

 private:
  Result<void> long_option(std::string_view text, std::span<const std::string>& rest);
  Result<void> short_options(std::string_view cluster, std::span<const std::string>& rest);
  Result<void> apply(const OptionRow& row, std::string_view value);
  void store(const OptionRow& row, const OptionValue& value, std::string_view text);
  Error unknown(std::string_view shown, std::string_view name) const;

  unsigned scope_;
  const std::string& working_directory_;
  bool for_helper_;
};

Error Parser::unknown(std::string_view shown, std::string_view name) const {
  if (const auto cure = cure_for(name)) {
    return usage_error(fmt::format("{} {}", shown, *cure));
  }
  const std::string_view near = nearest_option(name, scope_);
  if (near.empty()) {
    return usage_error(fmt::format("unknown option {}; see ftpsfs --help", shown));
  }
  return usage_error(
      fmt::format("unknown option {}; did you mean {}? See ftpsfs --help", shown, near));
}

Result<void> Parser::apply(const OptionRow& row, std::string_view value) {
  FTPSFS_TRY_ASSIGN(const OptionValue parsed, parse_option_value(row, value, working_directory_));
  store(row, parsed, value);
  return {};
}

void Parser::store(const OptionRow& row, const OptionValue& value, std::string_view text) {
  if (row.store != nullptr) {
    row.store(result.options, value);
  }
  if ((scope_ & kCheckScope) != 0) {
    const auto* word = std::get_if<std::string>(&value);  // a path is absolute in it
    result.given.push_back({&row, word != nullptr ? *word : std::string(text)});
  }
}

Result<void> Parser::mount_option(std::string_view item) {
  const std::size_t equals = item.find('=');
  const std::string_view name = item.substr(0, equals);
  const bool has_value = equals != std::string_view::npos;
  if (is_comment(name)) {
    return {};
  }
  // mount(8) tells its helpers user=NAME of who called it; `user` alone is fstab's word.
  if (name == "user" && (!has_value || for_helper_)) {
    return {};
  }
  const OptionRow* row = find_option(name, scope_);
  if (row == nullptr) {
    return unknown(name, name);
  }
  if (row->kind == OptionKind::flag) {
    if (has_value) {
      return usage_error(fmt::format("option {} takes no value", name));
    }
    return apply(*row, {});
  }
  if (!has_value && row->value_optional) {
    store(*row, OptionValue(true), {});
    return {};
  }
  if (!has_value) {
    return usage_error(fmt::format("option {} needs a value: {}={}", name, name, row->value_name));
  }
  return apply(*row, item.substr(equals + 1));
}

Result<void> Parser::mount_option_list(std::string_view list) {
  for (const std::string& item : split_option_list(list)) {
    if (!item.empty()) {
      FTPSFS_TRY(mount_option(item));
    }
  }
  return {};
}

Result<void> Parser::long_option(std::string_view text, std::span<const std::string>& rest) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const std::string shown = fmt::format("--{}", name);
  const OptionRow* row = find_option(name, scope_);
  if (row == nullptr) {
    return unknown(shown, name);
  }
  if (row->kind == OptionKind::flag) {
    if (equals != std::string_view::npos) {
      return usage_error(fmt::format("option {} takes no value", shown));
    }
    return apply(*row, {});
  }
  if (equals != std::string_view::npos) {
    return apply(*row, text.substr(equals + 1));
  }
  if (row->value_optional) {
    store(*row, OptionValue(true), {});
    return {};
  }
  if (rest.empty()) {
    return usage_error(
        fmt::format("option {} needs a value: {}={}", shown, shown, row->value_name));
  }
  const std::string& value = rest.front();
  rest = rest.subspan(1);
  return apply(*row, value);
}

Result<void> Parser::short_options(std::string_view cluster, std::span<const std::string>& rest) {
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    if (cluster[i] == 'o' && (scope_ & kMountScope) != 0) {
      if (i + 1 < cluster.size()) {
        return mount_option_list(cluster.substr(i + 1));
      }
      if (rest.empty()) {
        return usage_error("option -o needs a list: -o name=value,flag,...");
      }
      const std::string& list = rest.front();
      rest = rest.subspan(1);
      return mount_option_list(list);
    }
    const OptionRow* row = find_short_option(cluster[i], scope_);
    if (row == nullptr) {
      return usage_error(
          fmt::format("unknown option -{}; see ftpsfs --help", cluster.substr(i, 1)));
    }
    FTPSFS_TRY(apply(*row, {}));
  }
  return {};
}

Result<void> Parser::parse(std::span<const std::string> arguments) {
  bool options_ended = false;
  while (!arguments.empty()) {
    const std::string& argument = arguments.front();
    arguments = arguments.subspan(1);
    if (options_ended || argument.size() < 2 || argument[0] != '-') {
      result.positionals.push_back(argument);
    } else if (argument == "--") {
      options_ended = true;
    } else if (argument[1] == '-') {
      FTPSFS_TRY(long_option(std::string_view(argument).substr(2), arguments));
    } else {
      FTPSFS_TRY(short_options(std::string_view(argument).substr(1), arguments));
    }
  }
  return {};
}

/// The length of a value in double quotes that begins at `at`: behind a '=', and up to the end of
/// the item. @return 0: there is none; a quote elsewhere is a letter as any other.
std::size_t quoted_value(std::string_view list, std::size_t at) {
  if (at == 0 || list[at] != '"' || list[at - 1] != '=') {
    return 0;
  }
  const std::size_t end = list.find('"', at + 1);
  const bool ends_the_item =
      end != std::string_view::npos && (end + 1 == list.size() || list[end + 1] == ',');
  return ends_the_item ? end + 1 - at : 0;
}

/// Flags of mount(8) for its helpers. @return false when the flag is not one of them.
Result<bool> helper_flag(char flag, Options& options, bool& sloppy) {
  switch (flag) {
    case 'f':
      options.fake = true;
      return true;
    case 's':
      sloppy = true;
      return true;
    case 'n':
    case 'w':  // as the option rw: no word against a profile's ro
      return true;
    case 'v':
      ++options.verbose;
      return true;
    case 'r':
      options.read_only = true;
      return true;
    case 'h':
      options.show_help = true;
      return true;
    case 'V':
      options.show_version = true;
      return true;
    default:
      return false;
  }
}

struct HelperWords {
  std::vector<std::string> positionals;
  std::vector<std::string> lists;
  bool sloppy = false;
};

/// Whatever else is done would be done in this namespace.
Error no_namespaces() {
  return usage_error("-N is not supported: use nsenter(1)");
}

/// Reads one "-xyz" of the helper interface; -o and -t take a value.
Result<void> helper_cluster(std::string_view cluster, std::span<const std::string>& rest,
                            Options& options, HelperWords& words) {
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    const char flag = cluster[i];
    if (flag == 'N') {
      return no_namespaces();
    }
    if (flag != 'o' && flag != 't') {
      FTPSFS_TRY_ASSIGN(const bool known, helper_flag(flag, options, words.sloppy));
      if (!known) {
        return usage_error(
            fmt::format("unknown option -{}; usage: mount.ftpsfs SPEC DIR "
                        "[-sfnvrw] [-t TYPE] [-o OPTIONS]",
                        cluster.substr(i, 1)));
      }
      continue;
    }
    std::string value(cluster.substr(i + 1));
    if (value.empty()) {
      if (rest.empty()) {
        return usage_error(fmt::format("option -{} needs a value", cluster.substr(i, 1)));
      }
      value = rest.front();
      rest = rest.subspan(1);
    }
    if (flag == 'o') {
      words.lists.push_back(std::move(value));
    }
    return {};
  }
  return {};
}

}  // namespace

std::vector<std::string> split_option_list(std::string_view list) {
  std::vector<std::string> items(1);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (const std::size_t length = quoted_value(list, i); length > 0) {
      items.back().append(list.substr(i + 1, length - 2));
      i += length - 1;
      continue;
    }
    const bool escapes =
        list[i] == '\\' && i + 1 < list.size() && (list[i + 1] == ',' || list[i + 1] == '\\');
    if (escapes) {
      items.back() += list[++i];
    } else if (list[i] == ',') {
      items.emplace_back();
    } else {
      items.back() += list[i];  // a lone backslash stays: DOMAIN\user
    }
  }
  return items;
}

Result<CommandLine> parse_command_line(std::span<const std::string> arguments,
                                       const std::string& working_directory,
                                       const Options& defaults) {
  Command command = Command::mount;
  if (!arguments.empty()) {
    if (const auto named = command_named(arguments.front())) {
      command = *named;
      arguments = arguments.subspan(1);
    }
  }
  Parser parser(scope_of(command), working_directory, false, defaults);
  parser.result.command = command;
  FTPSFS_TRY(parser.parse(arguments));
  return std::move(parser.result);
}

Result<CommandLine> parse_mount_helper_line(std::span<const std::string> arguments,
                                            const std::string& working_directory,
                                            const Options& defaults) {
  Parser parser(kMountScope, working_directory, true, defaults);
  HelperWords words;
  while (!arguments.empty()) {
    const std::string& argument = arguments.front();
    arguments = arguments.subspan(1);
    if (argument.size() >= 2 && argument[0] == '-') {
      FTPSFS_TRY(helper_cluster(std::string_view(argument).substr(1), arguments,
                                parser.result.options, words));
    } else {
      words.positionals.push_back(argument);
    }
  }
  for (const std::string& list : words.lists) {
    const std::vector<std::string> items = split_option_list(list);
    // First of all: what else mount(8) says then is the mount table's, and would be misunderstood.
    if (std::find(items.begin(), items.end(), "remount") != items.end()) {
      return usage_error(fmt::format("remount {}", *cure_for("remount")));
    }
    for (const std::string& item : items) {
      if (item.empty()) {
        continue;
      }
      const std::string name = item.substr(0, item.find('='));
      if (words.sloppy && find_option(name, kMountScope) == nullptr && !cure_for(name)) {
        continue;
      }
      FTPSFS_TRY(parser.mount_option(item));
    }
  }
  // What fstab says is what /proc/mounts shows, so that `mount -a` knows it again, be it a URL, a
  // profile or host:/path. But no user, and no password.
  const bool is_clean =
      !words.positionals.empty() && words.positionals[0].find('@') == std::string::npos;
  if (is_clean && parser.result.options.fsname.empty()) {
    parser.result.options.fsname = words.positionals[0];
  }
  parser.result.positionals = std::move(words.positionals);
  return std::move(parser.result);
}

Result<CommandLine> parse_umount_helper_line(std::span<const std::string> arguments) {
  CommandLine line;
  line.command = Command::umount;
  while (!arguments.empty()) {
    const std::string& argument = arguments.front();
    arguments = arguments.subspan(1);
    if (argument.size() < 2 || argument[0] != '-') {
      line.positionals.push_back(argument);
      continue;
    }
    for (std::size_t i = 1; i < argument.size(); ++i) {
      const char flag = argument[i];
      if (flag == 'N') {
        return no_namespaces();
      }
      if (flag == 't') {
        const bool is_apart = i + 1 == argument.size();
        arguments = arguments.subspan(is_apart && !arguments.empty() ? 1 : 0);
        break;
      }
      line.options.lazy = line.options.lazy || flag == 'l';
      line.options.force = line.options.force || flag == 'f';
      if (std::string_view("flnrv").find(flag) == std::string_view::npos) {
        return usage_error(
            fmt::format("unknown option -{}; usage: umount.ftpsfs DIR [-flnrv] [-t TYPE]", flag));
      }
    }
  }
  return line;
}

}  // namespace ftpsfs::app
