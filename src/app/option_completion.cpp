// SPDX-License-Identifier: MIT
//
// The tables of options and commands as completions for shells.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "ftpsfs/app/option_table.hpp"

namespace ftpsfs::app {
namespace {

bool is_completed(const OptionRow& row, unsigned scope) {
  return !row.help.empty() && (row.scope & scope) != 0;
}

std::vector<const OptionRow*> rows_of(unsigned scope) {
  std::vector<const OptionRow*> rows;
  for (const OptionRow& row : option_rows()) {
    if (is_completed(row, scope)) {
      rows.push_back(&row);
    }
  }
  return rows;
}

/// "a|b" as "a b".
std::string choices_apart(const OptionRow& row) {
  std::string words(row.choices);
  for (char& c : words) {
    c = c == '|' ? ' ' : c;
  }
  return words;
}

bool is_directory(const OptionRow& row) {
  return row.kind == OptionKind::path && row.value_name == "DIR";
}

/// For 'single quotes' of any shell.
std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + "'";
}

/// The part of a help line in front of its first ';' or ':': there is little room in a menu.
std::string brief(std::string_view help) {
  return std::string(help.substr(0, help.find_first_of(";:")));
}

// ---- bash ----

std::string bash_words(unsigned scope, bool in_list) {
  std::string out;
  for (const OptionRow* row : rows_of(scope)) {
    if (in_list && row->group == OptionGroup::run) {
      continue;
    }
    const bool takes_value = row->kind != OptionKind::flag && !row->value_optional;
    out += fmt::format("{}{}{}{}", out.empty() ? "" : " ", in_list ? "" : "--", row->name,
                       takes_value ? "=" : "");
  }
  return out;
}

std::string bash_value_cases() {
  std::string out;
  const auto add = [&out](const OptionRow& row, const std::string& action) {
    out += fmt::format("        --{})\n            {}\n            return\n            ;;\n",
                       row.name, action);
  };
  for (const OptionRow& row : option_rows()) {
    if (row.help.empty() || row.kind == OptionKind::flag) {
      continue;
    }
    switch (row.kind) {
      case OptionKind::path:
        add(row, is_directory(row) ? "_filedir -d" : "_filedir");
        break;
      case OptionKind::choice:
        add(row, fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", choices_apart(row)));
        break;
      case OptionKind::user:
        add(row, "COMPREPLY=($(compgen -u -- \"$cur\"))");
        break;
      case OptionKind::group:
        add(row, "COMPREPLY=($(compgen -g -- \"$cur\"))");
        break;
      default:
        break;
    }
  }
  return out;
}

std::string command_names() {
  std::string names;
  for (const CommandRow& row : command_rows()) {
    names += row.help.empty() ? "" : fmt::format("{}{}", names.empty() ? "" : " ", row.name);
  }
  return names;
}

constexpr std::string_view kMountPoints =
    "awk '$3 == \"fuse.ftpsfs\" { print $2 }' /proc/self/mounts 2>/dev/null";
constexpr std::string_view kProfiles =
    "sed -n 's/^\\[\\([^]]*\\)\\].*/\\1:/p' \"${XDG_CONFIG_HOME:-$HOME/.config}/ftpsfs.conf\" "
    "/etc/ftpsfs/ftpsfs.conf 2>/dev/null";

// ---- zsh ----

/// A spec of _arguments: "--name=[help]:FILE:_files".
std::string zsh_spec(const OptionRow& row) {
  std::string help;
  for (const char c : brief(row.help)) {
    help += c == '[' || c == ']' || c == '\\' ? fmt::format("\\{}", c) : std::string(1, c);
  }
  std::string action;
  switch (row.kind) {
    case OptionKind::flag:
      return single_quoted(fmt::format("--{}[{}]", row.name, help));
    case OptionKind::path:
      action = is_directory(row) ? "_directories" : "_files";
      break;
    case OptionKind::choice:
      action = fmt::format("({})", choices_apart(row));
      break;
    case OptionKind::user:
      action = "_users";
      break;
    case OptionKind::group:
      action = "_groups";
      break;
    default:
      break;
  }
  return single_quoted(fmt::format("--{}=[{}]{}{}:{}", row.name, help,
                                   row.value_optional ? "::" : ":",
                                   choices_apart(row).empty() ? row.name : "value", action));
}

std::string zsh_words(CommandWords words) {
  switch (words) {
    case CommandWords::none:
      return "";
    case CommandWords::source_and_directory:
      return " '1: :_ftpsfs_sources' '2:mount point:_directories'";
    case CommandWords::mount_point:
      return " '1: :_ftpsfs_mounts'";
    case CommandWords::mount_point_and_path:
      return " '1: :_ftpsfs_mounts' '2:path:_files'";
    case CommandWords::mount_point_and_level:
      return " '1: :_ftpsfs_mounts' '2:level:(trace debug info warning error off)'";
  }
  return "";
}

std::string zsh_case(const CommandRow& row) {
  std::string out = fmt::format("    {})\n      _arguments -S", row.name);
  for (const OptionRow* option : rows_of(row.scope)) {
    out += " \\\n        " + zsh_spec(*option);
  }
  if ((row.scope & kMountScope) != 0) {
    out += " \\\n        '*-o+[options in a list]:name=value,flag'";
  }
  const std::string words = zsh_words(row.words);
  return out + (words.empty() ? "" : " \\\n       " + words) + "\n      ;;\n";
}

// ---- fish ----

std::string fish_option(const OptionRow& row, const std::string& condition) {
  std::string out =
      fmt::format("complete -c ftpsfs -n {} -l {}", single_quoted(condition), row.name);
  if (row.short_name != 0) {
    out += fmt::format(" -s {}", row.short_name);
  }
  switch (row.kind) {
    case OptionKind::flag:
      break;
    case OptionKind::path:
      out += is_directory(row) ? " -xa '(__fish_complete_directories)'" : " -rF";
      break;
    case OptionKind::choice:
      out += fmt::format(" -xa {}", single_quoted(choices_apart(row)));
      break;
    case OptionKind::user:
      out += " -xa '(__fish_complete_users)'";
      break;
    case OptionKind::group:
      out += " -xa '(__fish_complete_groups)'";
      break;
    default:
      out += row.value_optional ? "" : " -x";
      break;
  }
  return fmt::format("{} -d {}\n", out, single_quoted(brief(row.help)));
}

}  // namespace

std::string completion_for_bash() {
  std::string commands;
  for (const CommandRow& row : command_rows()) {
    commands +=
        fmt::format("        {}) options='{}' ;;\n", row.name, bash_words(row.scope, false));
  }
  return fmt::format(
      R"bash(# Completion of ftpsfs for bash. Made by `ftpsfs help --completion=bash`.
# shellcheck shell=bash disable=SC2034,SC2154,SC2207

_ftpsfs()
{{
    local cur prev words cword split
    _init_completion -s -n : || return

    local command=mount options
    case "${{words[1]}}" in
        {}) [ "$cword" -gt 1 ] && command="${{words[1]}}" ;;
    esac

    case "$prev" in
{}        -o)
            # The last item of the list; what stands in front of it stays.
            local begun="${{cur%"${{cur##*,}}"}}"
            COMPREPLY=($(compgen -P "$begun" -W '{}' -- "${{cur##*,}}"))
            compopt -o nospace
            return
            ;;
    esac

    case "$command" in
{}    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
        [[ ${{COMPREPLY-}} == *= ]] && compopt -o nospace
        return
    fi

    local -a mine=()
    [ "$cword" -eq 1 ] && mine+=({})
    case "$command" in
        mount | check)
            mine+=($({}))
            _filedir -d
            ;;
        log-level)
            mine+=(trace debug info warning error off)
            ;;&
        umount | unmount | status | refresh | reload | uploads | log-level)
            mine+=($({}))
            ;;
    esac
    COMPREPLY+=($(compgen -W "${{mine[*]}}" -- "$cur"))
    __ltrim_colon_completions "$cur"
}} &&
    complete -F _ftpsfs ftpsfs
)bash",
      [] {
        std::string names;
        for (const CommandRow& row : command_rows()) {
          names += fmt::format("{}{}", names.empty() ? "" : " | ", row.name);
        }
        return names;
      }(),
      bash_value_cases(), bash_words(kMountScope, true), commands, command_names(), kProfiles,
      kMountPoints);
}

std::string completion_for_zsh() {
  std::string described;
  std::string cases;
  for (const CommandRow& row : command_rows()) {
    if (!row.help.empty()) {
      described += fmt::format("    {}\n", single_quoted(fmt::format("{}:{}", row.name, row.help)));
      cases += zsh_case(row);
    }
  }
  return fmt::format(
      R"zsh(#compdef ftpsfs
# Completion of ftpsfs for zsh. Made by `ftpsfs help --completion=zsh`.

_ftpsfs_mounts() {{
  local -a mounts
  mounts=(${{(f)"$({})"}})
  _wanted mounts expl 'mount point' compadd -a mounts
}}

_ftpsfs_sources() {{
  local -a profiles
  profiles=(${{(f)"$({})"}})
  _wanted profiles expl 'URL or profile' compadd -a profiles
}}

_ftpsfs() {{
  local -a commands
  commands=(
{}  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe -t commands command commands
    _ftpsfs_sources
    return
  fi
  local command=mount
  if (( ${{commands[(I)$words[2]:*]}} )); then
    command=$words[2]
    shift words
    (( CURRENT-- ))
  fi
  case $command in
{}  esac
}}

_ftpsfs "$@"
)zsh",
      kMountPoints, kProfiles, described, cases);
}

std::string completion_for_fish() {
  std::string out =
      "# Completion of ftpsfs for fish. Made by `ftpsfs help --completion=fish`.\n\n"
      "function __ftpsfs_mounts\n    " +
      std::string(kMountPoints) +
      "\nend\n\nfunction __ftpsfs_profiles\n    set -l home $XDG_CONFIG_HOME\n    test -n "
      "\"$home\"; or set home ~/.config\n    sed -n 's/^\\[\\([^]]*\\)\\].*/\\1:/p' "
      "$home/ftpsfs.conf /etc/ftpsfs/ftpsfs.conf 2>/dev/null\nend\n\n";
  std::string others;
  for (const CommandRow& row : command_rows()) {
    if (row.command != Command::mount) {
      others += fmt::format("{}{}", others.empty() ? "" : " ", row.name);
    }
  }
  const std::string is_mount = fmt::format("not __fish_seen_subcommand_from {}", others);
  for (const CommandRow& row : command_rows()) {
    if (!row.help.empty()) {
      out += fmt::format("complete -c ftpsfs -n __fish_use_subcommand -a {} -d {}\n", row.name,
                         single_quoted(row.help));
    }
  }
  out += "complete -c ftpsfs -n __fish_use_subcommand -a '(__ftpsfs_profiles)' -d profile\n";
  for (const CommandRow& row : command_rows()) {
    if (row.help.empty()) {
      continue;
    }
    const std::string condition = row.command == Command::mount
                                      ? is_mount
                                      : fmt::format("__fish_seen_subcommand_from {}", row.name);
    out += fmt::format("\n# {}\n", row.name);
    for (const OptionRow* option : rows_of(row.scope)) {
      out += fish_option(*option, condition);
    }
    if (row.words == CommandWords::mount_point || row.words == CommandWords::mount_point_and_path ||
        row.words == CommandWords::mount_point_and_level) {
      out += fmt::format("complete -c ftpsfs -n {} -xa '(__ftpsfs_mounts)'\n",
                         single_quoted(condition));
    }
    if (row.words == CommandWords::mount_point_and_level) {
      out += fmt::format("complete -c ftpsfs -n {} -xa 'trace debug info warning error off'\n",
                         single_quoted(condition));
    }
  }
  return out;
}

}  // namespace ftpsfs::app
