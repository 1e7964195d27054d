// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server_manner.hpp: the choice of one, ProFTPD's own, and what others share.
#include "support/faulty_ftps_server_manner.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

namespace ftpsfs::test {
namespace {

std::string proftpd_line(const FaultyTree::Named& entry, const FaultyServerOptions& options) {
  if (!options.unlistable.empty() && entry.name == options.unlistable) {
    return "-????????? ? ? ? ? ? " + entry.name + "\r\n";
  }
  const bool is_link = !entry.node.link_target.empty();
  const char kind = is_link ? 'l' : entry.node.directory ? 'd' : '-';
  std::string line =
      fmt::format("{}{} {:3} user     group    {:12} {} {}", kind, permission_text(entry.node.mode),
                  entry.node.directory ? 2 : 1, entry.node.directory ? 4096 : entry.size,
                  ls_time(entry.node.mtime, options.list_east), entry.name);
  if (is_link) {
    line += " -> " + entry.node.link_target;
  }
  return line + "\r\n";
}

}  // namespace

FaultyServerOptions FaultyServerOptions::of(Manner manner) {
  switch (manner) {
    case Manner::ibm_i:
      return options_of_ibm_i();
    case Manner::iis:
      return options_of_iis();
    case Manner::zos:
      return options_of_zos();
    case Manner::proftpd:
      break;
  }
  return {};
}

std::unique_ptr<ServerManner> make_manner(const FaultyServerOptions& options,
                                          const FaultyTree& tree) {
  switch (options.manner) {
    case Manner::ibm_i:
      return make_ibm_i(options, tree);
    case Manner::iis:
      return make_iis(options, tree);
    case Manner::zos:
      return make_zos(options, tree);
    case Manner::proftpd:
      break;
  }
  return std::make_unique<ServerManner>(options, tree);
}

void furnish(FaultyTree& tree, Manner manner) {
  if (manner == Manner::zos) {
    furnish_zos(tree);
  }
}

std::string ServerManner::path_of(const ServerRequest& request) const {
  return absolute_path(request.directory, request.argument);
}

std::optional<std::string> ServerManner::listing(const ServerRequest& request) const {
  ServerRequest named = request;
  bool shows_itself = false;
  while (named.argument.starts_with("-")) {
    const auto blank = named.argument.find(' ');
    shows_itself = shows_itself || named.argument.substr(0, blank).find('a') != std::string::npos;
    named.argument = blank == std::string::npos ? "" : named.argument.substr(blank + 1);
  }
  const std::string path = path_of(named);
  const auto found = tree_.find(path);
  if (!found) {
    return std::nullopt;
  }
  if (!found->node.directory) {
    return proftpd_line(*found, options_);
  }
  std::string text;
  if (shows_itself && options_.lists_itself) {
    FaultyTree::Named self = *found;
    self.name = ".";
    text += proftpd_line(self, {});
  }
  for (const FaultyTree::Named& entry : children_of(path)) {
    text += proftpd_line(entry, options_);
  }
  return text;
}

std::vector<FaultyTree::Named> ServerManner::children_of(const std::string& path) const {
  return tree_.list(path).value_or(std::vector<FaultyTree::Named>());
}

std::string CaseFoldingManner::in_any_case(const std::string& path) const {
  std::string found;
  for (std::size_t begin = 1; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    std::string name = path.substr(begin, end - begin);
    for (const FaultyTree::Named& entry : children_of(found.empty() ? "/" : found)) {
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

std::string CaseFoldingManner::path_of(const ServerRequest& request) const {
  return in_any_case(ServerManner::path_of(request));
}

std::string CaseFoldingManner::new_path_of(const ServerRequest& request) const {
  const std::string path = ServerManner::path_of(request);
  const std::size_t slash = path.rfind('/');
  const std::string parent = in_any_case(path.substr(0, slash));
  return (parent == "/" ? "" : parent) + path.substr(slash);
}

std::string reworded(std::initializer_list<Wording> table, const ServerRequest& request,
                     const std::string& reply) {
  const auto* const row =
      std::find_if(table.begin(), table.end(), [&request, &reply](const Wording& each) {
        return (each.verb == "*" || each.verb == request.verb) && reply.starts_with(each.begins) &&
               (each.ends.empty() || ends_in(reply, each.ends));
      });
  if (row == table.end()) {
    return reply;
  }
  std::string text(row->says);
  if (const auto at = text.find("%s"); at != std::string::npos) {
    text.replace(at, 2, request.argument);
  }
  return text;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool ends_in(std::string_view text, std::string_view suffix) {
  return text.size() > suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

std::string upper_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string time_text(std::time_t time, const char* format) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

std::string ls_time(std::time_t time, int east) {
  // Half a year is where ls, and every server, goes from the time of day to the year.
  constexpr std::time_t kHalfYear = 182L * 24 * 3600;
  const std::time_t now = std::time(nullptr);
  const bool recent = time > now - kHalfYear && time <= now;
  return time_text(time + east, recent ? "%b %e %H:%M" : "%b %e  %Y");
}

std::string permission_text(unsigned mode) {
  constexpr std::string_view kLetters = "rwxrwxrwx";
  std::string text;
  for (unsigned bit = 0; bit < kLetters.size(); ++bit) {
    text += (mode >> (8 - bit) & 1U) != 0 ? kLetters[bit] : '-';
  }
  return text;
}

}  // namespace ftpsfs::test
