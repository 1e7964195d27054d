// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server.hpp, of_ibm_i(): the ways of IBM i's QTCP, after public transcripts.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

#include "support/faulty_ftps_server_dialogue.hpp"

namespace ftpsfs::test {
namespace {

bool ends_in(const std::string& name, std::string_view suffix) {
  return name.size() > suffix.size() &&
         name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

std::string upper_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

const char* object_type(const FaultyTree::Named& entry) {
  if (ends_in(entry.name, ".LIB")) {
    return "*LIB";
  }
  if (ends_in(entry.name, ".FILE") || ends_in(entry.name, ".SAVF")) {
    return "*FILE";
  }
  if (ends_in(entry.name, ".MBR")) {
    return "*MEM";
  }
  return entry.node.directory ? "*DIR" : "*STMF";
}

}  // namespace

FaultyServerOptions FaultyServerOptions::of_ibm_i() {
  FaultyServerOptions options;
  options.ibm_i = true;
  options.mlst = false;
  options.mfmt = false;
  options.rename_overwrites = false;
  options.banner =
      "220-QTCP at IBMI.EXAMPLE.COM.\r\n220 Connection will close if idle more than 5 minutes.";
  options.system = "215  OS/400 is the remote operating system. The TCP/IP version is \"V7R3M0\".";
  return options;
}

/// What it does not know, and paths in the wrong format.  @return was something said?
bool FaultyDialogue::refuse_as_ibm_i(const std::string& verb) {
  constexpr std::array<std::string_view, 7> kUnknown = {"SIZE", "MDTM", "MFMT", "REST",
                                                        "MLST", "MLSD", "STAT"};
  constexpr std::array<std::string_view, 9> kWithPath = {"CWD",  "RETR", "STOR", "APPE", "DELE",
                                                         "RNFR", "RNTO", "MKD",  "RMD"};
  if (std::find(kUnknown.begin(), kUnknown.end(), verb) != kUnknown.end()) {
    say("500 Subcommand " + verb + " not valid.");
    return true;
  }
  if (name_format_ == 0 && std::find(kWithPath.begin(), kWithPath.end(), verb) != kWithPath.end()) {
    say("501 File must be specified by library/file.member.");
    return true;
  }
  return false;
}

void FaultyDialogue::site_of_ibm_i(const std::string& argument) {
  if (argument == "NAMEFMT 1" || argument == "NAMEFMT 0") {
    name_format_ = argument.back() - '0';
    return say(fmt::format("250  Now using naming format \"{}\".", name_format_));
  }
  if (argument == "LISTFMT 0" || (argument == "LISTFMT 1" && shared_.options.list_format_1)) {
    list_format_ = argument.back() - '0';
    return say(fmt::format("250 List format set to {}.", list_format_));
  }
  say("501 SITE subcommand " + argument + " not valid.");
}

/// LISTFMT 0: a file of a library is followed by its members, and a file begins with itself.
std::string FaultyDialogue::ibm_i_listing(const std::string& path) const {
  const auto line = [](const FaultyTree::Named& entry, const std::string& name) {
    if (ends_in(entry.name, ".MBR")) {
      return fmt::format("{:<10}{:30}{:<10} {}\r\n", "QPGMR", "", "*MEM", name);
    }
    std::tm parts{};
    ::gmtime_r(&entry.node.mtime, &parts);
    std::array<char, 32> date{};
    const std::size_t length = std::strftime(date.data(), date.size(), "%d.%m.%y %T", &parts);
    return fmt::format("{:<10}{:10} {} {:<10} {}\r\n", "QPGMR",
                       entry.node.directory ? 8192 : entry.size, std::string(date.data(), length),
                       object_type(entry), name);
  };
  std::string text;
  const auto own = shared_.tree.find(path);
  if (own && ends_in(path, ".FILE")) {
    text += line(*own, "");
  }
  for (const FaultyTree::Named& entry :
       shared_.tree.list(path).value_or(std::vector<FaultyTree::Named>())) {
    const bool is_file = ends_in(entry.name, ".FILE");
    const bool slash = entry.node.directory && !is_file;
    text += line(entry, entry.name + (slash ? "/" : ""));
    if (is_file) {
      for (const FaultyTree::Named& member :
           shared_.tree.list(path + "/" + entry.name).value_or(std::vector<FaultyTree::Named>())) {
        text += line(member, entry.name + "/" + member.name);
      }
    }
  }
  return text;
}

/// The path in the tree's own spelling, as far as it exists.
std::string FaultyDialogue::in_any_case(const std::string& path) const {
  std::string found;
  for (std::size_t begin = 1; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    std::string name = path.substr(begin, end - begin);
    for (const FaultyTree::Named& entry : shared_.tree.list(found.empty() ? "/" : found)
                                              .value_or(std::vector<FaultyTree::Named>())) {
      if (upper_case(entry.name) == upper_case(name)) {
        name = entry.name;
        break;
      }
    }
    found += "/" + name;
    begin = end + 1;
  }
  return found.empty() ? "/" : found;
}

/// Its own words around transfers.
std::string FaultyDialogue::words_of_ibm_i(const std::string& reply, bool of_list) {
  if (reply.starts_with("150 ")) {
    return of_list ? "125 List started." : "150-NAMEFMT set to 1.\r\n150 Transfer started.";
  }
  if (reply.starts_with("226 Transfer")) {
    return of_list ? "250 List completed." : "250 File transfer completed successfully.";
  }
  return reply;
}

}  // namespace ftpsfs::test
