// SPDX-License-Identifier: MIT
//
// Many threads, few sessions: exclusive use, no deadlock, no lost wake-up, and nothing that stays
// behind of sessions that die in every way. Run under TSan; ctest's limit tells a deadlock.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <iterator>
#include <random>
#include <thread>
#include <vector>

#include "fake_sessions.hpp"

namespace ftpsfs::session {
namespace {

class Crowd : public ::testing::TestWithParam<unsigned> {};

/// A stream as the floor above will have it: works on in steps, and leaves when it is asked to.
void stream(SessionPool& pool, Purpose purpose, const Wait& wait, std::atomic<int>& done) {
  std::atomic<bool> leave{false};
  auto lease = pool.acquire(purpose, wait);
  ASSERT_TRUE(lease) << lease.error().text;
  EXPECT_EQ(++fake(*lease).users, 1);
  lease->offer([&leave] { leave = true; });
  // Without preemption it would hold its session for a long time.
  for (int step = 0; step < 100 && !leave; ++step) {
    std::this_thread::yield();
  }
  EXPECT_EQ(--fake(*lease).users, 0);
  FakeServer::Session& session = fake(*lease);
  session.owes = true;  // it was cut
  lease->give_back();
  session.answer();  // it is the keeper's until then
  ++done;
}

void metadata(SessionPool& pool, const Wait& wait, bool break_it, std::atomic<int>& done) {
  auto lease = pool.acquire(Purpose::metadata, wait);
  ASSERT_TRUE(lease) << lease.error().text;
  EXPECT_EQ(++fake(*lease).users, 1);
  EXPECT_EQ(--fake(*lease).users, 0);
  if (break_it) {
    lease->discard();
  }
  ++done;
}

TEST_P(Crowd, NobodyWaitsForEver) {
  constexpr int kThreads = 64;
  constexpr int kRounds = 12;
  FakeServer server;
  server.room = 6;
  SystemClock clock;
  PoolSettings settings;
  settings.max_sessions = GetParam();
  settings.first_backoff = std::chrono::milliseconds(1);
  SessionPool pool(settings, server.factory(), clock);
  const Wait wait = Wait::for_at_most(std::chrono::seconds(60));
  std::atomic<int> done{0};
  {
    std::vector<std::jthread> crowd;
    for (int i = 0; i < kThreads; ++i) {
      crowd.emplace_back([&, i] {
        std::minstd_rand random(static_cast<unsigned>(i + 1));
        for (int round = 0; round < kRounds; ++round) {
          switch (random() % 4) {
            case 0:
              stream(pool, Purpose::read, wait, done);
              break;
            case 1:
              stream(pool, Purpose::write, wait, done);
              break;
            default:
              metadata(pool, wait, random() % 16 == 0, done);
          }
        }
      });
    }
  }
  EXPECT_EQ(done, kThreads * kRounds);
  EXPECT_EQ(pool.counters().waiting, 0U);
  pool.close(wait);
  EXPECT_EQ(server.alive, 0);
}

INSTANTIATE_TEST_SUITE_P(Sessions, Crowd, ::testing::Values(1U, 2U, 8U));

/// What this process has open (/proc/self/fd), or its threads (/proc/self/task).
auto count_own(const char* what) {
  return std::distance(std::filesystem::directory_iterator(what),
                       std::filesystem::directory_iterator());
}

/// One lease. One in thirty of the sessions dies of it, or behind it, in one of the ways there are.
void use_and_perhaps_kill(SessionPool& pool, unsigned chance, const Wait& wait) {
  constexpr std::array kPurposes{Purpose::metadata, Purpose::listing, Purpose::read,
                                 Purpose::write};
  const bool must_be_alive = (chance >> 16U) % 2 == 0;
  auto lease = pool.acquire(kPurposes.at((chance >> 8U) % kPurposes.size()), wait, must_be_alive);
  ASSERT_TRUE(lease) << lease.error().text;
  FakeServer::Session& session = fake(*lease);
  EXPECT_EQ(++session.users, 1);
  EXPECT_EQ(--session.users, 0);
  switch (chance % 256) {
    case 0:
    case 1:
      lease->discard();
      break;
    case 2:
      lease->note(make_broken(Errc::timed_out, "no reply in time"));
      break;
    case 3:
      lease->note(make_broken(Errc::closed, "reset by the server"));
      break;
    case 4:
      session.dead = true;  // seen when it comes back
      break;
    case 5:
      session.hangs = true;  // seen when it is probed
      break;
    case 6:
      session.spent = true;  // seen when it is to be lent again
      break;
    case 7:
      session.owes = true;  // for ever: the keeper gives it up
      break;
    default:
      break;
  }
}

TEST(DyingSessions, LeaveNothingBehindOverAHundredThousandLeases) {
  constexpr int kThreads = 16;
  constexpr int kRounds = 6250;
  const auto descriptors = count_own("/proc/self/fd");
  const auto threads = count_own("/proc/self/task");
  FakeServer server;
  {
    server.room = 7;  // of eight
    SystemClock clock;
    PoolSettings settings;
    settings.first_backoff = std::chrono::milliseconds(1);
    settings.longest_backoff = std::chrono::milliseconds(2);
    settings.probe_after = Duration{0};
    settings.probe_timeout = std::chrono::milliseconds(2);
    settings.settle_timeout = std::chrono::milliseconds(2);
    settings.limit_memory = std::chrono::milliseconds(20);
    SessionPool pool(settings, server.factory(), clock);
    const Wait wait = Wait::for_at_most(std::chrono::seconds(100));
    std::atomic<int> done{0};
    {
      std::vector<std::jthread> crowd;
      for (unsigned i = 0; i < kThreads; ++i) {
        crowd.emplace_back([&, i] {
          std::mt19937 random(i);
          for (int round = 0; round < kRounds; ++round, ++done) {
            use_and_perhaps_kill(pool, static_cast<unsigned>(random()), wait);
          }
        });
      }
    }
    EXPECT_EQ(done, kThreads * kRounds);
    EXPECT_EQ(pool.counters().waiting, 0U);
    EXPECT_GT(pool.counters().replaced, 2000U);
    pool.close(wait);
  }
  EXPECT_EQ(server.alive, 0);
  EXPECT_EQ(count_own("/proc/self/fd"), descriptors);
  // The kernel takes a thread out of the list a moment after it can be joined.
  const Wait patience = Wait::for_at_most(std::chrono::seconds(10));
  while (count_own("/proc/self/task") != threads && !patience.expired()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(count_own("/proc/self/task"), threads);
}

}  // namespace
}  // namespace ftpsfs::session
