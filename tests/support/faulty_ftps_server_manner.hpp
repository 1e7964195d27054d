// SPDX-License-Identifier: MIT
//
// How one kind of server speaks, where it is not as ProFTPD does: what it lacks, what only it has,
// its words, its paths and its listings. The dialogue asks, and knows no kind by name. One object
// for each control connection, as some of it is state; used by that connection's thread.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "support/faulty_ftps_server.hpp"
#include "support/faulty_ftps_server_tree.hpp"

namespace ftpsfs::test {

struct ServerRequest {
  std::string verb{};  ///< upper case
  std::string argument{};
  std::string directory{};  ///< in which the session is: a path of the tree
};

/// What ProFTPD does, as far as a kind of server does not say otherwise.
class ServerManner {
 public:
  /// Both must outlive it.
  ServerManner(const FaultyServerOptions& options, const FaultyTree& tree)
      : options_(options), tree_(tree) {}
  virtual ~ServerManner() = default;
  ServerManner(const ServerManner&) = delete;
  ServerManner& operator=(const ServerManner&) = delete;

  /// The answer to what this kind lacks, and to what only it has.
  /// @return nullopt: to be obeyed as ProFTPD does.
  virtual std::optional<std::string> answer(const ServerRequest& /*request*/) {
    return std::nullopt;
  }

  /// In this kind's words what ProFTPD would reply.
  virtual std::string in_words(const ServerRequest& /*request*/, const std::string& reply) const {
    return reply;
  }

  /// The tree's path of what an argument means.
  virtual std::string path_of(const ServerRequest& request) const;
  /// The same for a name that something is to get.
  virtual std::string new_path_of(const ServerRequest& request) const { return path_of(request); }

  /// What LIST and STAT show. @return nullopt: refused.
  virtual std::optional<std::string> listing(const ServerRequest& request) const;

 protected:
  const FaultyServerOptions& options() const { return options_; }
  const FaultyTree& tree() const { return tree_; }
  /// Empty where there is no such directory.
  std::vector<FaultyTree::Named> children_of(const std::string& path) const;

 private:
  const FaultyServerOptions& options_;
  const FaultyTree& tree_;
};

/// The same for kinds to which names that differ in case are one.
class CaseFoldingManner : public ServerManner {
 public:
  using ServerManner::ServerManner;

  /// In the tree's own spelling, as far as it exists.
  std::string path_of(const ServerRequest& request) const override;
  /// But for the last component: a file may get its own name in another case.
  std::string new_path_of(const ServerRequest& request) const override;

 private:
  std::string in_any_case(const std::string& path) const;
};

std::unique_ptr<ServerManner> make_manner(const FaultyServerOptions& options,
                                          const FaultyTree& tree);
/// Makes what is there on each server of this kind.
void furnish(FaultyTree& tree, Manner manner);

// Each in a file of its own: faulty_ftps_server_ibmi.cpp, …_iis.cpp, …_zos.cpp.
FaultyServerOptions options_of_ibm_i();
std::unique_ptr<ServerManner> make_ibm_i(const FaultyServerOptions& options,
                                         const FaultyTree& tree);
FaultyServerOptions options_of_iis();
std::unique_ptr<ServerManner> make_iis(const FaultyServerOptions& options, const FaultyTree& tree);
FaultyServerOptions options_of_zos();
std::unique_ptr<ServerManner> make_zos(const FaultyServerOptions& options, const FaultyTree& tree);
void furnish_zos(FaultyTree& tree);

// ---- What kinds of servers have in common ----

/// What is said in place of a reply.
struct Wording {
  std::string_view verb;    ///< of the command; "*" = any
  std::string_view begins;  ///< the reply: "226"
  std::string_view ends;    ///< the reply: "File exists"; empty: in any way
  std::string_view says;    ///< "%s" in it is the command's argument
};
/// By the first row that fits; else the reply as it is.
std::string reworded(std::initializer_list<Wording> table, const ServerRequest& request,
                     const std::string& reply);

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words);
bool ends_in(std::string_view text, std::string_view suffix);
std::string upper_case(std::string text);
/// `format` as strftime(3) has it, in UTC.
std::string time_text(std::time_t time, const char* format);
/// The time as `ls -l` shows it: with the hour, or, after half a year, with the year.
/// @param east of UTC, in seconds: where the clock is that it shows.
std::string ls_time(std::time_t time, int east = 0);
/// "rwxr-xr-x"
std::string permission_text(unsigned mode);

}  // namespace ftpsfs::test
