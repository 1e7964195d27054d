// SPDX-License-Identifier: MIT
#include "ftpsfs/app/password_command.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <stop_token>

#include "ftpsfs/base/unique_fd.hpp"
#include "support/temp_directory.hpp"

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

/// A FIFO that the commands hold open: it tells when the last of their processes has gone.
class HeldFifo {
 public:
  HeldFifo() {
    EXPECT_EQ(::mkfifo(path().c_str(), 0600), 0);
    fd_.reset(::open(path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  HeldFifo(const HeldFifo&) = delete;
  HeldFifo& operator=(const HeldFifo&) = delete;

  std::string path() const { return directory_ + "/held"; }
  /// What poll(2) tells of it: POLLIN (a word is there), or POLLHUP alone (all have gone).
  short next() const {
    pollfd item{fd_.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&item, 1, 10'000), 1);
    return item.revents;
  }
  void take_word() const {
    char byte = 0;
    EXPECT_EQ(::read(fd_.get(), &byte, 1), 1);
  }

 private:
  const test::TempDirectory place_;
  const std::string directory_ = place_.path();
  UniqueFd fd_;
};

TEST(PasswordCommand, WhatItHasStartedIsKilledWhenItIs) {
  const HeldFifo held;
  std::stop_source stopped;
  auto running = std::async(std::launch::async, [&] {
    return run("exec 3>" + held.path() + "; printf x >&3; sleep 600 | sleep 600",
               Wait::for_at_most(std::chrono::seconds(20), stopped.get_token()));
  });
  EXPECT_EQ(held.next(), POLLIN);
  held.take_word();
  stopped.request_stop();
  EXPECT_EQ(running.get().error().code, Errc::cancelled);
  EXPECT_EQ(held.next(), POLLHUP);
}

TEST(PasswordCommand, WhatItHasStartedIsKilledAfterItsEnd) {
  const HeldFifo held;
  EXPECT_EQ(run("exec 3>" + held.path() + "; sleep 600 & echo word")->reveal(), "word");
  EXPECT_EQ(held.next(), POLLHUP);
}

TEST(PasswordCommand, WhoEndsAtOnceKillsWhatRuns) {
  const HeldFifo held;
  auto running = std::async(std::launch::async, [&] {
    return run("exec 3>" + held.path() + "; printf x >&3; sleep 600 | sleep 600");
  });
  EXPECT_EQ(held.next(), POLLIN);
  held.take_word();
  while (running.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready) {
    kill_password_commands();  // it may be noted only now
  }
  EXPECT_THAT(running.get().error().text, HasSubstr("signal 9"));
  EXPECT_EQ(held.next(), POLLHUP);
}

TEST(PasswordCommand, EndlessOutputDoesNotHoldUpTheDeadline) {
  for (const char* endless : {"yes", "yes >&2"}) {
    const auto late = run(endless, Wait::for_at_most(std::chrono::milliseconds(200)));
    ASSERT_FALSE(late) << endless;
    EXPECT_EQ(late.error().code, Errc::timed_out) << endless;
  }
}

TEST(PasswordCommand, AnEndThatNobodyKnowsIsAFailure) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  EXPECT_NE(failure_of("echo word; exit 3"), "no failure");
  std::signal(SIGCHLD, before);
}

TEST(PasswordCommand, NoDescriptorOfOursIsOpenInIt) {
  const UniqueFd ours(::fcntl(STDERR_FILENO, F_DUPFD, 57));  // not close-on-exec
  ASSERT_TRUE(ours);
  const std::string place = "/proc/$$/fd/" + std::to_string(ours.get());
  EXPECT_EQ(run("if [ -e " + place + " ]; then echo open; else echo none; fi")->reveal(), "none");
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
