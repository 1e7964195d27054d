// SPDX-License-Identifier: MIT
#include "ftpsfs/app/password_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stop_token>

namespace ftpsfs::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Result<Secret> run(const std::string& command,
                   Wait wait = Wait::for_at_most(std::chrono::seconds(20))) {
  return run_password_command("password_command", command, Asking::nobody, wait);
}
std::string failure_of(const std::string& command) {
  const auto password = run(command);
  return password ? "no failure" : password.error().text;
}

TEST(PasswordCommand, TheFirstLineIsThePassword) {
  EXPECT_EQ(run("echo ' my word '; echo more")->reveal(), " my word ");
  EXPECT_EQ(run("printf 'word\\r\\n'")->reveal(), "word");
  EXPECT_EQ(run("printf word")->reveal(), "word");
  EXPECT_EQ(run("echo $((40 + 2))")->reveal(), "42") << "a shell runs it";
}

TEST(PasswordCommand, MuchOutputBehindItIsReadAndThrownAway) {
  EXPECT_EQ(run("echo word; head -c 1000000 /dev/zero")->reveal(), "word");
}

TEST(PasswordCommand, ItsFailureIsToldWithTheExitCode) {
  EXPECT_THAT(failure_of("echo hunter2; exit 3"),
              AllOf(HasSubstr("password_command"), HasSubstr("code 3"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(failure_of("kill -9 $$"), HasSubstr("signal 9"));
  EXPECT_THAT(failure_of("/no/such/program 2>&1"), HasSubstr("code 127"));
}

TEST(PasswordCommand, AnEmptyOrEndlessLineIsNoPassword) {
  EXPECT_THAT(failure_of("true"), HasSubstr("empty"));
  EXPECT_THAT(failure_of("echo; echo hunter2"),
              AllOf(HasSubstr("empty"), Not(HasSubstr("hunter"))));
  EXPECT_THAT(failure_of("head -c 5000 /dev/zero | tr '\\0' x"), HasSubstr("1024"));
  EXPECT_THAT(failure_of("printf 'a\\0b\\n'"), HasSubstr("NUL"));
  EXPECT_THAT(failure_of("printf 'a\\rb\\n'"), HasSubstr("carriage return"));
}

TEST(PasswordCommand, ItHasNoInput) {
  EXPECT_EQ(run("read -r line || echo none")->reveal(), "none");
}

TEST(PasswordCommand, ItIsKilledWithAllThatItStarted) {
  const auto late = run("sleep 600 | sleep 600", Wait::for_at_most(std::chrono::milliseconds(50)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::timed_out);
  EXPECT_THAT(late.error().text, HasSubstr("password_command"));
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(run("sleep 600", Wait::for_at_most(std::chrono::seconds(20), stopped.get_token()))
                .error()
                .code,
            Errc::cancelled);
}

TEST(PasswordCommand, WhatItLeavesBehindIsNotWaitedFor) {
  EXPECT_EQ(run("sleep 600 2>/dev/null & echo word; kill $! ")->reveal(), "word");
  EXPECT_EQ(run("(trap '' HUP; sleep 3) & echo word")->reveal(), "word");
}

TEST(PasswordCommand, SignalsAreThemselvesAgainInIt) {
  EXPECT_EQ(run("grep -q '^SigBlk:.0*$' /proc/self/status && echo free")->reveal(), "free");
}

}  // namespace
}  // namespace ftpsfs::app
