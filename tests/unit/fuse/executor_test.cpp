// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/executor.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <stdexcept>
#include <vector>

namespace ftpsfs::fuse {
namespace {

using std::chrono::milliseconds;

TEST(Executor, RunsATask) {
  Executor executor({});
  std::promise<int> answer;
  ASSERT_TRUE(executor.submit([&] { answer.set_value(42); }));
  EXPECT_EQ(answer.get_future().get(), 42);
}

TEST(Executor, GrowsWhileAllThreadsAreBusy) {
  std::latch all_run(9);
  std::latch end(1);
  Executor executor({"test", 8, Duration(60'000)});
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(executor.submit([&] {
      all_run.count_down();
      end.wait();
    }));
  }
  all_run.arrive_and_wait();  // eight at the same time
  EXPECT_EQ(executor.counters().threads, 8U);
  end.count_down();
}

TEST(Executor, QueuesBeyondItsLimitAndKeepsTheOrder) {
  std::latch end(1);
  std::vector<int> order;
  Executor executor({"test", 1, Duration(60'000)});
  ASSERT_TRUE(executor.submit([&] { end.wait(); }));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(executor.submit([&order, i] { order.push_back(i); }));
  }
  EXPECT_EQ(executor.counters().threads, 1U);
  EXPECT_EQ(executor.counters().queued, 5U);
  end.count_down();
  executor.stop();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(Executor, UsesTheIdleThreadAgain) {
  Executor executor({"test", 8, Duration(60'000)});
  for (int i = 0; i < 50; ++i) {
    std::promise<void> done;
    ASSERT_TRUE(executor.submit([&] { done.set_value(); }));
    done.get_future().wait();
    while (executor.counters().idle != executor.counters().threads) {
      std::this_thread::yield();
    }
  }
  EXPECT_EQ(executor.counters().threads, 1U);
}

TEST(Executor, IdleThreadsEnd) {
  Executor executor({"test", 8, Duration(1)});
  std::latch together(4);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(executor.submit([&] { together.arrive_and_wait(); }));
  }
  const auto patience = SteadyClock::now() + milliseconds(10'000);
  while (executor.counters().threads != 0 && SteadyClock::now() < patience) {
    std::this_thread::yield();
  }
  EXPECT_EQ(executor.counters().threads, 0U);
  std::promise<void> again;
  ASSERT_TRUE(executor.submit([&] { again.set_value(); }));
  again.get_future().wait();
}

TEST(Executor, AnExceptionEndsItsTaskOnly) {
  Executor executor({"test", 1, Duration(60'000)});
  std::promise<void> next;
  ASSERT_TRUE(executor.submit([] { throw std::runtime_error("a bug"); }));
  ASSERT_TRUE(executor.submit([&] { next.set_value(); }));
  next.get_future().wait();
}

TEST(Executor, StopRunsWhatIsQueuedAndTakesNoMore) {
  std::atomic<int> ran = 0;
  Executor executor({"test", 2, Duration(60'000)});
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(executor.submit([&] { ++ran; }));
  }
  executor.stop();
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(executor.counters().threads, 0U);
  EXPECT_FALSE(executor.submit([&] { ++ran; }));
  executor.stop();  // once more does nothing
  EXPECT_EQ(ran, 100);
}

TEST(Executor, ManySubmittersAndShortLivedThreads) {
  std::atomic<int> ran = 0;
  {
    Executor executor({"test", 4, Duration(0)});
    std::vector<std::thread> submitters;
    for (int i = 0; i < 4; ++i) {
      submitters.emplace_back([&] {
        for (int k = 0; k < 500; ++k) {
          ASSERT_TRUE(executor.submit([&] { ++ran; }));
        }
      });
    }
    for (auto& submitter : submitters) {
      submitter.join();
    }
  }
  EXPECT_EQ(ran, 2000);
}

}  // namespace
}  // namespace ftpsfs::fuse
