// SPDX-License-Identifier: MIT
//
// The ways of IBM i's QTCP, after public transcripts.
#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "support/faulty_ftps_server_manner.hpp"

namespace ftpsfs::test {
namespace {

constexpr std::string_view kLibraries = "/QSYS.LIB";

bool is_in_library(const std::string& path) {
  return upper_case(path).starts_with(std::string(kLibraries) + "/");
}

/// Names in libraries: at most ten characters and the type of the object.
bool is_object_name(std::string_view name) {
  constexpr std::size_t kLongest = 10;
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot > kLongest) {
    return false;
  }
  const auto is_letter = [](char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '#' || c == '$' || c == '@';
  };
  const std::string_view object = name.substr(0, dot);
  return is_letter(object.front()) &&
         std::all_of(object.begin(), object.end(),
                     [&is_letter](char c) {
                       return is_letter(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 ||
                              c == '_';
                     }) &&
         is_one_of(upper_case(std::string(name.substr(dot + 1))),
                   {"LIB", "FILE", "MBR", "SAVF", "PGM", "DTAARA", "OUTQ", "JOBQ", "USRSPC"});
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

/// A member takes whole pages, however short it is.
std::uint64_t shown_size(const FaultyTree::Named& entry) {
  constexpr std::uint64_t kPage = 4096;
  const bool in_pages = ends_in(entry.name, ".MBR");
  return entry.node.directory ? 8192 : in_pages ? (entry.size / kPage + 1) * kPage : entry.size;
}

std::string format_0_line(const FaultyTree::Named& entry, const std::string& name) {
  if (ends_in(entry.name, ".MBR")) {
    return fmt::format("{:<10}{:30}{:<10} {}\r\n", "QPGMR", "", "*MEM", name);
  }
  return fmt::format("{:<10}{:10} {} {:<10} {}\r\n", "QPGMR", shown_size(entry),
                     time_text(entry.node.mtime, "%d.%m.%y %T"), object_type(entry), name);
}

/// The owner's bits are empty: who logs in has his rights by other ways.
std::string format_1_line(const FaultyTree::Named& entry) {
  return fmt::format("{}---rwxr-x   {} QPGMR    0  {:12} {} {}\r\n",
                     entry.node.directory ? 'd' : '-', entry.node.directory ? 2 : 1,
                     shown_size(entry), ls_time(entry.node.mtime), entry.name);
}

class IbmI final : public CaseFoldingManner {
 public:
  using CaseFoldingManner::CaseFoldingManner;

  std::optional<std::string> answer(const ServerRequest& request) override {
    const std::string& verb = request.verb;
    if (verb == "FEAT") {  // less than it can
      return "211-Extensions supported:\r\n AUTH TLS\r\n CCC\r\n PBSZ\r\n PROT\r\n211 End";
    }
    if (is_one_of(verb, {"SIZE", "MDTM", "MFMT", "REST", "MLST", "MLSD", "STAT"})) {
      return "500 Subcommand " + verb + " not valid.";
    }
    if (verb == "SITE") {
      return obey_site(request.argument);
    }
    if (name_format_ == 0 && verb == "PWD") {
      return "257 \"QGPL\" is current library.";
    }
    const bool makes = is_one_of(verb, {"STOR", "APPE", "RNTO", "MKD"});
    if (!makes && !is_one_of(verb, {"CWD", "RETR", "DELE", "RNFR", "RMD"})) {
      return std::nullopt;
    }
    if (name_format_ == 0) {
      return "501 File must be specified by library/file.member.";
    }
    const std::string path = path_of(request);
    if (makes && is_in_library(path) && !is_object_name(path.substr(path.rfind('/') + 1))) {
      return "550 Name " + request.argument + " not valid.";
    }
    return std::nullopt;
  }

  std::string in_words(const ServerRequest& request, const std::string& reply) const override {
    return reworded({{"LIST", "150", "", "125 List started."},
                     {"LIST", "226", "", "250 List completed."},
                     {"NLST", "150", "", "125 List started."},
                     {"NLST", "226", "", "250 List completed."},
                     {"RETR", "150", "", "150-NAMEFMT set to 1.\r\n150 Retrieving file %s"},
                     {"STOR", "150", "", "150-NAMEFMT set to 1.\r\n150 Sending file to %s"},
                     {"APPE", "150", "", "150-NAMEFMT set to 1.\r\n150 Sending file to %s"},
                     {"*", "226 Transfer", "", "250 File transfer completed successfully."}},
                    request, reply);
  }

  std::optional<std::string> listing(const ServerRequest& request) const override {
    const std::string path = path_of(request);
    const auto own = tree().find(path);
    if (!own) {
      return std::nullopt;
    }
    if (!own->node.directory) {
      return list_format_ == 0 ? format_0_line(*own, own->name) : format_1_line(*own);
    }
    return list_format_ == 0 ? format_0_listing(*own, path) : format_1_listing(path);
  }

 private:
  std::string obey_site(const std::string& argument) {
    if (argument == "NAMEFMT 1" || argument == "NAMEFMT 0") {
      name_format_ = argument.back() - '0';
      return fmt::format("250  Now using naming format \"{}\".", name_format_);
    }
    if (argument == "LISTFMT 0" || (argument == "LISTFMT 1" && options().list_format_1)) {
      list_format_ = argument.back() - '0';
      return fmt::format("250 List format set to {}.", list_format_);
    }
    return "501 SITE subcommand " + argument + " not valid.";
  }

  /// A file of a library is followed by its members, and a file begins with itself.
  std::string format_0_listing(const FaultyTree::Named& own, const std::string& path) const {
    std::string text = ends_in(path, ".FILE") ? format_0_line(own, "") : "";
    for (const FaultyTree::Named& entry : children_of(path)) {
      const bool is_file = ends_in(entry.name, ".FILE");
      text += format_0_line(entry, entry.name + (entry.node.directory && !is_file ? "/" : ""));
      if (is_file) {
        for (const FaultyTree::Named& member : children_of(path + "/" + entry.name)) {
          text += format_0_line(member, entry.name + "/" + member.name);
        }
      }
    }
    return text;
  }

  std::string format_1_listing(const std::string& path) const {
    std::string text;
    for (const FaultyTree::Named& entry : children_of(path)) {
      text += format_1_line(entry);
    }
    return text;
  }

  int name_format_ = 0;
  int list_format_ = 0;
};

}  // namespace

FaultyServerOptions options_of_ibm_i() {
  FaultyServerOptions options;
  options.manner = Manner::ibm_i;
  options.mlst = false;
  options.mfmt = false;
  options.rename_overwrites = false;
  options.banner =
      "220-QTCP at IBMI.EXAMPLE.COM.\r\n220 Connection will close if idle more than 5 minutes.";
  options.system = "215  OS/400 is the remote operating system. The TCP/IP version is \"V7R3M0\".";
  return options;
}

std::unique_ptr<ServerManner> make_ibm_i(const FaultyServerOptions& options,
                                         const FaultyTree& tree) {
  return std::make_unique<IbmI>(options, tree);
}

}  // namespace ftpsfs::test
