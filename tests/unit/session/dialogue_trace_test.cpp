// SPDX-License-Identifier: MIT
#include "ftpsfs/session/dialogue_trace.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "ftpsfs/session/control_channel.hpp"
#include "soon.hpp"
#include "support/scripted_peer.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::session {
namespace {

using std::chrono::microseconds;
using test::ScriptedPeer;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

WallTime at(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

TEST(TraceLine, HasTimeSessionDirectionAndText) {
  EXPECT_EQ(DialogueTrace::line(at(1'773'044'130'007), 3, '>', "RETR /a b", std::nullopt),
            "2026-03-09T08:15:30.007Z #3 > RETR /a b\n");
}

TEST(TraceLine, TellsHowLongTheReplyTook) {
  const DialogueTrace::Asked retr{"RETR", microseconds(62'749)};
  EXPECT_EQ(DialogueTrace::line(at(0), 12, '<', "226 Done", retr),
            "1970-01-01T00:00:00.000Z #12 < 226 Done (RETR after 62.7 ms)\n");
  EXPECT_THAT(DialogueTrace::line(at(0), 1, '<', "x", DialogueTrace::Asked{}),
              EndsWith(" x (after 0.0 ms)\n"));
}

TEST(TraceLine, IsOneLineWhateverTheServerSays) {
  EXPECT_THAT(DialogueTrace::line(at(0), 1, '<', "220 a\r\n#2 > QUIT\x1b[2J", std::nullopt),
              EndsWith("220 a\\x0d\\x0a#2 > QUIT\\x1b[2J\n"));
}

TEST(TraceLine, IsBoundedAndKeepsItsEnd) {
  const DialogueTrace::Asked asked{"MLST", microseconds(1000)};
  for (const char letter : {'x', '\x01'}) {
    const std::string line =
        DialogueTrace::line(at(0), UINT64_MAX, '<', std::string(5000, letter), asked);
    EXPECT_EQ(line.size(), DialogueTrace::kLongestLine);
    EXPECT_THAT(line, EndsWith("… (MLST after 1.0 ms)\n"));
  }
}

class TraceFile : public testing::Test {
 protected:
  void SetUp() override { path_ = directory_ + "/trace"; }

  std::string content() const {
    std::ifstream file(path_);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  mode_t mode() const {
    struct stat status {};
    EXPECT_EQ(::stat(path_.c_str(), &status), 0);
    return status.st_mode & 07777U;
  }
  std::string refusal() const {
    const auto trace = DialogueTrace::open(path_);
    return trace ? "none" : trace.error().text;
  }

  const test::TempDirectory place_;
  const std::string directory_ = place_.path();
  std::string path_;
};

TEST_F(TraceFile, IsForItsOwnerAloneAndGrows) {
  std::ofstream(path_) << "before\n";
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  const auto trace = DialogueTrace::open(path_);
  ASSERT_TRUE(trace) << trace.error().text;
  EXPECT_EQ(mode(), 0600U);
  (*trace)->note_command(1, "NOOP");
  EXPECT_THAT(content(), MatchesRegex("before\n[^\n]* #1 > NOOP\n"));
  std::filesystem::remove(path_);
  ASSERT_TRUE(DialogueTrace::open(path_));
  EXPECT_EQ(mode(), 0600U) << "whatever the umask is";
}

TEST_F(TraceFile, IsNotWhatALinkLeadsTo) {
  std::ofstream(directory_ + "/target") << "precious";
  std::filesystem::create_symlink(directory_ + "/target", path_);
  EXPECT_THAT(refusal(), HasSubstr("symbolic link"));
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(directory_ + "/nothing", path_);
  EXPECT_THAT(refusal(), HasSubstr("symbolic link"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/nothing"));
  std::filesystem::remove(path_);
  std::filesystem::create_hard_link(directory_ + "/target", path_);
  EXPECT_THAT(refusal(), HasSubstr("hard link"));
}

TEST_F(TraceFile, IsARegularFile) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(refusal(), HasSubstr(path_)) << "and nobody waits for a reader";
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_THAT(refusal(), HasSubstr("directory"));
}

TEST_F(TraceFile, BelongsToWhoOpensIt) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can make another's file";
  }
  std::ofstream(path_) << "x";
  ASSERT_EQ(::chown(path_.c_str(), 12345, 12345), 0);
  EXPECT_THAT(refusal(), HasSubstr("another user"));
}

TEST_F(TraceFile, HasTheDialogueWithTimesAndWithoutSecrets) {
  VerbTimes times;
  const auto trace = DialogueTrace::open(path_);
  ASSERT_TRUE(trace);
  ScriptedPeer peer;
  peer.reply("220 ready").expect_bytes("USER me\r\nPASS geheim\r\n");
  peer.send("331 more\r\n230-welcome\r\n230 in\r\n").expect("RETR /f");
  peer.reply("150 coming").reply("226 done").expect_end();
  auto channel = std::make_unique<ControlChannel>(
      std::make_unique<net::SocketStream>(peer.client()), DialogueNotes{&times, trace->get(), 7});
  ASSERT_TRUE(channel->read_greeting(soon()));
  const std::vector<ftp::Command> login{*ftp::Command::make("USER", "me"),
                                        *ftp::Command::secret("PASS", "geheim")};
  ASSERT_TRUE(channel->exchange(login, soon()));
  ASSERT_TRUE(channel->exchange(*ftp::Command::make("RETR", "/f"), soon()));
  channel.reset();
  EXPECT_EQ(peer.finish(), "");
  EXPECT_THAT(content(), Not(HasSubstr("geheim")));
  std::istringstream lines(content());
  for (const char* form :
       {"< 220 ready", "> USER me", "> PASS \\*\\*\\*", "< 331 more \\(USER after [0-9.]+ ms\\)",
        "< 230.welcome.*in \\(PASS after [0-9.]+ ms\\)", "> RETR /f",
        "< 150 coming \\(RETR after [0-9.]+ ms\\)", "< 226 done \\(RETR after [0-9.]+ ms\\)"}) {
    std::string line;
    ASSERT_TRUE(std::getline(lines, line)) << form;
    EXPECT_THAT(line, MatchesRegex(std::string("[-0-9]+T[0-9:]+\\.[0-9]+Z #7 ") + form));
  }
}

TEST_F(TraceFile, LinesOfManyThreadsStayWhole) {
  const auto trace = DialogueTrace::open(path_);
  ASSERT_TRUE(trace);
  std::vector<std::thread> threads;
  for (std::uint64_t number = 1; number <= 4; ++number) {
    threads.emplace_back([&trace, number] {
      for (int i = 0; i < 200; ++i) {
        (*trace)->note_command(number, std::string(100, static_cast<char>('a' + number)));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::istringstream lines(content());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    ASSERT_THAT(line, MatchesRegex("[-0-9]+T[0-9:]+\\.[0-9]+Z #[1-4] > (b+|c+|d+|e+)"));
    EXPECT_EQ(line.substr(line.size() - 100).find_first_not_of(line.back()), std::string::npos);
  }
  EXPECT_EQ(count, 800);
}

TEST_F(TraceFile, WhatCannotBeWrittenCostsTheDialogueNothing) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  DialogueTrace trace(UniqueFd(::dup(full.get())));
  trace.note_command(1, "NOOP");
  trace.note_command(1, "NOOP");
}

}  // namespace
}  // namespace ftpsfs::session
