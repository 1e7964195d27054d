// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/caller.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace ftpsfs::fuse {
namespace {

struct Signals {
  std::uint64_t own = 0;
  std::uint64_t shared = 0;
  std::uint64_t blocked = 0;
  std::uint64_t ignored = 0;
  std::uint64_t caught = 0;
};

std::uint64_t bit(int signal) {
  return std::uint64_t{1} << (signal - 1);
}

CallerIntent intent(const Signals& signals) {
  return parse_caller_intent(fmt::format(
      "Name:\tcp\nUmask:\t0022\nState:\tD (disk sleep)\nSigQ:\t0/96343\nSigPnd:\t{:016x}\n"
      "ShdPnd:\t{:016x}\nSigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\nCapInh:\t0\n",
      signals.own, signals.shared, signals.blocked, signals.ignored, signals.caught));
}

TEST(CallerIntent, KillLeaves) {
  EXPECT_EQ(intent({.own = bit(SIGKILL), .shared = bit(SIGKILL)}), CallerIntent::leaving);
  EXPECT_EQ(intent({.shared = bit(SIGKILL)}), CallerIntent::leaving);
}

TEST(CallerIntent, AnUnhandledDeadlySignalLeaves) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGUSR1, SIGSEGV, SIGPIPE, 34}) {
    EXPECT_EQ(intent({.shared = bit(signal)}), CallerIntent::leaving) << signal;
  }
}

TEST(CallerIntent, AProgramThatHandlesItsTimerStays) {
  for (const int signal : {SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGIO, SIGHUP}) {
    EXPECT_EQ(intent({.shared = bit(signal), .caught = bit(signal)}), CallerIntent::staying)
        << signal;
  }
}

TEST(CallerIntent, CtrlCLeavesEvenWhenHandled) {
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT}) {
    EXPECT_EQ(intent({.shared = bit(signal), .caught = bit(signal)}), CallerIntent::leaving);
  }
}

TEST(CallerIntent, HarmlessSignalsStay) {
  for (const int signal : {SIGCHLD, SIGWINCH, SIGURG, SIGCONT, SIGTSTP, SIGSTOP}) {
    EXPECT_EQ(intent({.shared = bit(signal)}), CallerIntent::staying) << signal;
    EXPECT_EQ(intent({.own = bit(signal), .caught = bit(signal)}), CallerIntent::staying);
  }
}

TEST(CallerIntent, BlockedAndIgnoredSignalsStay) {
  EXPECT_EQ(intent({.shared = bit(SIGTERM), .blocked = bit(SIGTERM)}), CallerIntent::staying);
  EXPECT_EQ(intent({.shared = bit(SIGINT), .ignored = bit(SIGINT)}), CallerIntent::staying);
}

TEST(CallerIntent, NoSignalAtAllIsAFreezeOrAnIoUringWakeUp) {
  EXPECT_EQ(intent({}), CallerIntent::staying);
}

TEST(CallerIntent, WithoutTheLinesItIsUnknown) {
  EXPECT_EQ(parse_caller_intent(""), CallerIntent::unknown);
  EXPECT_EQ(parse_caller_intent("Name:\tcp\nSigPnd:\t0\n"), CallerIntent::unknown);
  EXPECT_EQ(parse_caller_intent("\nSigPnd:\tzz\nShdPnd:\t0\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0"),
            CallerIntent::unknown);
}

TEST(CallerIntent, IsReadFromProc) {
  EXPECT_EQ(find_caller_intent(::gettid()), CallerIntent::staying);
  EXPECT_EQ(find_caller_intent(0), CallerIntent::unknown);
  EXPECT_EQ(find_caller_intent(-1), CallerIntent::unknown);
}

TEST(KilledCaller, IsReadFromTheFlags) {
  // From kernel 6.18: a shell in its exit, killed by SIGKILL; and one that exits by itself.
  EXPECT_TRUE(parse_killed("22386 (sh) D 22371 22371 7824 0 -1 4195340 125 0 0 0 0 0"));
  EXPECT_FALSE(parse_killed("22942 (python3) S 22924 22924 7824 0 -1 4194316 2873 6523 0"));
}

TEST(KilledCaller, ANameMayHoldParenthesesAndSpaces) {
  EXPECT_TRUE(parse_killed("1 (a) S (b c) D 2 3 4 0 -1 1024 0"));
  EXPECT_FALSE(parse_killed("1 (1024 1024 1024 1024 1024 1024 1024 1024) D 2 3 4 0 -1 4 0"));
}

TEST(KilledCaller, NonsenseIsNotKilled) {
  for (const char* text :
       {"", ")", "1 (x)", "1 (x) D", "1 (x) D 2 3 4 0 -1", "1 (x) D 2 3 4 5 6 x"}) {
    EXPECT_FALSE(parse_killed(text)) << text;
  }
  EXPECT_FALSE(find_killed(0));
  EXPECT_FALSE(find_killed(::getpid()));
}

TEST(KilledCaller, AZombieKilledByASignalIsSeen) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(find_killed(child));
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace ftpsfs::fuse
