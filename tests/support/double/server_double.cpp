// SPDX-License-Identifier: MIT
//
// FaultyFtpsServer as a program: a server in the manner of one that cannot be had for tests, for
// real mounts. Its files are in memory, and filled and looked into by lines on standard input.
//
//   server_double --manner ibmi|iis|zos|proftpd --certificate FILE --key FILE [OPTION…]
//
//   --implicit              TLS from the first byte
//   --list-format 0|1       IBM i: the highest LISTFMT that it knows
//   --client-ca FILE        asks for certificates of this CA
//   --certificate-login     who shows one needs no password
//   --user NAME --password WORD
//   --home PATH             where a login starts
//   --idle-limit MS         ends connections after so long without a command
//   --rename-overwrites 0|1
//
// Prints "port N", and then obeys lines until standard input is closed. Names and contents are in
// hexadecimal. Each answer is one line, "ok …" or "error …":
//
//   directory NAME          makes a directory
//   file NAME MTIME CONTENT makes a file; the time in seconds of 1970, the content may be missing
//   get NAME                ok CONTENT
//   tree NAME               ok NAME… : what is in this directory and below, with its path
//   contents NAME           ok NAME CONTENT… : the same with what is in the files
//   commands                ok LINE… : each command line so far, in hexadecimal
//   fault VERB TIMES REPLY  refuses the next commands of that verb; -1 times: for ever
//   halt WHEN VERB NTH [BYTES]
//       from the NTH command of that verb on nothing goes on: "before" it is carried out, "after"
//       that (with no final reply), or "within" its transfer, after so many bytes. WORK is any verb
//       but those of logins
//   halted                  ok N : how often a dialogue has come to such a halt
//   go                      neither faults nor halts from now on
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/faulty_ftps_server.hpp"
#include "support/require.hpp"

namespace ftpsfs::test {
namespace {

std::string to_hex(const std::string& text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 0xFU];
  }
  return hex;
}

std::string from_hex(const std::string& hex) {
  constexpr int kBase = 16;
  std::string text;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    text += static_cast<char>(std::strtoul(hex.substr(at, 2).c_str(), nullptr, kBase));
  }
  return text;
}

Manner manner_of(const std::string& word) {
  const std::map<std::string, Manner> words{{"proftpd", Manner::proftpd},
                                            {"ibmi", Manner::ibm_i},
                                            {"iis", Manner::iis},
                                            {"zos", Manner::zos}};
  const auto found = words.find(word);
  require(found != words.end(), "--manner");
  return found->second;
}

/// The command line: words that are followed by a value, and some that are not.
class Words {
 public:
  Words(int count, char** words) {
    for (int i = 1; i < count; ++i) {
      const std::string word = words[i];
      require(word.starts_with("--"), "an option begins with --");
      const bool is_flag = word == "--implicit" || word == "--certificate-login";
      require(is_flag || i + 1 < count, "an option wants a value");
      values_[word.substr(2)] = is_flag ? "1" : words[++i];
    }
  }

  std::string value(const std::string& name, const std::string& otherwise = {}) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }
  bool has(const std::string& name) const { return values_.contains(name); }

 private:
  std::map<std::string, std::string> values_;
};

FaultyServerOptions options_of(const Words& words) {
  FaultyServerOptions options = FaultyServerOptions::of(manner_of(words.value("manner")));
  options.implicit_tls = words.has("implicit");
  options.list_format_1 = words.value("list-format", "1") == "1";
  options.own_files = {words.value("certificate"), words.value("key"), words.value("client-ca")};
  options.certificate_login = words.has("certificate-login");
  options.user = words.value("user", options.user);
  options.password = words.value("password", options.password);
  options.home = words.value("home", options.home);
  options.idle_limit =
      std::chrono::milliseconds(std::strtol(words.value("idle-limit", "0").c_str(), nullptr, 10));
  options.rename_overwrites =
      words.value("rename-overwrites", options.rename_overwrites ? "1" : "0") == "1";
  return options;
}

class Orders {
 public:
  explicit Orders(FaultyFtpsServer& server) : server_(server) {}

  std::string obey(const std::string& line) {
    std::istringstream words(line);
    std::string order;
    std::string name;
    words >> order;
    if (order == "commands") {
      std::string text = "ok";
      for (const std::string& each : server_.commands()) {
        text += " " + to_hex(each);
      }
      return text;
    }
    if (order == "fault") {
      return add_fault(words);
    }
    if (order == "halt") {
      return add_halt(words);
    }
    if (order == "halted") {
      return "ok " + to_hex(std::to_string(server_.stalled()));
    }
    if (order == "go") {
      server_.clear_faults();
      return "ok";
    }
    words >> name;
    name = from_hex(name);
    if (order == "directory") {
      server_.tree().add_directory(name);
      return "ok";
    }
    if (order == "file") {
      std::time_t mtime = 0;
      std::string content;
      words >> mtime >> content;
      server_.tree().add_file(name, from_hex(content), mtime);
      return "ok";
    }
    if (order == "get") {
      const auto content = server_.tree().content(name);
      return content ? "ok " + to_hex(*content) : "error: no such file";
    }
    if (order == "tree" || order == "contents") {
      return "ok" + names_below(name, order == "contents");
    }
    return "error: unknown order";
  }

 private:
  std::string add_fault(std::istringstream& words) {
    Fault fault;
    words >> fault.verb >> fault.times;
    std::getline(words >> std::ws, fault.reply);
    server_.add_fault(fault);
    return "ok";
  }

  std::string add_halt(std::istringstream& words) {
    const std::map<std::string, Fault::Kind> kinds{{"before", Fault::Kind::stall},
                                                   {"after", Fault::Kind::stall_reply},
                                                   {"within", Fault::Kind::stall_data}};
    Fault fault;
    std::string when;
    words >> when >> fault.verb >> fault.nth >> fault.bytes;
    const auto kind = kinds.find(when);
    if (kind == kinds.end()) {
      return "error: before, after or within";
    }
    fault.kind = kind->second;
    fault.times = -1;
    server_.add_fault(fault);
    return "ok";
  }

  std::string names_below(const std::string& directory, bool with_contents) {
    std::string text;
    for (const FaultyTree::Named& entry :
         server_.tree().list(directory).value_or(std::vector<FaultyTree::Named>())) {
      const std::string path = (directory == "/" ? "" : directory) + "/" + entry.name;
      if (entry.node.directory) {
        text += " " + to_hex(path) + (with_contents ? " -" : "") + names_below(path, with_contents);
      } else if (!with_contents) {
        text += " " + to_hex(path);
      } else if (const auto content = server_.tree().content(path)) {
        // In quotes, as it may be empty; a directory has a dash.
        text += " " + to_hex(path) + " \"" + to_hex(*content) + '"';
      }
    }
    return text;
  }

  FaultyFtpsServer& server_;
};

void serve(int count, char** words) {
  FaultyFtpsServer server(options_of(Words(count, words)));
  std::cout << "port " << server.port() << std::endl;
  Orders orders(server);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << orders.obey(line) << std::endl;
  }
}

}  // namespace
}  // namespace ftpsfs::test

int main(int argc, char** argv) {
  try {
    ftpsfs::test::serve(argc, argv);
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "server_double: " << e.what() << '\n';
    return 1;
  }
}
