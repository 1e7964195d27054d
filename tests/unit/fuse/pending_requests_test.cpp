// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/pending_requests.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <latch>
#include <thread>

#include "bare_session.hpp"
#include "ftpsfs/fuse/caller_watch.hpp"

namespace ftpsfs::fuse {
namespace {

using Job = PendingRequest::Job;

class PendingRequestsTest : public ::testing::Test {
 protected:
  void SetUp() override { session_.init(); }

  std::shared_ptr<PendingRequest> add(OnInterrupt on_interrupt, Job job) {
    unique_ = session_.kernel.lookup(FUSE_ROOT_ID, "name");
    session_.step();
    return requests_.add(++id_, session_.take_ticket(), on_interrupt,
                         SteadyClock::now() + std::chrono::minutes(1), std::move(job));
  }
  int wait_error() {
    const auto reply = session_.kernel.wait(unique_);
    EXPECT_TRUE(reply);
    return reply ? reply->error : -1;
  }
  bool answered() { return session_.kernel.answered(unique_); }

  BareSession session_;
  PendingRequests requests_;
  PendingRequest::Id id_ = 0;
  test::FakeKernel::Unique unique_ = 0;
};

TEST_F(PendingRequestsTest, TheWorkerReplies) {
  const auto request = add(OnInterrupt::worker_answers,
                           [](PendingRequest& pending) { pending.claim().fail(ENOENT); });
  EXPECT_FALSE(answered());
  request->run();
  EXPECT_EQ(wait_error(), ENOENT);
}

TEST_F(PendingRequestsTest, ADroppedRequestIsAnswered) {
  add(OnInterrupt::worker_answers, [](PendingRequest&) {});
  requests_.remove(id_);
  EXPECT_EQ(wait_error(), EIO);
}

TEST_F(PendingRequestsTest, WhatNoWorkerHasBegunIsAnsweredAtOnceAndNeverRun) {
  bool ran = false;
  auto held = std::make_shared<int>();
  const std::weak_ptr<int> watched = held;
  const auto request =
      add(OnInterrupt::worker_answers, [&ran, held](PendingRequest&) { ran = true; });
  held.reset();
  request->interrupt();
  EXPECT_EQ(wait_error(), EINTR);
  EXPECT_TRUE(watched.expired()) << "the job holds on to its memory";
  request->run();
  EXPECT_FALSE(ran);
}

TEST_F(PendingRequestsTest, AWorkerThatAnswersIsStoppedOnly) {
  const auto request = add(OnInterrupt::worker_answers, [this](PendingRequest& pending) {
    EXPECT_FALSE(pending.request().wait.stop.stop_requested());
    pending.interrupt();
    EXPECT_TRUE(pending.request().wait.stop.stop_requested());
    EXPECT_FALSE(answered());
    pending.claim().fail(0);  // it had taken the bytes already
  });
  request->run();
  EXPECT_EQ(wait_error(), 0);
}

TEST_F(PendingRequestsTest, AMutationIsAnsweredNowAndItsWorkerIsToldSo) {
  bool told = false;
  const auto request = add(OnInterrupt::answered_now, [&](PendingRequest& pending) {
    pending.interrupt();
    EXPECT_EQ(wait_error(), EINTR);
    EXPECT_TRUE(pending.request().wait.stop.stop_requested());
    told = !pending.claim();
  });
  request->run();
  EXPECT_TRUE(told);
  EXPECT_EQ(session_.kernel.surplus_replies(), 0U);
}

TEST_F(PendingRequestsTest, AbandoningRepliesForTheWorker) {
  const auto request = add(OnInterrupt::worker_answers, [&](PendingRequest& pending) {
    pending.abandon(EIO);
    EXPECT_FALSE(pending.claim());
  });
  request->run();
  EXPECT_EQ(wait_error(), EIO);
}

TEST_F(PendingRequestsTest, ExactlyOneRepliesWhateverTheRace) {
  for (int round = 0; round < 500; ++round) {
    const bool now = round % 2 == 0;
    const auto request = add(now ? OnInterrupt::answered_now : OnInterrupt::worker_answers,
                             [](PendingRequest& pending) { pending.claim().fail(ENOENT); });
    std::latch start(3);
    std::thread worker([&] {
      start.arrive_and_wait();
      request->run();
    });
    std::thread stopper([&] {
      start.arrive_and_wait();
      request->abandon(EIO);
    });
    start.arrive_and_wait();
    request->interrupt();
    worker.join();
    stopper.join();
    requests_.remove(id_);
    ASSERT_TRUE(session_.kernel.wait(unique_));
  }
  EXPECT_EQ(session_.kernel.surplus_replies(), 0U);
}

TEST_F(PendingRequestsTest, ClosingInterruptsWhatIsThereAndWhatStillComes) {
  add(OnInterrupt::worker_answers, [](PendingRequest&) {});
  requests_.close();
  EXPECT_EQ(wait_error(), EINTR);
  add(OnInterrupt::worker_answers, [](PendingRequest&) {});
  EXPECT_EQ(wait_error(), EINTR);
}

TEST_F(PendingRequestsTest, WaitsForTheFirstAndTheLast) {
  EXPECT_TRUE(requests_.wait_for_none(Wait::for_at_most(Duration(0))));
  EXPECT_FALSE(requests_.wait_for_any(Wait::for_at_most(Duration(0))));
  std::thread waiting([this] {
    EXPECT_TRUE(requests_.wait_for_any(Wait::for_at_most(Duration(10'000))));
    requests_.remove(1);
  });
  add(OnInterrupt::worker_answers, [](PendingRequest&) {});
  EXPECT_TRUE(requests_.wait_for_none(Wait::for_at_most(Duration(10'000))));
  waiting.join();
  EXPECT_EQ(requests_.size(), 0U);
}

class StoppedChild {
 public:
  StoppedChild() : pid_(::fork()) {
    if (pid_ == 0) {
      ::raise(SIGSTOP);
      ::_exit(0);
    }
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WNOWAIT);
  }
  ~StoppedChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST_F(PendingRequestsTest, TheWatchSeesAKillThatTheKernelDoesNotTell) {
  // A stopped process keeps a deadly signal pending, as one in a FUSE wait does.
  const StoppedChild caller;
  session_.kernel.act_as(caller.pid());
  const auto request = add(OnInterrupt::worker_answers, [](PendingRequest&) {});
  EXPECT_EQ(request->pid(), caller.pid());
  const CallerWatch watch(requests_);
  EXPECT_FALSE(session_.kernel.wait(unique_, 3 * CallerWatch::kInterval));
  ::kill(caller.pid(), SIGTERM);
  EXPECT_EQ(wait_error(), EINTR);
}

}  // namespace
}  // namespace ftpsfs::fuse
