// SPDX-License-Identifier: MIT
#include "ftpsfs/app/signal_thread.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <vector>

#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::app {
namespace {

TEST(SignalThreads, SignalsBecomeCalls) {
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
