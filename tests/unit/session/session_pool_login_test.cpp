// SPDX-License-Identifier: MIT
//
// What the pool makes of logins that fail: limits, refusals, outages.
#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "session_pool_fixture.hpp"

namespace ftpsfs::session {
namespace {

TEST_F(Pool, LearnsTheServersLimitAndGoesOnWithFewer) {
  SessionPool& pool = make(8);
  server_.room = 2;
  auto first = pool.acquire(Purpose::metadata, soon());
  auto second = pool.acquire(Purpose::metadata, soon());
  auto third = wait_in_queue(Purpose::metadata);
  while (pool.counters().limit != 2) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(is_ready(third));
  second->give_back();
  EXPECT_TRUE(third.get());
  EXPECT_EQ(server_.dials, 3);
}

TEST_F(Pool, AnEndOfFileAtLoginIsALimitToo) {
  SessionPool& pool = make(8);
  auto first = pool.acquire(Purpose::metadata, soon());
  server_.fail_next(make_broken(Errc::closed, "closed"));
  EXPECT_FALSE(pool.acquire(Purpose::metadata, at_once()));
  EXPECT_EQ(pool.counters().limit, 1U);
}

TEST_F(Pool, TheLimitGrowsBackMuchLater) {
  SessionPool& pool = make(3);
  auto first = pool.acquire(Purpose::metadata, soon());
  server_.fail_next(make_broken(Errc::closed, "421 full", 421));
  EXPECT_FALSE(pool.acquire(Purpose::metadata, at_once()));
  EXPECT_EQ(pool.counters().limit, 1U);
  clock_.advance(settings_.limit_memory);
  pool.keep_house();
  EXPECT_EQ(pool.counters().limit, 2U);
}

TEST_F(Pool, A530BesideLiveSessionsIsALimit) {
  SessionPool& pool = make(8);
  auto first = pool.acquire(Purpose::metadata, soon());
  server_.fail_next(make_broken(Errc::login_refused, "530 Sorry, too many for you", 530));
  EXPECT_FALSE(pool.acquire(Purpose::metadata, at_once()));
  first->give_back();
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
}

TEST_F(Pool, ARefusedPasswordEndsAllLogins) {
  SessionPool& pool = make(8);
  server_.fail_next(make_broken(Errc::login_refused, "530 Login incorrect.", 530));
  auto first = pool.acquire(Purpose::metadata, soon());
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, Errc::login_refused);
  auto second = pool.acquire(Purpose::metadata, soon());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::login_refused);
  EXPECT_NE(second.error().text.find("Login incorrect."), std::string::npos);
  EXPECT_EQ(server_.dials, 1);
}

/// Nobody but the user can give it: asking the server again helps nobody.
TEST_F(Pool, APasswordThatIsAskedForAndNotGivenEndsAllLogins) {
  SessionPool& pool = make(8);
  server_.fail_next(make_broken(Errc::login_refused, "h wants a password: 331 password?", 331));
  EXPECT_FALSE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_FALSE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_EQ(server_.dials, 1);
}

/// A changed password after an outage must cost one failure, not one for each waiter.
TEST_F(Pool, WhileNothingLivesOnlyOneDials) {
  SessionPool& pool = make(8);
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  server_.on_dial = [open] { open.wait(); };
  server_.fail_next(make_broken(Errc::login_refused, "530 Login incorrect.", 530), 8);
  std::vector<std::future<Result<Lease>>> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(std::async(std::launch::async,
                             [&pool] { return pool.acquire(Purpose::metadata, soon()); }));
  }
  while (pool.counters().waiting < 7 || server_.dialling < 1) {
    std::this_thread::yield();
  }
  gate.set_value();
  for (auto& each : all) {
    auto got = each.get();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::login_refused);
  }
  EXPECT_EQ(server_.dials, 1);
}

/// All sessions have died while they were idle, and the password was changed: one failure, again.
TEST_F(Pool, AfterADeathOnlyOneDialsUntilALoginSucceeds) {
  SessionPool& pool = make(4);
  {
    std::vector<Lease> leases;
    for (int i = 0; i < 4; ++i) {
      leases.push_back(*pool.acquire(Purpose::metadata, soon()));
      fake(leases.back()).dead = true;
    }
  }
  ASSERT_EQ(server_.dials, 4);
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  server_.on_dial = [open] { open.wait(); };
  server_.fail_next(make_broken(Errc::login_refused, "530 Login incorrect.", 530), 4);
  std::vector<std::future<Result<Lease>>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(std::async(std::launch::async,
                             [&pool] { return pool.acquire(Purpose::metadata, soon()); }));
  }
  while (pool.counters().waiting < 3 || server_.dialling < 1) {
    std::this_thread::yield();
  }
  EXPECT_EQ(server_.dialling, 1);
  gate.set_value();
  for (auto& each : all) {
    EXPECT_EQ(each.get().error().code, Errc::login_refused);
  }
  EXPECT_EQ(server_.dials, 5);
}

TEST_F(Pool, AfterAnAdministratorsWordARefusedLoginIsTriedAgain) {
  SessionPool& pool = make(2);
  server_.fail_next(make_broken(Errc::login_refused, "530 Login incorrect.", 530));
  EXPECT_FALSE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_FALSE(pool.acquire(Purpose::metadata, soon()));
  ASSERT_EQ(server_.dials, 1);
  pool.forget_refusals();
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
}

/// "500 OOPS: cannot change directory" tells of the server's trouble, not of the password.
TEST_F(Pool, ARefusalThatIsNotAboutTheAccountIsTriedAgain) {
  settings_.first_backoff = std::chrono::milliseconds(0);
  SessionPool& pool = make(2);
  server_.fail_next(make_broken(Errc::login_refused, "500 OOPS: cannot change directory", 500));
  EXPECT_FALSE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_EQ(server_.dials, 2);
}

TEST_F(Pool, TheFirstLoginTellsItsErrorAtOnce) {
  SessionPool& pool = make(8);
  server_.fail_next(make_broken(Errc::unreachable, "connection refused"));
  auto lease = pool.acquire(Purpose::metadata, soon());
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().code, Errc::unreachable);
  EXPECT_EQ(server_.dials, 1);
}

TEST_F(Pool, AShortOutageIsRiddenOut) {
  settings_.first_backoff = std::chrono::milliseconds(1);
  SessionPool& pool = make(2);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    lease->discard();
  }
  server_.fail_next(make_broken(Errc::unreachable, "connection refused"), 3);
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_EQ(server_.dials, 5);
}

TEST_F(Pool, AnOutageIsRiddenOutUntilTheGraceIsOverAndNoLonger) {
  settings_.first_backoff = settings_.longest_backoff = Duration{0};
  settings_.outage_grace = std::chrono::seconds(30);
  SessionPool& pool = make(2);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    lease->discard();
  }
  server_.on_dial = [this] { clock_.advance(std::chrono::seconds(1)); };
  server_.fail_next(make_broken(Errc::unreachable, "connection refused"), 100);
  EXPECT_EQ(pool.acquire(Purpose::metadata, soon()).error().code, Errc::unreachable);
  EXPECT_EQ(server_.dials, 1 + 31) << "the first one that failed, and one each second";
}

/// What cannot be had beside a session that lives is one more session; it must not use the grace
/// up.
TEST_F(Pool, AnOutageBeginsWhenNoSessionIsLeft) {
  settings_.first_backoff = settings_.longest_backoff = std::chrono::milliseconds(1);
  SessionPool& pool = make(2);
  auto lease = pool.acquire(Purpose::metadata, soon());
  ASSERT_TRUE(lease);
  std::stop_source given_up;
  server_.on_dial = [&given_up] { given_up.request_stop(); };
  server_.fail_next(make_broken(Errc::unreachable, "connection refused"), 100);
  const Wait wait{soon().deadline, given_up.get_token()};
  EXPECT_EQ(pool.acquire(Purpose::metadata, wait).error().code, Errc::cancelled);
  clock_.advance(std::chrono::hours(1));
  server_.on_dial = nullptr;
  server_.stop_failing();
  server_.fail_next(make_broken(Errc::unreachable, "connection refused"), 2);
  lease->discard();
  lease->give_back();
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
}

TEST_F(Pool, InALongOutageTheErrorComesAtOnce) {
  settings_.first_backoff = std::chrono::milliseconds(0);
  settings_.outage_grace = Duration{0};
  settings_.longest_backoff = std::chrono::hours(1);
  SessionPool& pool = make(2);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    lease->discard();
  }
  server_.fail_next(make_broken(Errc::unreachable, "connection refused"), 100);
  EXPECT_EQ(pool.acquire(Purpose::metadata, soon()).error().code, Errc::unreachable);
  EXPECT_EQ(server_.dials, 2);
}

/// A pool that has lost its only session, and whose next dials fail.
class EndlessWait : public Pool {
 protected:
  static Wait endless(std::stop_token stop = {}) {
    return Wait::for_at_most(kNoLimit, std::move(stop));
  }
  SessionPool& make_cut_off(int failures, Duration backoff) {
    settings_.outage_grace = Duration{0};
    settings_.first_backoff = settings_.longest_backoff = backoff;
    SessionPool& pool = make(2);
    pool.acquire(Purpose::metadata, soon())->discard();
    server_.fail_next(make_broken(Errc::unreachable, "connection refused"), failures);
    return pool;
  }
  /// One that has dialled in vain, and waits for the next dial.
  std::future<Result<Lease>> wait_for_next_dial(std::stop_token stop = {}) {
    auto waits = std::async(std::launch::async, [this, stop] {
      return pool_->acquire(Purpose::metadata, endless(stop));
    });
    while (pool_->counters().failed_logins == 0 || pool_->counters().waiting == 0) {
      std::this_thread::yield();
    }
    return waits;
  }
};

TEST_F(EndlessWait, RidesOutAnyOutage) {
  SessionPool& pool = make_cut_off(20, Duration{0});
  EXPECT_EQ(pool.acquire(Purpose::metadata, soon()).error().code, Errc::unreachable);
  EXPECT_TRUE(pool.acquire(Purpose::metadata, endless()));
  EXPECT_EQ(server_.dials, 1 + 20 + 1);
}

TEST_F(EndlessWait, IsEndedByItsStopAtOnce) {
  make_cut_off(1, std::chrono::hours(1));
  std::stop_source stop;
  auto waits = wait_for_next_dial(stop.get_token());
  EXPECT_FALSE(is_ready(waits));
  stop.request_stop();
  EXPECT_EQ(waits.get().error().code, Errc::cancelled);
}

/// The error is none that anybody would try again for.
TEST_F(EndlessWait, EndsWithTheMount) {
  SessionPool& pool = make_cut_off(1, std::chrono::hours(1));
  auto waits = wait_for_next_dial();
  EXPECT_FALSE(is_ready(waits));
  EXPECT_TRUE(pool.waits_for_ever(endless()));
  pool.end_endless_waits();
  EXPECT_EQ(waits.get().error().code, Errc::io_error);
  EXPECT_EQ(pool.acquire(Purpose::metadata, endless()).error().code, Errc::io_error);
  EXPECT_FALSE(pool.waits_for_ever(endless()));
}

TEST_F(EndlessWait, DoesNotOutlastARefusedPassword) {
  SessionPool& pool = make_cut_off(3, Duration{0});
  server_.fail_next(make_broken(Errc::login_refused, "530 Login incorrect.", 530));
  EXPECT_EQ(pool.acquire(Purpose::metadata, endless()).error().code, Errc::login_refused);
  EXPECT_EQ(server_.dials, 1 + 3 + 1);
}

TEST_F(Pool, AnUntrustedCertificateIsNotTriedAgain) {
  SessionPool& pool = make(2);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    lease->discard();
  }
  server_.fail_next(make_error(Errc::untrusted, "who is this?"));
  EXPECT_EQ(pool.acquire(Purpose::metadata, soon()).error().code, Errc::untrusted);
}

/// By TLS, before anybody has asked for a name; or by a proxy. The next one tries again.
TEST_F(Pool, ARefusalBeforeTheLoginIsNotTriedAgainAtOnceButLater) {
  SessionPool& pool = make(2);
  {
    auto lease = pool.acquire(Purpose::metadata, soon());
    lease->discard();
  }
  const int before = server_.dials;
  server_.fail_next(make_error(Errc::login_refused, "none without a client certificate"));
  EXPECT_EQ(pool.acquire(Purpose::metadata, soon()).error().code, Errc::login_refused);
  EXPECT_EQ(server_.dials, before + 1);
  EXPECT_NE(pool.counters().trouble, "");
  EXPECT_TRUE(pool.acquire(Purpose::metadata, soon()));
  EXPECT_EQ(pool.counters().trouble, "");
}

/// A certificate runs out while sessions live: these go on, and nobody who shares them fails.
TEST_F(Pool, ARefusalBeforeTheLoginCostsNothingWhereSessionsLive) {
  for (const Errc code : {Errc::login_refused, Errc::untrusted}) {
    SessionPool& pool = make(2);
    auto held = pool.acquire(Purpose::metadata, soon());
    ASSERT_TRUE(held);
    server_.fail_next(make_error(code, "no longer"));
    const int before = server_.dials;
    auto second =
        std::async(std::launch::async, [&pool] { return pool.acquire(Purpose::metadata, soon()); });
    for (const Wait patience = soon(); server_.dials == before && !patience.expired();) {
      std::this_thread::yield();
    }
    { const Lease back = *std::move(held); }
    EXPECT_TRUE(second.get());
  }
}

}  // namespace
}  // namespace ftpsfs::session
