// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server_dialogue.hpp: the commands about files that need no data connection.
#include <fmt/core.h>

#include <cstdlib>
#include <ctime>

#include "support/faulty_ftps_server_dialogue.hpp"

namespace ftpsfs::test {
namespace {

/// RFC 3659's YYYYMMDDHHMMSS.
std::string wire_time(std::time_t time) {
  return time_text(time, "%Y%m%d%H%M%S");
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

std::string facts(const FaultyTree::Named& entry, const char* directory_type) {
  const bool directory = entry.node.directory;
  std::string text = "modify=" + wire_time(entry.node.mtime) + ";";
  text += directory ? "perm=flcdmpe;" : fmt::format("perm=adfrw;size={};", entry.size);
  text += fmt::format("type={};unique=FA{:X};UNIX.mode={:04o};",
                      directory ? directory_type : "file", entry.node.unique, entry.node.mode);
  return text;
}

}  // namespace

ServerRequest FaultyDialogue::asked(const std::string& argument) const {
  return {verb_, argument, directory_};
}

std::string FaultyDialogue::path_of(const std::string& argument) const {
  return manner_->path_of(asked(argument));
}

void FaultyDialogue::answer(const std::string& argument, const FaultyTree::Refusal& refusal,
                            const std::string& success) {
  if (refusal) {
    return refuse(argument, *refusal);
  }
  say(success);
}

void FaultyDialogue::pwd(const std::string& /*argument*/) {
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
  const auto listing = manner_->listing(asked(argument));
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
  const std::string to = manner_->new_path_of(asked(argument));
  const std::string there = path_of(argument);
  if (!shared_.options.rename_overwrites && there != from && shared_.tree.exists(there)) {
    return say("550 Rename " + argument + ": File exists");
  }
  const auto refusal = shared_.tree.rename(from, to);
  say(refusal ? "550 Rename " + argument + ": " + *refusal : "250 Rename successful");
}

void FaultyDialogue::site(const std::string& argument) {
  const std::string word = upper_case(argument.substr(0, argument.find(' ')));
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
