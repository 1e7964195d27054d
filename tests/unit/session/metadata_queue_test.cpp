// SPDX-License-Identifier: MIT
#include "ftpsfs/session/metadata_queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <latch>
#include <mutex>
#include <thread>

#include "soon.hpp"

namespace ftpsfs::session {
namespace {

using Replies = MetadataQueue::Replies;

std::vector<ftp::Command> question(int number) {
  return {*ftp::Command::make("MLST", "/f" + std::to_string(number))};
}

/// Flights that stand still until they are let go, each answered by its commands' arguments.
class Carrier {
 public:
  Result<Replies> carry(const MetadataQueue::Load& load) {
    {
      std::unique_lock lock(mutex_);
      ++standing_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
      --standing_;
    }
    const auto commands = load();
    std::lock_guard lock(mutex_);
    flights_.push_back(commands.size());
    if (failure_) {
      return *failure_;
    }
    Replies replies;
    for (const ftp::Command& command : commands) {
      replies.push_back(ftp::Reply{250, {std::string(command.argument())}});
    }
    return replies;
  }
  void await_standing(int flights) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return standing_ == flights; });
  }
  void let_go() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void fail(Error error) { failure_ = std::move(error); }
  std::vector<std::size_t> flights() {
    std::lock_guard lock(mutex_);
    return flights_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int standing_ = 0;
  bool open_ = false;
  std::optional<Error> failure_;
  std::vector<std::size_t> flights_;
};

class MetadataQueueTest : public ::testing::Test {
 protected:
  MetadataQueue make(unsigned most_flights) {
    return MetadataQueue(
        [this](const MetadataQueue::Load& load, const Wait&) { return carrier_.carry(load); },
        most_flights, std::chrono::seconds(20));
  }
  Carrier carrier_;
};

TEST_F(MetadataQueueTest, ALoneQuestionIsAFlight) {
  auto queue = make(2);
  carrier_.let_go();
  const auto replies = queue.ask(question(7), soon());
  ASSERT_TRUE(replies);
  EXPECT_EQ(replies->front().lines.front(), "/f7");
  EXPECT_EQ(carrier_.flights(), std::vector<std::size_t>{1});
}

TEST_F(MetadataQueueTest, WhoWaitsTravelsTogetherAndEachGetsItsOwnAnswer) {
  auto queue = make(1);
  std::atomic<int> wrong{0};
  std::latch asked(64);
  std::vector<std::jthread> callers;
  for (int i = 0; i < 64; ++i) {
    callers.emplace_back([&, i] {
      asked.count_down();
      const auto replies = queue.ask(question(i), soon());
      wrong += replies && replies->front().lines.front() == "/f" + std::to_string(i) ? 0 : 1;
    });
  }
  asked.wait();
  carrier_.await_standing(1);
  carrier_.let_go();
  callers.clear();
  EXPECT_EQ(wrong, 0);
  // How many had queued up when the first left is chance; no question travels twice.
  std::size_t total = 0;
  for (const std::size_t size : carrier_.flights()) {
    total += size;
  }
  EXPECT_EQ(total, 64U);
}

TEST_F(MetadataQueueTest, AFullFlightLeavesTheRestToTheNext) {
  auto queue = make(1);
  std::vector<std::jthread> callers;
  std::atomic<int> answered{0};
  for (int i = 0; i < 5; ++i) {
    callers.emplace_back([&] {
      std::vector<ftp::Command> many;
      for (int k = 0; k < 60; ++k) {
        many.push_back(question(k).front());
      }
      const auto replies = queue.ask(std::move(many), soon());
      answered += replies && replies->size() == 60 ? 1 : 0;
    });
  }
  carrier_.await_standing(1);
  carrier_.let_go();
  callers.clear();
  EXPECT_EQ(answered, 5);
  EXPECT_EQ(carrier_.flights(), std::vector<std::size_t>(5, 60));
}

TEST_F(MetadataQueueTest, AFailedFlightFailsAllAboardAndTheNextFlies) {
  auto queue = make(1);
  carrier_.fail(make_error(Errc::closed, "down"));
  carrier_.let_go();
  EXPECT_EQ(queue.ask(question(1), soon()).error().code, Errc::closed);
  EXPECT_EQ(queue.ask(question(2), soon()).error().code, Errc::closed);
  EXPECT_EQ(carrier_.flights().size(), 2U);
}

TEST_F(MetadataQueueTest, AnInterruptedCallerLeavesAndOthersGoOn) {
  auto queue = make(1);
  std::jthread leader([&] { EXPECT_TRUE(queue.ask(question(1), soon())); });
  carrier_.await_standing(1);
  std::stop_source stop;
  std::optional<Result<Replies>> given_up;
  std::jthread waiting([&] {
    given_up =
        queue.ask(question(2), Wait::for_at_most(std::chrono::seconds(20), stop.get_token()));
  });
  stop.request_stop();
  waiting.join();
  ASSERT_FALSE(*given_up);
  EXPECT_EQ(given_up->error().code, Errc::cancelled);
  carrier_.let_go();
  leader.join();
  EXPECT_TRUE(queue.ask(question(3), soon()));
  EXPECT_EQ(carrier_.flights(), (std::vector<std::size_t>{1, 1}));
}

/// Whether they were aboard when the link failed is chance; that they get an answer is not.
TEST_F(MetadataQueueTest, WhoWaitsWithoutEndFliesAgainWhenTheLinkOfAnotherFails) {
  std::atomic<int> flights{0};
  std::atomic<int> asking{0};
  MetadataQueue queue(
      [&](const MetadataQueue::Load& load, const Wait& wait) -> Result<Replies> {
        if (flights++ == 0) {
          EXPECT_FALSE(wait.is_endless());
          while (asking < 4) {
            std::this_thread::yield();
          }
          return make_error(Errc::unreachable, "down");
        }
        EXPECT_TRUE(wait.is_endless()) << "no patience of the queue's own";
        return Replies(load().size(), ftp::Reply{250, {"there"}});
      },
      1, std::chrono::seconds(20));
  std::jthread leader(
      [&] { EXPECT_EQ(queue.ask(question(1), soon()).error().code, Errc::unreachable); });
  while (flights == 0) {
    std::this_thread::yield();
  }
  std::vector<std::jthread> patient;
  for (int i = 0; i < 4; ++i) {
    patient.emplace_back([&, i] {
      ++asking;
      EXPECT_TRUE(queue.ask(question(i), Wait::for_at_most(kNoLimit)));
    });
  }
}

TEST_F(MetadataQueueTest, WhenTheLeaderIsInterruptedTheOthersFlyAgain) {
  std::stop_source stop;
  std::atomic<int> flights{0};
  MetadataQueue queue(
      [&](const MetadataQueue::Load& load, const Wait& wait) -> Result<Replies> {
        if (flights++ == 0) {
          EXPECT_FALSE(load().empty());
          stop.request_stop();
          return wait.give_up("a reply");
        }
        Replies replies;
        for (const ftp::Command& command : load()) {
          replies.push_back(ftp::Reply{250, {std::string(command.argument())}});
        }
        return replies;
      },
      1, std::chrono::seconds(20));
  const auto cancelled =
      queue.ask(question(1), Wait::for_at_most(std::chrono::seconds(20), stop.get_token()));
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, Errc::cancelled);
  EXPECT_TRUE(queue.ask(question(2), soon()));
  EXPECT_EQ(flights, 2);
}

TEST_F(MetadataQueueTest, AFlightWhoseQuestionsLeftWithAnotherIsEmpty) {
  std::latch both(2);
  std::latch loaded(1);
  std::atomic<int> flights{0};
  std::atomic<int> empty{0};
  std::jthread late;
  MetadataQueue* asked = nullptr;
  MetadataQueue queue(
      [&](const MetadataQueue::Load& load, const Wait&) -> Result<Replies> {
        const int number = flights++;
        if (number < 2) {
          both.arrive_and_wait();
        }
        if (number == 1) {
          loaded.wait();
        }
        const auto commands = load();
        if (number == 0) {
          loaded.count_down();
        } else if (commands.empty()) {
          ++empty;
          // Who comes now is not aboard, and must get a flight of its own.
          late = std::jthread([&] { EXPECT_TRUE(asked->ask(question(3), soon())); });
          for (int i = 0; i < 1000; ++i) {
            std::this_thread::yield();
          }
        }
        Replies replies;
        for (const ftp::Command& command : commands) {
          replies.push_back(ftp::Reply{250, {std::string(command.argument())}});
        }
        return replies;
      },
      2, std::chrono::seconds(20));
  asked = &queue;
  {
    std::jthread one([&] { EXPECT_TRUE(queue.ask(question(1), soon())); });
    std::jthread two([&] { EXPECT_TRUE(queue.ask(question(2), soon())); });
  }
  late = {};
  EXPECT_EQ(empty, 1);
}

TEST_F(MetadataQueueTest, SeveralFlightsMayBeOut) {
  auto queue = make(2);
  std::jthread one([&] { EXPECT_TRUE(queue.ask(question(1), soon())); });
  std::jthread two([&] { EXPECT_TRUE(queue.ask(question(2), soon())); });
  carrier_.await_standing(2);
  carrier_.let_go();
}

}  // namespace
}  // namespace ftpsfs::session
