// SPDX-License-Identifier: MIT
//
// Listings that deliveries share, and the removals that go together by them.
#include "ftpsfs/writeback/shared_looks.hpp"

#include <gmock/gmock.h>

#include <future>

#include "ftpsfs/writeback/removals.hpp"
#include "intentions.hpp"
#include "support/fake_remote.hpp"

namespace ftpsfs::writeback {
namespace {

using test::FakeRemote;
using test::FakeRemoteOptions;
using test::Op;

constexpr Duration kLimit = std::chrono::seconds(20);

class SharedLooksTest : public ::testing::Test {
 protected:
  SharedLooksTest() : remote_(clock_) {
    for (const char* path : {"/d/a", "/d/b", "/d/c"}) {
      remote_.put(path, "12345");
    }
    remote_.forget_calls();
  }
  static Wait soon() { return Wait::for_at_most(std::chrono::seconds(20)); }

  std::optional<KnownName> look(const std::string& path) {
    const remote::RemotePath asked = path_of(path);
    return looks_.look(asked.parent(), {&asked, 1}, soon()).front();
  }
  /// Now there is a listing, which is believed for a second.
  void list() {
    const std::size_t before = remote_.calls(Op::list);
    look("/d/a");
    look("/d/a");
    ASSERT_EQ(remote_.calls(Op::list), before + 1);
  }
  std::vector<std::optional<Result<Delivered>>> remove(const std::vector<Intention>& intentions) {
    std::vector<Queue::Started> removals;
    IntentionId id = 0;
    for (const Intention& intention : intentions) {
      removals.push_back({++id, intention, false});
    }
    return remove_together(remote_, looks_, removals, kLimit, {});
  }
  Intention removal(const std::string& path) {
    Intention intention = simple(Action::remove_file, path);
    const auto entry = remote_.stat(intention.path, soon());
    EXPECT_TRUE(entry);
    intention.base = {Base::Kind::version, remote::version_of(*entry)};
    return intention;
  }

  ManualClock clock_;
  FakeRemote remote_;
  SharedLooks looks_{remote_};
};

TEST_F(SharedLooksTest, TheFirstForOneNameIsSentAwayAndTheNextOnesShareAListing) {
  EXPECT_FALSE(look("/d/a"));
  EXPECT_EQ(remote_.calls(Op::list), 0U);
  const auto there = look("/d/a");
  ASSERT_TRUE(there);
  EXPECT_EQ(there->kind, KnownName::Kind::file);
  EXPECT_EQ(there->version.size, 5U);
  const auto absent = look("/d/new");
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->kind, KnownName::Kind::absent);
  EXPECT_EQ(remote_.calls(Op::list), 1U);
  EXPECT_FALSE(look("/e/a")) << "another directory";
}

TEST_F(SharedLooksTest, OfWhatWeHaveChangedTheySayNothing) {
  list();
  looks_.note_change(path_of("/d/b"));
  EXPECT_FALSE(look("/d/b"));
  EXPECT_TRUE(look("/d/c"));
  looks_.forget_all();
  list();
}

TEST_F(SharedLooksTest, AChangeWhileTheListingIsUnderWayCounts) {
  look("/d/a");
  auto gate = remote_.hold(Op::list);
  auto first = std::async(std::launch::async, [this] { return look("/d/b"); });
  ASSERT_TRUE(gate.await_blocked());
  auto second = std::async(std::launch::async, [this] { return look("/d/c"); });
  looks_.note_change(path_of("/d/b"));
  gate.open();
  EXPECT_FALSE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_EQ(remote_.calls(Op::list), 1U);
}

TEST_F(SharedLooksTest, WhatWasShownOfADirectoryIsNotBelievedOfTheOneThatTakesItsName) {
  remote_.put("/other/new", "others");
  list();
  ASSERT_TRUE(look("/d/new"));
  ASSERT_TRUE(remote_.rename(path_of("/d"), path_of("/away"), soon()));
  ASSERT_TRUE(remote_.rename(path_of("/other"), path_of("/d"), soon()));
  looks_.note_change(path_of("/d"));
  const auto there = look("/d/new");
  EXPECT_TRUE(!there || there->kind == KnownName::Kind::file);
}

TEST_F(SharedLooksTest, NorIsAListingThatWasUnderWayMeanwhile) {
  look("/d/a");
  auto gate = remote_.hold(Op::list, {}, test::Moment::after);
  auto under_way = std::async(std::launch::async, [this] { return look("/d/new"); });
  ASSERT_TRUE(gate.await_blocked());
  looks_.note_change(path_of("/d"));
  gate.open();
  EXPECT_FALSE(under_way.get());
}

TEST_F(SharedLooksTest, AListingThatFailsSaysNothingAndIsNotTriedAgainAtOnce) {
  look("/d/a");
  remote_.fail_next(Op::list, "/d", make_error(Errc::access_denied, "550"));
  EXPECT_FALSE(look("/d/b"));
  EXPECT_FALSE(look("/d/b"));
  EXPECT_EQ(remote_.calls(Op::list), 1U);
}

TEST_F(SharedLooksTest, AListingThatThrowsIsUnderWayNoMore) {
  look("/d/a");
  remote_.on_call([](Op op, const std::string&) {
    if (op == Op::list) {
      throw std::bad_alloc();
    }
  });
  EXPECT_THROW(look("/d/b"), std::bad_alloc);
  remote_.on_call({});
  looks_.forget_all();
  EXPECT_TRUE(look("/d/b"));
}

TEST(SharedLooks, WhereLettersDoNotTellNamesApartAbsenceIsNoAnswer) {
  ManualClock clock;
  FakeRemoteOptions options;
  options.case_sensitive = false;
  FakeRemote remote(clock, options);
  remote.put("/d/a", "1");
  SharedLooks looks(remote);
  const std::vector<remote::RemotePath> paths{path_of("/d/A"), path_of("/d/new")};
  const auto found = looks.look(path_of("/d"), paths, Wait::for_at_most(std::chrono::seconds(20)));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_TRUE(found[0]);
  EXPECT_FALSE(found[1]);
}

TEST_F(SharedLooksTest, FilesThatAreWhatTheyWereAreRemovedTogether) {
  const std::vector<Intention> removals{removal("/d/a"), removal("/d/b"), removal("/d/c")};
  clock_.advance(std::chrono::minutes(1));
  remote_.put("/d/b", "others");
  remote_.forget_calls();
  const auto outcomes = remove(removals);
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_TRUE(outcomes[0] && *outcomes[0]);
  EXPECT_FALSE(outcomes[1]) << "others have changed it: to be looked at alone";
  EXPECT_TRUE(outcomes[2] && *outcomes[2]);
  EXPECT_FALSE(remote_.exists("/d/a") || remote_.exists("/d/c"));
  EXPECT_EQ(remote_.content("/d/b"), "others");
  EXPECT_EQ(remote_.calls(Op::list), 1U);
  EXPECT_EQ(remote_.calls(Op::stat), 0U);
}

TEST(SharedLooks, TimesThatListingsTellInMinutesAreAskedForTogether) {
  ManualClock clock;
  FakeRemoteOptions options;
  options.exact_listing = false;
  FakeRemote remote(clock, options);
  const Wait wait = Wait::for_at_most(std::chrono::seconds(20));
  std::vector<Queue::Started> removals;
  for (const char* path : {"/d/a", "/d/b"}) {
    remote.put(path, "12345");
    Intention intention = simple(Action::remove_file, path);
    const auto now = remote.version(intention.path, wait);
    ASSERT_TRUE(now);
    intention.base = {Base::Kind::version, *now};
    removals.push_back({removals.size() + 1, intention, false});
  }
  clock.advance(std::chrono::seconds(1));
  remote.put("/d/b", "54321");
  SharedLooks looks(remote);
  const auto outcomes = remove_together(remote, looks, removals, kLimit, {});
  EXPECT_TRUE(outcomes[0] && *outcomes[0]);
  EXPECT_FALSE(outcomes[1]) << "one second tells them apart";
  EXPECT_EQ(remote.calls(Op::exact_times), 1U);
}

TEST(SharedLooks, TimesThatAreRefusedMakeALookOfItsOwnNecessary) {
  ManualClock clock;
  FakeRemoteOptions options;
  options.exact_listing = false;
  FakeRemote remote(clock, options);
  std::vector<Queue::Started> removals;
  for (const char* path : {"/d/a", "/d/b"}) {
    remote.put(path, "12345");
    Intention intention = simple(Action::remove_file, path);
    const auto now = remote.version(intention.path, Wait::for_at_most(kLimit));
    ASSERT_TRUE(now);
    intention.base = {Base::Kind::version, *now};
    removals.push_back({removals.size() + 1, intention, false});
  }
  remote.fail_next(Op::exact_times, "/d", make_error(Errc::access_denied, "550"));
  SharedLooks looks(remote);
  EXPECT_FALSE(remove_together(remote, looks, removals, kLimit, {}).front());
  EXPECT_EQ(remote.calls(Op::exact_times), 1U);
  EXPECT_TRUE(remote.exists("/d/a"));
}

TEST_F(SharedLooksTest, RemovalsThatAreRefusedOrNotExpectedNeedALookOfTheirOwn) {
  const std::vector<Intention> removals{removal("/d/a"), removal("/d/b"),
                                        simple(Action::remove_file, "/d/c")};
  remote_.fail_next(Op::remove_file, "/d/a", make_error(Errc::access_denied, "550"));
  const auto outcomes = remove(removals);
  EXPECT_FALSE(outcomes[0]);
  EXPECT_TRUE(outcomes[1] && *outcomes[1]);
  EXPECT_FALSE(outcomes[2]) << "its base is not known yet";
}

TEST_F(SharedLooksTest, ALinkThatFailsFailsThemAll) {
  const std::vector<Intention> removals{removal("/d/a"), removal("/d/b")};
  remote_.fail_next(Op::remove_file, "/d/b", make_error(Errc::closed, "cut"));
  const auto outcomes = remove(removals);
  for (const auto& outcome : outcomes) {
    ASSERT_TRUE(outcome && !*outcome);
    EXPECT_EQ(outcome->error().code, Errc::closed);
  }
}

}  // namespace
}  // namespace ftpsfs::writeback
