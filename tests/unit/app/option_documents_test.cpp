// SPDX-License-Identifier: MIT
//
// README.md and the man page hold the option table as the code has it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/app/option_parser.hpp"
#include "ftpsfs/app/option_table.hpp"

namespace ftpsfs::app {
namespace {

std::string read_project_file(const std::string& path) {
  std::ifstream file(std::string(FTPSFS_TEST_DATA) + "/../../" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What stands between the lines that hold `begin` and `end`.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find('\n', text.find(begin));
  const std::size_t to = text.rfind('\n', text.find(end));
  return from < to && to != std::string::npos ? text.substr(from + 1, to - from) : "";
}

TEST(Documents, ReadmeHasTheOptionTableOfTheCode) {
  EXPECT_EQ(between(read_project_file("README.md"), "<!-- options:begin", "<!-- options:end"),
            options_as_markdown())
      << "put the output of `ftpsfs help --markdown` between the markers in README.md";
}

TEST(Documents, ManPageHasTheOptionListOfTheCode) {
  EXPECT_EQ(
      between(read_project_file("contrib/man/ftpsfs.1.scd"), "; options:begin", "; options:end"),
      options_as_scdoc())
      << "put the output of `ftpsfs help --scdoc` between the markers in ftpsfs.1.scd";
}

TEST(Documents, CompletionsAreThoseOfTheCode) {
  for (const auto& [file, text] :
       {std::pair("ftpsfs.bash", completion_for_bash()), std::pair("_ftpsfs", completion_for_zsh()),
        std::pair("ftpsfs.fish", completion_for_fish())}) {
    EXPECT_EQ(read_project_file(std::string("contrib/completion/") + file), text)
        << "put the output of `ftpsfs help --completion=SHELL` into contrib/completion/" << file;
  }
}

TEST(Documents, ManPageOfMountHelperHasItsUsage) {
  const std::string page = read_project_file("contrib/man/mount.ftpsfs.8.scd");
  EXPECT_THAT(page, testing::HasSubstr("[*-sfnvrw*] [*-t* _type_]"));
  EXPECT_THAT(page, testing::HasSubstr("[*-flnrv*]"));
}

TEST(Documents, HelpLinesFitATerminal) {
  for (const Command command :
       {Command::mount, Command::check, Command::umount, Command::status, Command::uploads}) {
    std::istringstream text(help_text(command));
    for (std::string line; std::getline(text, line);) {
      EXPECT_LE(line.size(), 100U) << line;
    }
  }
}

TEST(Documents, HelpNamesEveryCommand) {
  for (const char* name : {"check", "umount", "status", "refresh", "reload", "uploads", "log-level",
                           "help", "version"}) {
    EXPECT_THAT(help_text(Command::mount), testing::HasSubstr(std::string("ftpsfs ") + name));
  }
}

/// The words of a line of a shell, as far as documents use one: quotes, and a comment at the end.
std::vector<std::string> shell_words(const std::string& line) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0 ? c == quote : c == '"' || c == '\'') {
      quote = quote != 0 ? '\0' : c;
      if (!in_word) {
        words.emplace_back();
      }
      in_word = true;
    } else if (quote == 0 && c == ' ') {
      in_word = false;
    } else if (quote == 0 && c == '#' && !in_word) {
      break;
    } else {
      if (!in_word) {
        words.emplace_back();
      }
      in_word = true;
      words.back() += c;
    }
  }
  return words;
}

/// The commands in the blocks of code of a document, one in a line each; brackets around what may
/// be left out are taken away.
std::vector<std::string> commands_in(const std::string& document, const std::string& program) {
  std::vector<std::string> commands;
  std::istringstream text(document);
  bool in_code = false;
  std::string line;
  for (std::string part; std::getline(text, part);) {
    if (part.starts_with("```")) {
      in_code = !in_code;
      continue;
    }
    line += part;
    if (in_code && line.ends_with('\\')) {
      line.pop_back();
      continue;
    }
    const std::string command = line.starts_with("$ ") ? line.substr(2) : line;
    if (in_code && command.starts_with(program + " ") &&
        command.find("[options]") == std::string::npos) {
      std::string plain;
      std::copy_if(command.begin(), command.end(), std::back_inserter(plain),
                   [](char c) { return c != '[' && c != ']'; });
      commands.push_back(plain);
    }
    line.clear();
  }
  return commands;
}

TEST(Documents, EveryCommandOfOursIsOneThatIsUnderstood) {
  std::size_t checked = 0;
  for (const char* document : {"README.md", "contrib/doc/troubleshooting.md", "contrib/doc/ibmi.md",
                               "contrib/doc/semantics.md", "contrib/man/ftpsfs.1.scd"}) {
    for (const std::string& command : commands_in(read_project_file(document), "ftpsfs")) {
      std::vector<std::string> words = shell_words(command);
      words.erase(words.begin());
      const auto line = parse_command_line(words, "/start");
      EXPECT_TRUE(line) << document << ": " << command << ": " << line.error().text;
      ++checked;
    }
  }
  EXPECT_GT(checked, 15U);
}

TEST(Documents, EveryLineForFstabIsOneThatIsUnderstood) {
  std::size_t checked = 0;
  for (const char* document : {"README.md", "contrib/example/fstab", "contrib/man/ftpsfs.1.scd",
                               "contrib/man/mount.ftpsfs.8.scd"}) {
    std::istringstream text(read_project_file(document));
    for (std::string line; std::getline(text, line);) {
      for (std::size_t at = 0; (at = line.find("=orders,")) != std::string::npos;) {
        line.replace(at, 8, "=0,");  // a user that this machine need not know
      }
      const std::vector<std::string> fields = shell_words(line);
      if (fields.size() != 6 || fields[2] != "ftpsfs") {
        continue;
      }
      const std::vector<std::string> words = {fields[0], fields[1], "-o", fields[3]};
      const auto parsed = parse_mount_helper_line(words, "/start");
      EXPECT_TRUE(parsed) << document << ": " << line << ": " << parsed.error().text;
      ++checked;
    }
  }
  EXPECT_GE(checked, 8U);
}

}  // namespace
}  // namespace ftpsfs::app
