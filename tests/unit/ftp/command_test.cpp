// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/command.hpp"

#include <gtest/gtest.h>

#include <new>
#include <string>
#include <utility>
#include <vector>

namespace ftpsfs::ftp {
namespace {

TEST(Command, GoesOverTheWireAsOneLine) {
  const auto command = Command::make("RETR", "two words [x].txt");
  ASSERT_TRUE(command);
  EXPECT_EQ(command->wire(), "RETR two words [x].txt\r\n");
  EXPECT_EQ(command->verb(), "RETR");
  EXPECT_EQ(command->argument(), "two words [x].txt");
  EXPECT_EQ(command->log_form(), "RETR two words [x].txt");
  EXPECT_FALSE(command->is_secret());
}

TEST(Command, WithoutArgumentHasNoBlank) {
  const auto command = Command::make("NOOP");
  ASSERT_TRUE(command);
  EXPECT_EQ(command->wire(), "NOOP\r\n");
  EXPECT_EQ(command->argument(), "");
  EXPECT_EQ(command->log_form(), "NOOP");
}

TEST(Command, KeepsBlanksAtTheEndsOfAnArgument) {
  EXPECT_EQ(Command::make("DELE", " a ")->wire(), "DELE  a \r\n");
  EXPECT_EQ(Command::make("DELE", " ")->wire(), "DELE  \r\n");
}

TEST(Command, TakesAVerbOfTwoWords) {
  const auto command = Command::make("SITE CHMOD", "644 x");
  ASSERT_TRUE(command);
  EXPECT_EQ(command->verb(), "SITE CHMOD");
  EXPECT_TRUE(Command::make("XSHA256", "x"));
  EXPECT_EQ(command->wire(), "SITE CHMOD 644 x\r\n");
}

TEST(Command, RefusesWhatCouldBecomeASecondCommand) {
  using namespace std::string_literals;
  for (const std::string& name : {"a\rb"s, "a\nDELE b"s, "a\0b"s, "\r"s, "\n"s, "\0"s}) {
    const auto command = Command::make("RETR", name);
    ASSERT_FALSE(command);
    EXPECT_EQ(command.error().code, Errc::invalid_argument);
    EXPECT_EQ(Command::secret("PASS", name).error().code, Errc::invalid_argument);
  }
  for (const char* verb : {"", " ", "RETR ", " RETR", "RE\nTR", "3RETR", "RE-TR", "RETR\r\nDELE"}) {
    EXPECT_FALSE(Command::make(verb, "x")) << verb;
  }
}

TEST(Command, RefusesALineThatServersBreakOn) {
  const std::string fits(Command::kMaxLineBytes - 7, 'n');
  EXPECT_EQ(Command::make("RETR", fits)->wire().size(), Command::kMaxLineBytes);
  const auto command = Command::make("RETR", fits + "n");
  ASSERT_FALSE(command);
  EXPECT_EQ(command.error().code, Errc::name_too_long);
}

TEST(Command, NeverShowsASecret) {
  const auto command = Command::secret("PASS", "hunter2");
  ASSERT_TRUE(command);
  EXPECT_EQ(command->wire(), "PASS hunter2\r\n");
  EXPECT_EQ(command->log_form(), "PASS ***");
  EXPECT_EQ(command->argument(), "");
  EXPECT_TRUE(command->is_secret());
  EXPECT_EQ(Command::secret("PASS", "")->wire(), "PASS \r\n");
  EXPECT_EQ(Command::secret("PASS", "hunter2\n").error().text.find("hunter2"), std::string::npos);
}

TEST(Command, CopiesAndMoves) {
  std::vector<Command> flight;
  flight.push_back(*Command::secret("PASS", std::string(100, 'p')));
  flight.push_back(*Command::make("TYPE", "I"));
  std::vector<Command> copy = flight;
  flight = std::move(copy);
  ASSERT_EQ(flight.size(), 2U);
  EXPECT_EQ(flight[0].wire().size(), 107U);
  EXPECT_TRUE(flight[0].is_secret());
  flight[0] = flight[1];
  EXPECT_EQ(flight[0].wire(), "TYPE I\r\n");
  EXPECT_FALSE(flight[0].is_secret());
}

/// A short secret lies inside the object itself, where we may look after its death.
TEST(Command, WipesASecretWhenItDiesOrMoves) {
  alignas(Command) unsigned char first[sizeof(Command)] = {};
  alignas(Command) unsigned char second[sizeof(Command)] = {};
  const auto holds_secret = [](const unsigned char(&memory)[sizeof(Command)]) {
    return std::string_view(reinterpret_cast<const char*>(memory), sizeof(Command)).find("xyzzy") !=
           std::string_view::npos;
  };
  auto* source = new (first) Command(*Command::secret("PASS", "xyzzy"));
  ASSERT_TRUE(holds_secret(first)) << "the library keeps short strings elsewhere";
  auto* target = new (second) Command(std::move(*source));
  EXPECT_FALSE(holds_secret(first));
  EXPECT_TRUE(holds_secret(second));
  target->~Command();
  EXPECT_FALSE(holds_secret(second));
  source->~Command();
}

}  // namespace
}  // namespace ftpsfs::ftp
