// SPDX-License-Identifier: MIT
#include "ftpsfs/app/signal_thread.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <vector>

#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::app {
namespace {

/// block_signals() is for the whole process, and its children inherit it. It is taken back: what
/// other tests fork must hear SIGTERM.
class SignalThreads : public testing::Test {
 protected:
  SignalThreads() {
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask_);
    ::sigaction(SIGPIPE, nullptr, &on_pipe_);
  }
  ~SignalThreads() override {
    ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
    ::sigaction(SIGPIPE, &on_pipe_, nullptr);
  }

 private:
  sigset_t mask_{};
  struct sigaction on_pipe_ {};
};

TEST_F(SignalThreads, SignalsBecomeCalls) {
  SignalThread::block_signals();
  Mutex mutex;
  ConditionVariable changed;
  std::vector<int> seen;
  const auto saw = [&](std::size_t count) {
    MutexLock lock(mutex);
    return changed.wait(mutex, Wait::for_at_most(std::chrono::seconds(10)),
                        [&] { return seen.size() >= count; });
  };
  {
    const SignalThread thread([&](int number) {
      const MutexLock lock(mutex);
      seen.push_back(number);
      changed.notify_all();
    });
    ::kill(::getpid(), SIGUSR1);
    ASSERT_TRUE(saw(1));
    ::kill(::getpid(), SIGTERM);
    ASSERT_TRUE(saw(2));
    ::raise(SIGPIPE);  // ignored
  }
  EXPECT_EQ(seen, (std::vector<int>{SIGUSR1, SIGTERM}));
}

}  // namespace
}  // namespace ftpsfs::app
