// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server_dialogue.hpp: the commands about files that need no data connection.
#include <fmt/core.h>

#include <array>
#include <cctype>
#include <cstdlib>
#include <ctime>

#include "support/faulty_ftps_server_dialogue.hpp"

namespace ftpsfs::test {
namespace {

std::string format_time(std::time_t time, const char* format) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

/// RFC 3659's YYYYMMDDHHMMSS.
std::string wire_time(std::time_t time) {
  return format_time(time, "%Y%m%d%H%M%S");
}

std::optional<std::time_t> parse_wire_time(const std::string& text) {
  std::tm parts{};
  const char* const end = ::strptime(text.c_str(), "%Y%m%d%H%M%S", &parts);
  if (end == nullptr || *end != '\0') {
    return std::nullopt;
  }
  return ::timegm(&parts);
}

std::string quoted(const std::string& path) {
  std::string text = "\"";
  for (const char c : path) {
    text += c == '"' ? "\"\"" : std::string(1, c);
  }
  return text + "\"";
}

std::string mode_text(const FaultyTree::Node& node) {
  std::string text = node.directory ? "d" : "-";
  if (!node.link_target.empty()) {
    text = "l";
  }
  constexpr const char* kLetters = "rwxrwxrwx";
  for (unsigned bit = 0; bit < 9; ++bit) {
    text += (node.mode >> (8 - bit) & 1U) != 0 ? kLetters[bit] : '-';
  }
  return text;
}

std::string unix_line(const FaultyTree::Named& entry, const FaultyServerOptions& options) {
  const std::string& unlistable = options.unlistable;
  if (!unlistable.empty() && entry.name == unlistable) {
    return "-????????? ? ? ? ? ? " + entry.name + "\r\n";
  }
  // Half a year is where ls, and every server, goes from the time of day to the year.
  constexpr std::time_t kHalfYear = 182L * 24 * 3600;
  const std::time_t now = std::time(nullptr);
  const bool recent = entry.node.mtime > now - kHalfYear && entry.node.mtime <= now;
  std::string line = fmt::format(
      "{} {:3} user     group    {:12} {} {}", mode_text(entry.node), entry.node.directory ? 2 : 1,
      entry.node.directory ? 4096 : entry.size,
      format_time(entry.node.mtime + options.list_east, recent ? "%b %e %H:%M" : "%b %e  %Y"),
      entry.name);
  if (!entry.node.link_target.empty()) {
    line += " -> " + entry.node.link_target;
  }
  return line + "\r\n";
}

std::string facts(const FaultyTree::Named& entry, const char* directory_type) {
  const bool directory = entry.node.directory;
  std::string text = "modify=" + wire_time(entry.node.mtime) + ";";
  text += directory ? "perm=flcdmpe;" : fmt::format("perm=adfrw;size={};", entry.size);
  text += fmt::format("type={};unique=FA{:X};UNIX.mode={:04o};",
                      directory ? directory_type : "file", entry.node.unique, entry.node.mode);
  return text;
}

}  // namespace

std::string FaultyDialogue::path_of(const std::string& argument) const {
  const std::string path = absolute_path(directory_, argument);
  return shared_.options.ibm_i ? in_any_case(path) : path;
}

void FaultyDialogue::answer(const std::string& argument, const FaultyTree::Refusal& refusal,
                            const std::string& success) {
  if (refusal) {
    return refuse(argument, *refusal);
  }
  say(success);
}

void FaultyDialogue::pwd(const std::string& /*argument*/) {
  if (shared_.options.ibm_i && name_format_ == 0) {
    return say("257 \"QGPL\" is current library.");
  }
  say("257 " + quoted(directory_) + " is the current directory");
}

void FaultyDialogue::cwd(const std::string& argument) {
  const std::string path = path_of(argument);
  const auto found = shared_.tree.find(path);
  if (!found) {
    return refuse(argument, "No such file or directory");
  }
  if (!found->node.directory) {
    return refuse(argument, "Not a directory");
  }
  directory_ = path;
  say("250 CWD command successful");
}

void FaultyDialogue::cdup(const std::string& /*argument*/) {
  cwd("..");
}

void FaultyDialogue::mlst(const std::string& argument) {
  if (!shared_.options.mlst) {
    return say("500 MLST not understood");
  }
  const std::string path = path_of(argument);
  const auto found = shared_.tree.find(path);
  if (!found) {
    return refuse(argument, "No such file or directory");
  }
  say(fmt::format("250-Start of list for {}\r\n {} {}\r\n250 End of list", argument,
                  facts(*found, "dir"), path));
}

std::optional<std::string> FaultyDialogue::unix_listing(const std::string& argument) const {
  std::string rest = argument;
  while (rest.starts_with("-")) {
    const auto blank = rest.find(' ');
    rest = blank == std::string::npos ? "" : rest.substr(blank + 1);
  }
  const std::string path = path_of(rest);
  const auto found = shared_.tree.find(path);
  if (!found) {
    return std::nullopt;
  }
  if (shared_.options.ibm_i && list_format_ == 0 && found->node.directory) {
    return ibm_i_listing(path);
  }
  if (!found->node.directory) {
    return unix_line(*found, shared_.options);
  }
  std::string text;
  for (const FaultyTree::Named& entry :
       shared_.tree.list(path).value_or(std::vector<FaultyTree::Named>())) {
    text += unix_line(entry, shared_.options);
  }
  return text;
}

std::optional<std::string> FaultyDialogue::machine_listing(const std::string& argument) const {
  const std::string path = path_of(argument);
  const auto own = shared_.tree.find(path);
  const auto entries = shared_.tree.list(path);
  if (!own || !entries) {
    return std::nullopt;
  }
  std::string text = facts(*own, "cdir") + " .\r\n";
  for (const FaultyTree::Named& entry : *entries) {
    text += facts(entry, "dir") + " " + entry.name + "\r\n";
  }
  return text;
}

void FaultyDialogue::stat(const std::string& argument) {
  if (argument.empty()) {
    return say("211-Status of 'Faulty'\r\n Connected\r\n211 End of status");
  }
  const auto listing = unix_listing(argument);
  if (!listing) {
    return say("450 " + argument + ": No such file or directory");
  }
  say("213-Status of " + argument + ":\r\n" + *listing + "213 End of status");
}

void FaultyDialogue::size(const std::string& argument) {
  const auto found = shared_.tree.find(path_of(argument));
  if (!found) {
    return refuse(argument, "No such file or directory");
  }
  if (found->node.directory) {
    return refuse(argument, "not a regular file");
  }
  say(fmt::format("213 {}", found->size));
}

void FaultyDialogue::mdtm(const std::string& argument) {
  const auto found = shared_.tree.find(path_of(argument));
  if (!found || found->node.directory) {
    return refuse(argument, found ? "not a plain file." : "No such file or directory");
  }
  say("213 " + wire_time(found->node.mtime));
}

void FaultyDialogue::mfmt(const std::string& argument) {
  const auto blank = argument.find(' ');
  const auto time = parse_wire_time(argument.substr(0, blank));
  if (!shared_.options.mfmt || blank == std::string::npos || !time) {
    return say(shared_.options.mfmt ? "501 Invalid syntax" : "500 MFMT not understood");
  }
  const std::string name = argument.substr(blank + 1);
  answer(name, shared_.tree.set_mtime(path_of(name), *time),
         "213 Modify=" + wire_time(*time) + "; " + path_of(name));
}

void FaultyDialogue::dele(const std::string& argument) {
  answer(argument, shared_.tree.remove_file(path_of(argument)), "250 DELE command successful");
}

void FaultyDialogue::mkd(const std::string& argument) {
  const std::string path = path_of(argument);
  answer(argument, shared_.tree.make_directory(path),
         "257 " + quoted(path) + " - Directory successfully created");
}

void FaultyDialogue::rmd(const std::string& argument) {
  answer(argument, shared_.tree.remove_directory(path_of(argument)), "250 RMD command successful");
}

void FaultyDialogue::rnfr(const std::string& argument) {
  const std::string path = path_of(argument);
  if (!shared_.tree.exists(path)) {
    return refuse(argument, "No such file or directory");
  }
  rename_from_ = path;
  say("350 File or directory exists, ready for destination name");
}

void FaultyDialogue::rnto(const std::string& argument) {
  if (rename_from_.empty()) {
    return say("503 Bad sequence of commands");
  }
  const std::string from = std::exchange(rename_from_, {});
  std::string to = path_of(argument);
  if (to == from) {  // the same name, perhaps in another case
    to.replace(to.rfind('/') + 1, std::string::npos, argument.substr(argument.rfind('/') + 1));
  } else if (!shared_.options.rename_overwrites && shared_.tree.exists(to)) {
    return say("550 Rename " + argument + ": File exists");
  }
  const auto refusal = shared_.tree.rename(from, to);
  say(refusal ? "550 Rename " + argument + ": " + *refusal : "250 Rename successful");
}

void FaultyDialogue::site(const std::string& argument) {
  if (shared_.options.ibm_i) {
    return site_of_ibm_i(argument);
  }
  std::string word = argument.substr(0, argument.find(' '));
  for (char& c : word) {
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  const auto mode_end = argument.find(' ', word.size() + 1);
  if ((word != "CHMOD" && word != "UTIME") || mode_end == std::string::npos) {
    return say("500 'SITE " + word + "' not understood");
  }
  const std::string name = argument.substr(mode_end + 1);
  if (word == "UTIME") {
    const std::size_t begin = word.size() + 1;
    const auto time = parse_wire_time(argument.substr(begin, mode_end - begin));
    return time ? answer(name, shared_.tree.set_mtime(path_of(name), *time), "200 UTIME OK")
                : say("501 Invalid syntax");
  }
  constexpr int kOctal = 8;
  const unsigned long mode = std::strtoul(argument.c_str() + word.size(), nullptr, kOctal);
  answer(name, shared_.tree.set_mode(path_of(name), static_cast<unsigned>(mode)),
         "200 SITE CHMOD command successful");
}

}  // namespace ftpsfs::test
