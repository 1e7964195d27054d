// SPDX-License-Identifier: MIT
//
// Sixty-four threads, few sessions: exclusive use, no deadlock, no lost wake-up. Run under TSan.
#include <gtest/gtest.h>

#include <atomic>
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

}  // namespace
}  // namespace ftpsfs::session
