// SPDX-License-Identifier: MIT
//
// The ways of Microsoft's IIS (7 and newer), after public transcripts; listings as in
// tests/data/ftp/listings/dos.txt.
#include <fmt/core.h>

#include "support/faulty_ftps_server_manner.hpp"

namespace ftpsfs::test {
namespace {

std::string dos_line(const FaultyTree::Named& entry, int east) {
  const std::string what =
      entry.node.directory ? fmt::format("{:<14}", "<DIR>") : fmt::format("{}", entry.size);
  return fmt::format("{}{:>21} {}\r\n", time_text(entry.node.mtime + east, "%m-%d-%y  %I:%M%p"),
                     what, entry.name);
}

class Iis final : public CaseFoldingManner {
 public:
  using CaseFoldingManner::CaseFoldingManner;

  std::optional<std::string> answer(const ServerRequest& request) override {
    if (request.verb == "FEAT") {
      return "211-Extended features supported:\r\n LANG EN*\r\n UTF8\r\n"
             " AUTH TLS;TLS-C;SSL;TLS-P;\r\n PBSZ\r\n PROT C;P;\r\n CCC\r\n HOST\r\n SIZE\r\n"
             " MDTM\r\n REST STREAM\r\n211 END";
    }
    if (is_one_of(request.verb, {"MLST", "MLSD", "MFMT", "MFF", "STAT", "SITE"})) {
      return "500 '" + request.verb + "': command not understood.";
    }
    if (request.verb == "PWD") {
      return "257 \"" + request.directory + "\" is current directory.";
    }
    return std::nullopt;
  }

  std::string in_words(const ServerRequest& request, const std::string& reply) const override {
    constexpr std::string_view kNotFound = "550 The system cannot find the file specified. ";
    constexpr std::string_view kTaken = "550 Cannot create a file when that file already exists. ";
    return reworded(
        {{"USER", "331", "", "331 Password required"},
         {"PASS", "230", "", "230 User logged in."},
         {"PASS", "530", "", "530 User cannot log in."},
         {"PBSZ", "200", "", "200 PBSZ command successful."},
         {"PROT", "200", "", "200 PROT command successful."},
         {"TYPE", "200", "", "200 Type set to I."},
         {"OPTS", "200", "", "200 OPTS UTF8 command successful - UTF8 encoding now ON."},
         {"NOOP", "200", "", "200 noop command successful."},
         {"CWD", "250", "", "250 CWD command successful."},
         {"RNFR", "350", "", "350 Requested file action pending further information."},
         {"RNTO", "250", "", "250 RNTO command successful."},
         {"DELE", "250", "", "250 DELE command successful."},
         {"RMD", "250", "", "250 RMD command successful."},
         {"MKD", "257", "", "257 \"%s\" directory created."},
         {"REST", "350", "", "350 Restarting at %s."},
         {"*", "150", "", "125 Data connection already open; Transfer starting."},
         {"*", "226 Transfer", "", "226 Transfer complete."},
         {"*", "450", "No such file or directory", kNotFound},
         {"*", "550", "No such file or directory", kNotFound},
         {"*", "550", "File exists", kTaken},
         {"*", "550", "Directory not empty", "550 The directory is not empty. "},
         {"*", "550", "Not a directory", "550 The directory name is invalid. "},
         {"*", "550", "", "550 Access is denied. "}},
        request, reply);
  }

  /// Names with a dot in front are as others, and options are none: "-a" is no name either.
  std::optional<std::string> listing(const ServerRequest& request) const override {
    ServerRequest named = request;
    if (named.argument.starts_with("-")) {
      named.argument.clear();
    }
    const std::string path = path_of(named);
    const auto own = tree().find(path);
    if (!own) {
      return std::nullopt;
    }
    if (!own->node.directory) {
      return dos_line(*own, options().list_east);
    }
    std::string text;
    for (const FaultyTree::Named& entry : children_of(path)) {
      text += dos_line(entry, options().list_east);
    }
    return text;
  }
};

}  // namespace

FaultyServerOptions options_of_iis() {
  FaultyServerOptions options;
  options.manner = Manner::iis;
  options.mlst = false;
  options.mfmt = false;
  options.rename_overwrites = false;
  options.banner = "220 Microsoft FTP Service";
  options.system = "215 Windows_NT";
  return options;
}

std::unique_ptr<ServerManner> make_iis(const FaultyServerOptions& options, const FaultyTree& tree) {
  return std::make_unique<Iis>(options, tree);
}

}  // namespace ftpsfs::test
