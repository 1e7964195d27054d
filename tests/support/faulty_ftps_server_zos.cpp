// SPDX-License-Identifier: MIT
//
// The ways of IBM's FTP server on z/OS, after its reply codes (IP and SNA Codes) and public
// transcripts; listings as in tests/data/ftp/listings/mvs.txt. SIZE, MDTM, REST and UTF8 are
// extensions that its administrator switches on (EXTENSIONS in FTP.DATA): here they are not.
//
// Data sets are a second tree beside that of HFS, which no path with '/' leads to: see data_set().
#include <fmt/core.h>

#include <algorithm>

#include "support/faulty_ftps_server_manner.hpp"

namespace ftpsfs::test {
namespace {

constexpr std::string_view kCatalog = "catalog:";

/// "TESTER.CNTL" of "'TESTER.CNTL'".
std::string without_quotes(const std::string& name) {
  const std::size_t begin = name.starts_with("'") ? 1 : 0;
  const std::size_t end = name.size() - (ends_in(name, "'") ? 1 : 0);
  return upper_case(name.substr(begin, end - begin));
}

std::string data_set_line(const FaultyTree::Named& entry, const std::string& name) {
  return fmt::format("F1DBAR 3390   {}  3   19  FB      80  3120  {}  {}\r\n",
                     time_text(entry.node.mtime, "%Y/%m/%d"), entry.node.directory ? "PO" : "PS",
                     name);
}

/// With ISPF's statistics; a size is a number of records.
std::string member_line(const FaultyTree::Named& entry) {
  constexpr std::uint64_t kRecord = 80;
  const std::uint64_t records = entry.size / kRecord + 1;
  return fmt::format(" {:<8}  01.00 {} {} {:5} {:5} {:5} {}\r\n", entry.name,
                     time_text(entry.node.mtime, "%Y/%m/%d"),
                     time_text(entry.node.mtime, "%Y/%m/%d %H:%M"), records, records, 0, "TESTER");
}

std::string hfs_line(const FaultyTree::Named& entry) {
  return fmt::format("{}{} {:3} TESTER   SYS1     {:9} {} {}\r\n", entry.node.directory ? 'd' : '-',
                     permission_text(entry.node.mode), entry.node.directory ? 2 : 1,
                     entry.node.directory ? 8192 : entry.size, ls_time(entry.node.mtime),
                     entry.name);
}

class Zos final : public ServerManner {
 public:
  Zos(const FaultyServerOptions& options, const FaultyTree& tree)
      : ServerManner(options, tree), prefix_(upper_case(options.user) + ".") {}

  std::optional<std::string> answer(const ServerRequest& request) override {
    const std::string& verb = request.verb;
    if (verb == "FEAT") {
      return "211- Extensions supported\r\n AUTH TLS\r\n PBSZ\r\n PROT\r\n211 END";
    }
    if (verb == "REST") {
      return "504 Restart requires Block or Compressed transfer mode.";
    }
    if (is_one_of(verb, {"SIZE", "MDTM", "MFMT", "MLST", "MLSD", "STAT", "OPTS"})) {
      return "500 unknown command " + verb;
    }
    if (verb == "SITE" && !upper_case(request.argument).starts_with("CHMOD ")) {
      return "200-Unrecognized parameter '" + request.argument +
             "' on SITE command.\r\n200 SITE command was accepted";
    }
    if (verb == "PWD") {
      return place(request.directory);
    }
    return verb == "CWD" ? change_directory(request) : std::nullopt;
  }

  std::string in_words(const ServerRequest& request, const std::string& reply) const override {
    constexpr std::string_view kNotFound =
        "550 %s: EDC5129I No such file or directory. (errno2=0x053B006C)";
    return reworded(
        {{"USER", "331", "", "331 Send password please."},
         {"PASS", "230", "", "230 User is logged on.  Working directory is \"TESTER.\"."},
         {"PASS", "530", "", "530 PASS command failed"},
         {"PBSZ", "200", "", "200 Protection buffer size accepted"},
         {"PROT", "200", "", "200 Data connection protection set to private"},
         {"TYPE", "200", "", "200 Representation type is Image"},
         {"NOOP", "200", "", "200 OK"},
         {"SITE", "200", "", "200 SITE command was accepted"},
         {"QUIT", "221", "", "221 Quit command received. Goodbye."},
         {"CWD", "250", "", "250 HFS directory %s is the current working directory."},
         {"RNFR", "350", "", "350 RNFR accepted. Please supply new name for RNTO."},
         {"RNTO", "250", "", "250 File renamed to %s"},
         {"DELE", "250", "", "250 %s deleted."},
         {"RMD", "250", "", "250 %s deleted."},
         {"MKD", "257", "", "257 \"%s\" created."},
         {"LIST", "150", "", "125 List started OK"},
         {"LIST", "226", "", "250 List completed successfully."},
         {"LIST", "450", "",
          prefix_.ends_with('.') ? "550 No data sets found." : "550 No members found."},
         {"NLST", "150", "", "125 List started OK"},
         {"NLST", "226", "", "250 List completed successfully."},
         {"RETR", "150", "", "125 Sending data set %s"},
         {"STOR", "150", "", "125 Storing data set %s"},
         {"APPE", "150", "", "125 Appending to data set %s"},
         {"*", "226 Transfer", "", "250 Transfer completed successfully."},
         {"*", "550", "No such file or directory", kNotFound},
         {"*", "550", "File exists", "550 %s: EDC5117I File exists. (errno2=0x055E0022)"},
         {"*", "550", "Directory not empty", "550 %s: EDC5136I Directory not empty."},
         {"*", "550", "Not a directory", "550 %s: EDC5135I Not a directory."}},
        request, reply);
  }

  std::string path_of(const ServerRequest& request) const override {
    const std::string& name = request.argument;
    if (name.starts_with("'")) {
      return data_set(without_quotes(name));
    }
    if (in_hfs_ || name.starts_with("/")) {
      return ServerManner::path_of(request);
    }
    const std::string own = upper_case(name);
    return data_set(prefix_.ends_with('.') ? prefix_ + own : fmt::format("{}({})", prefix_, own));
  }

  std::optional<std::string> listing(const ServerRequest& request) const override {
    if (request.argument.empty() && in_hfs_) {
      return hfs_listing(request.directory);
    }
    if (request.argument.starts_with("/")) {
      return hfs_listing(path_of(request));
    }
    const bool is_whole = !request.argument.empty();  // names in quotes, as the argument's
    const std::string name = is_whole ? without_quotes(request.argument) : prefix_;
    const std::size_t open = name.find('(');
    const auto own = tree().find(data_set(name.substr(0, open)));
    if (own && own->node.directory) {
      return member_listing(name.substr(0, open));
    }
    return data_set_listing(name.substr(0, name.find('*')), is_whole);
  }

 private:
  std::string place(const std::string& directory) const {
    if (in_hfs_) {
      return "257 \"" + directory + "\" is the HFS working directory.";
    }
    return prefix_.ends_with('.')
               ? "257 \"'" + prefix_ + "'\" is working directory."
               : "257 \"'" + prefix_ + "'\" partitioned data set is working directory.";
  }

  /// To any prefix of names, or to a partitioned data set. Else nothing is decided here.
  std::optional<std::string> change_directory(const ServerRequest& request) {
    const std::string& name = request.argument;
    if (in_hfs_ ? !name.starts_with("'") : name.starts_with("/")) {
      const auto found = tree().find(path_of(request));
      in_hfs_ = in_hfs_ || (found && found->node.directory);
      return std::nullopt;
    }
    std::string wanted = name.starts_with("'") ? without_quotes(name) : prefix_ + upper_case(name);
    in_hfs_ = false;
    const auto found = tree().find(data_set(wanted));
    if (found && found->node.directory) {
      prefix_ = wanted;
      return "250 The working directory \"" + prefix_ + "\" is a partitioned data set";
    }
    prefix_ = wanted + (wanted.ends_with('.') ? "" : ".");
    return "250 \"" + prefix_ + "\" is the working directory name prefix.";
  }

  std::optional<std::string> hfs_listing(const std::string& path) const {
    const auto own = tree().find(path);
    if (!own) {
      return std::nullopt;
    }
    if (!own->node.directory) {
      return hfs_line(*own);
    }
    const auto children = children_of(path);
    std::string text = fmt::format("total {}\r\n", children.size() * 16);
    for (const FaultyTree::Named& entry : children) {
      text += hfs_line(entry);
    }
    return text;
  }

  std::optional<std::string> member_listing(const std::string& name) const {
    std::string text;
    for (const FaultyTree::Named& member : children_of(data_set(name))) {
      text += member_line(member);
    }
    return text.empty() ? std::nullopt
                        : std::optional(
                              " Name     VV.MM   Created       Changed      Size  Init   "
                              "Mod   Id\r\n" +
                              text);
  }

  std::optional<std::string> data_set_listing(const std::string& prefix, bool is_whole) const {
    std::string text;
    for (const FaultyTree::Named& each : children_of(std::string(kCatalog))) {
      if (each.name.starts_with(prefix)) {
        text +=
            data_set_line(each, is_whole ? "'" + each.name + "'" : each.name.substr(prefix.size()));
      }
    }
    return text.empty() ? std::nullopt
                        : std::optional(
                              "Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg "
                              "Dsname\r\n" +
                              text);
  }

  std::string prefix_;  ///< of data sets' names; without a dot at its end: a partitioned one
  bool in_hfs_ = false;
};

}  // namespace

std::string data_set(const std::string& name) {
  const std::size_t open = name.find('(');
  std::string path = std::string(kCatalog) + "/" + name.substr(0, open);
  if (open != std::string::npos) {
    path += "/" + name.substr(open + 1, name.find(')') - open - 1);
  }
  return path;
}

FaultyServerOptions options_of_zos() {
  FaultyServerOptions options;
  options.manner = Manner::zos;
  options.mlst = false;
  options.mfmt = false;
  options.banner =
      "220-FTPD1 IBM FTP CS V2R4 at ZOS.EXAMPLE.COM, 12:26:40 on 2024-03-05.\r\n"
      "220 Connection will close if idle for more than 5 minutes.";
  options.system = "215 MVS is the operating system of this server. FTP Server is running on z/OS.";
  return options;
}

void furnish_zos(FaultyTree& tree) {
  tree.add_directory(std::string(kCatalog));
}

std::unique_ptr<ServerManner> make_zos(const FaultyServerOptions& options, const FaultyTree& tree) {
  return std::make_unique<Zos>(options, tree);
}

}  // namespace ftpsfs::test
