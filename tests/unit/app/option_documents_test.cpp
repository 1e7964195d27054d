// SPDX-License-Identifier: MIT
//
// README.md and the man page hold the option table as the code has it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

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

TEST(Documents, HelpLinesFitATerminal) {
  for (const Command command : {Command::mount, Command::check, Command::umount, Command::status}) {
    std::istringstream text(help_text(command));
    for (std::string line; std::getline(text, line);) {
      EXPECT_LE(line.size(), 100U) << line;
    }
  }
}

TEST(Documents, HelpNamesEveryCommand) {
  for (const char* name :
       {"check", "umount", "status", "refresh", "reload", "log-level", "help", "version"}) {
    EXPECT_THAT(help_text(Command::mount), testing::HasSubstr(std::string("ftpsfs ") + name));
  }
}

}  // namespace
}  // namespace ftpsfs::app
