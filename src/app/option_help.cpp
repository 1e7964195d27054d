// SPDX-License-Identifier: MIT
//
// The option table as text for people: --help, the table in README.md, the man page's list.
#include <fmt/format.h>

#include <algorithm>

#include "ftpsfs/app/option_table.hpp"

namespace ftpsfs::app {
namespace {

struct Heading {
  OptionGroup group;
  std::string_view title;
};
constexpr Heading kHeadings[] = {
    {OptionGroup::login, "Login"},
    {OptionGroup::tls, "TLS"},
    {OptionGroup::connection, "Connections"},
    {OptionGroup::server, "The server"},
    {OptionGroup::cache, "Caches and local copies"},
    {OptionGroup::owner, "Owners and permissions"},
    {OptionGroup::mount, "The mount"},
    {OptionGroup::run, "How it runs"},
};

constexpr std::string_view kMountUsage =
    "usage: ftpsfs [options] URL MOUNTPOINT\n"
    "       ftpsfs check [--write] [--json] [options] URL [MOUNTPOINT]\n"
    "       ftpsfs umount [--timeout=TIME] MOUNTPOINT\n"
    "       ftpsfs status [--json] [--watch[=TIME]] [MOUNTPOINT]\n"
    "       ftpsfs refresh MOUNTPOINT [PATH]\n"
    "       ftpsfs reload MOUNTPOINT\n"
    "       ftpsfs uploads [--failed] [--retry] [--export=DIR] [--discard] MOUNTPOINT\n"
    "       ftpsfs log-level MOUNTPOINT LEVEL\n"
    "       ftpsfs help\n"
    "       ftpsfs version\n"
    "\n"
    "Mounts a directory of an FTPS server.\n"
    "\n"
    "URL:\n"
    "  ftpes://[USER@]HOST[:PORT][/PATH]   explicit TLS (AUTH TLS), port 21\n"
    "  ftps://[USER@]HOST[:PORT][/PATH]    implicit TLS, port 990\n"
    "  [USER@]HOST:[PATH]                  explicit TLS, port 21\n"
    "  [USER@]PROFILE:[PATH]               a section of ftpsfs.conf; PATH below that of its url\n"
    "Without a path the directory in which the login starts is mounted.\n"
    "\n"
    "Options stand alone (--name=value) or in a list (-o name=value,flag). In a list, \"\\,\" is "
    "a\n"
    "comma inside a value. Times are seconds or have a unit: 500ms, 30s, 5m, 1h.\n";

bool is_shown(const OptionRow& row, unsigned scope) {
  return !row.help.empty() && (row.scope & scope) != 0;
}

std::string with_default(const OptionRow& row) {
  return row.default_text.empty() ? std::string(row.help)
                                  : fmt::format("{} [{}]", row.help, row.default_text);
}

/// Breaks `text` at blanks into lines of at most `width` letters.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (text.size() > width) {
    std::size_t blank = text.rfind(' ', width);
    if (blank == std::string_view::npos) {
      blank = std::min(text.find(' '), text.size());
    }
    lines.emplace_back(text.substr(0, blank));
    text.remove_prefix(std::min(blank + 1, text.size()));
  }
  lines.emplace_back(text);
  return lines;
}

std::string row_as_text(const OptionRow& row) {
  constexpr std::size_t kHelpColumn = 30;
  constexpr std::size_t kWidth = 100;
  std::string out = fmt::format("  {}", option_usage(row));
  if (out.size() + 2 > kHelpColumn) {
    out += '\n';
  }
  for (const std::string& line : wrapped(with_default(row), kWidth - kHelpColumn)) {
    const std::size_t line_start = out.rfind('\n') + 1;  // npos + 1 is 0
    out.append(kHelpColumn - std::min(out.size() - line_start, kHelpColumn), ' ');
    out += line + "\n";
  }
  return out;
}

std::string options_as_text(unsigned scope) {
  std::string out;
  for (const auto& [group, title] : kHeadings) {
    std::string rows;
    for (const OptionRow& row : option_rows()) {
      if (row.group == group && is_shown(row, scope)) {
        rows += row_as_text(row);
      }
    }
    if (!rows.empty()) {
      out += fmt::format("\n{}:\n{}", title, rows);
    }
  }
  return out;
}

/// '|' would end a cell of the table.
std::string markdown_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '*' || c == '<' || c == '>') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string scdoc_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '_' || c == '*' || c == '\\' || c == '#' || c == '~' || c == '.') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

}  // namespace

std::string option_usage(const OptionRow& row) {
  std::string out;
  if (row.short_name != 0) {
    out += fmt::format("-{}, ", row.short_name);
  }
  std::string name(row.name);
  out += fmt::format("--{}", name);
  if (row.value_optional) {
    out += fmt::format("[={}]", row.value_name);
  } else if (row.kind != OptionKind::flag) {
    out += fmt::format("={}", row.value_name);
  }
  return out;
}

std::string help_text(Command command) {
  switch (command) {
    case Command::check:
      return "usage: ftpsfs check [--write] [--json] [options] URL [MOUNTPOINT]\n\n"
             "Goes the way of a mount step by step, with what was found and how long it took, and "
             "ends with\nthe line for /etc/fstab. Takes the options of a mount, and these:\n" +
             options_as_text(kCheckScope);
    case Command::umount:
      return "usage: ftpsfs umount [--timeout=TIME] MOUNTPOINT\n\n"
             "Unmounts, and returns when all uploads are finished.\n" +
             options_as_text(kUmountScope);
    case Command::status:
      return "usage: ftpsfs status [--json] [--watch[=TIME]] [MOUNTPOINT]\n\n"
             "Tells how a mount is doing; all mounts when none is named.\n" +
             options_as_text(kStatusScope);
    case Command::refresh:
      return "usage: ftpsfs refresh MOUNTPOINT [PATH]\n\n"
             "Forgets what is remembered of the server; a refused login is tried again. With a "
             "PATH below the\nmount point the kernel keeps what it has of other places.\n";
    case Command::reload:
      return "usage: ftpsfs reload MOUNTPOINT\n\n"
             "Reads certificate, key, CAs and credentials anew, and uses them for every new "
             "connection. What\nruns is not broken. When they are of no use, nothing changes.\n";
    case Command::uploads:
      return "usage: ftpsfs uploads [--failed] [--retry] [--export=DIR] [--discard] MOUNTPOINT\n\n"
             "Tells what a mount with -o writeback still owes to the server, and what the server "
             "has refused.\n" +
             options_as_text(kUploadsScope);
    case Command::log_level:
      return "usage: ftpsfs log-level MOUNTPOINT trace|debug|info|warning|error|off\n\n"
             "Changes what a running mount logs.\n";
    case Command::version:
      return "usage: ftpsfs version\n";
    case Command::mount:
    case Command::help:
      break;
  }
  return std::string(kMountUsage) + options_as_text(kMountScope);
}

std::string options_as_markdown() {
  std::string out = "| option | default | meaning |\n|---|---|---|\n";
  for (const auto& [group, title] : kHeadings) {
    for (const OptionRow& row : option_rows()) {
      if (row.group == group && is_shown(row, kMountScope)) {
        out += fmt::format("| `{}` | {} | {} |\n", markdown_escaped(option_usage(row)),
                           markdown_escaped(row.default_text), markdown_escaped(row.help));
      }
    }
  }
  return out;
}

std::string options_as_scdoc() {
  std::string out;
  for (const auto& [group, title] : kHeadings) {
    out += fmt::format("## {}\n\n", title);
    for (const OptionRow& row : option_rows()) {
      if (row.group == group && is_shown(row, kMountScope)) {
        out += fmt::format("*{}*\n\t{}.\n\n", scdoc_escaped(option_usage(row)),
                           scdoc_escaped(with_default(row)));
      }
    }
  }
  return out;
}

}  // namespace ftpsfs::app
