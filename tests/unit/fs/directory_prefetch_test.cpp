// SPDX-License-Identifier: MIT
//
// Directories listed ahead of a walk: what is asked, and that nothing else changes.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

class Prefetch : public FilesystemFixture {
 protected:
  explicit Prefetch(FakeRemoteOptions options = {}) : FilesystemFixture(options) {
    for (int i = 0; i < kDirectories; ++i) {
      for (const char* file : {"/a", "/b"}) {
        remote.put(path(i) + file, "x", 1'600'000'000 + i);
      }
    }
    restart(true);
  }

  static std::string name(int i) { return "d" + std::to_string(100 + i); }
  static std::string path(int i) { return "/" + name(i); }

  void restart(bool prefetch) {
    Settings settings;
    settings.prefetch = prefetch;
    mount(std::move(settings));
  }

  /// As ls does.
  std::vector<std::string> list(Ino directory) {
    std::vector<std::string> names;
    const auto handle = fs->open_directory(directory, {}, request());
    EXPECT_TRUE(handle) << handle.error().text;
    if (handle) {
      EXPECT_TRUE(fs->read_directory(
          *handle, 0, true,
          [&](const DirectoryItem& item) {
            names.push_back(item.name);
            return true;
          },
          request()));
      fs->release_directory(*handle);
    }
    return names;
  }
  void walk_to(int first, int last) {
    for (int i = first; i <= last; ++i) {
      EXPECT_EQ(list(look(kRootIno, name(i))).size(), 2U);
    }
  }
  void await_listed(std::uint64_t count) {
    for (const auto end = request().wait; fs->counters().listed_ahead < count;) {
      ASSERT_FALSE(end.expired());
      std::this_thread::yield();
    }
  }
  void await_asked(const std::string& call) {
    const auto is_asked = [this, &call] {
      const auto log = remote.log();
      return std::count(log.begin(), log.end(), call) > 0;
    };
    for (const auto end = request().wait; !is_asked();) {
      ASSERT_FALSE(end.expired());
      std::this_thread::yield();
    }
  }

  static constexpr int kDirectories = 30;
};

TEST_F(Prefetch, AWalkIsListedAhead) {
  list(kRootIno);
  walk_to(0, 1);
  // Of the first two, the second may have been asked for while it was planned, too.
  constexpr std::uint64_t kAhead = 4;
  await_listed(kAhead);
  const auto asked = remote.calls(Op::list);
  EXPECT_LE(asked, 3U);
  walk_to(2, kDirectories - 1);
  EXPECT_LE(remote.calls(Op::list) - asked, kDirectories - 2 - (kAhead - 1))
      << "what came ahead is not asked for again; how much more comes, is up to the threads";
  EXPECT_GE(fs->counters().listed_ahead_used, kAhead - 1);
}

TEST_F(Prefetch, OffMeansOff) {
  restart(false);
  remote.forget_calls();
  list(kRootIno);
  walk_to(0, kDirectories - 1);
  EXPECT_EQ(remote.calls(Op::list), 1U + kDirectories);
  EXPECT_EQ(remote.calls(Op::list_ahead), 0U);
}

TEST_F(Prefetch, WhoComesToADirectoryThatIsBeingListedWaitsForThatAnswer) {
  Gate gate = remote.hold(Op::list_ahead, path(2));
  list(kRootIno);
  walk_to(0, 1);
  ASSERT_TRUE(gate.await_blocked());
  std::thread opener([this] { walk_to(2, 2); });
  gate.open();
  opener.join();
  const auto log = remote.log();
  EXPECT_EQ(std::count(log.begin(), log.end(), "list " + path(2)), 0);
}

TEST_F(Prefetch, WhatFailsAheadIsAskedAgainByTheProgram) {
  remote.fail_next(Op::list_ahead, path(2), make_broken(Errc::closed, "gone"));
  list(kRootIno);
  walk_to(0, 1);
  while (remote.calls(Op::list_ahead) == 0) {
    std::this_thread::yield();
  }
  walk_to(2, kDirectories - 1);
}

TEST_F(Prefetch, AChangeMadeHereMeanwhileIsNotUndone) {
  Gate gate = remote.hold(Op::list_ahead, path(2), test::Moment::after);
  list(kRootIno);
  walk_to(0, 1);
  ASSERT_TRUE(gate.await_blocked());
  const Ino directory = look(kRootIno, name(2));
  EXPECT_TRUE(fs->remove_file(directory, "a", request()));
  gate.open();
  EXPECT_THAT(list(directory), ::testing::ElementsAre("b"));
}

TEST_F(Prefetch, AListingFetchedWhileItsDirectoryWasRenamedIsNotKept) {
  remote.put("/new/only", "x");
  Gate gate = remote.hold(Op::list_ahead, path(2), test::Moment::after);
  list(kRootIno);
  walk_to(0, 1);
  ASSERT_TRUE(gate.await_blocked());
  EXPECT_TRUE(fs->rename(kRootIno, name(2), kRootIno, "old", 0, request()));
  EXPECT_TRUE(fs->rename(kRootIno, "new", kRootIno, name(2), 0, request()));
  gate.open();
  EXPECT_THAT(list(look(kRootIno, name(2))), ::testing::ElementsAre("only"));
  EXPECT_THAT(list(look(kRootIno, "old")), ::testing::ElementsAre("a", "b"));
}

TEST_F(Prefetch, WhatIsRefusedAheadIsLeftToTheProgram) {
  for (int i = 0; i < 3; ++i) {
    remote.fail_next(Op::list_ahead, path(2), make_error(Errc::refused, "550 no"));
  }
  list(kRootIno);
  walk_to(0, 1);
  await_asked("list_ahead " + path(2));
  walk_to(2, kDirectories - 1);
  const auto log = remote.log();
  EXPECT_EQ(std::count(log.begin(), log.end(), "list_ahead " + path(2)), 1);
  EXPECT_EQ(std::count(log.begin(), log.end(), "list " + path(2)), 1);
}

TEST_F(Prefetch, TheEndDoesNotWaitForIt) {
  Gate gate = remote.hold(Op::list_ahead);
  list(kRootIno);
  walk_to(0, 1);
  ASSERT_TRUE(gate.await_blocked());
  fs.reset();
}

class PrefetchOfLarge : public Prefetch {
 protected:
  PrefetchOfLarge() : Prefetch(told_sizes()) {}

  static FakeRemoteOptions told_sizes() {
    FakeRemoteOptions options;
    options.bytes_of_name = 10 * 1024;
    return options;
  }
};

/// A listing that takes long would hold up who comes to it, and those behind it.
TEST_F(PrefetchOfLarge, DirectoriesAreLeftToTheProgram) {
  for (int i = 0; i < 10; ++i) {
    remote.put(path(3) + "/more" + std::to_string(i), "x");
  }
  list(kRootIno);
  walk_to(0, 1);
  await_asked("list_ahead " + path(2));
  await_asked("list_ahead " + path(4));
  const auto log = remote.log();
  EXPECT_EQ(std::count(log.begin(), log.end(), "list_ahead " + path(2)), 1);
  EXPECT_EQ(std::count(log.begin(), log.end(), "list_ahead " + path(3)), 0);
  EXPECT_EQ(std::count(log.begin(), log.end(), "list_ahead " + path(4)), 1);
  const auto attributes = fs->get_attributes(look(kRootIno, name(3)), request());
  ASSERT_TRUE(attributes);
  EXPECT_EQ(attributes->size, 0U) << "what the server's disk needs is nobody's business";
}

class PrefetchedTimes : public Prefetch {
 protected:
  PrefetchedTimes() : Prefetch(coarse()) {}

  static FakeRemoteOptions coarse() {
    FakeRemoteOptions options;
    options.stat_is_cheap = false;
    options.exact_listing = false;
    return options;
  }
};

/// The first directories at once, the next ones ahead. Not from the very first one on: the guess
/// that follows that may come before anybody has looked at a time.
TEST_F(PrefetchedTimes, WhoWantsTimesGetsThemAheadToo) {
  for (int i = 0; i < kDirectories; ++i) {
    for (int more = 0; more < 4; ++more) {
      remote.put(path(i) + "/more" + std::to_string(more), "x", 1'600'000'000 + i);
    }
  }
  list(kRootIno);
  const auto stat_six = [this](int i) {
    const Ino directory = look(kRootIno, name(i));
    list(directory);
    for (const char* file : {"a", "b", "more0", "more1", "more2", "more3"}) {
      const auto reply = fs->lookup(directory, file, request());
      ASSERT_TRUE(reply);
      EXPECT_EQ(reply->attributes.mtime_seconds, 1'600'000'000 + i);
    }
  };
  stat_six(1);
  EXPECT_EQ(remote.calls(Op::exact_times), 1U);
  stat_six(2);
  EXPECT_EQ(remote.calls(Op::exact_times), 2U);
  await_asked("list_ahead " + path(3));
  await_asked("list_ahead " + path(4));
  stat_six(3);
  stat_six(4);
  EXPECT_EQ(remote.calls(Op::exact_times), 2U);
}

/// Who looks at names only must not pay for the times of all.
TEST_F(PrefetchedTimes, AreAskedForOnlyAsLongAsSomebodyLooks) {
  list(kRootIno);
  const auto look_into = [this](int i) {
    const Ino directory = look(kRootIno, name(i));
    list(directory);
    const auto before = remote.calls(Op::exact_times);
    EXPECT_TRUE(fs->lookup(directory, "a", request()));
    return remote.calls(Op::exact_times) - before;
  };
  EXPECT_EQ(look_into(1), 1U);
  EXPECT_EQ(look_into(2), 1U);
  await_asked("list_ahead " + path(3));
  EXPECT_EQ(look_into(3), 0U) << "it came with its times";
  clock.advance(std::chrono::seconds(11));
  walk_to(9, kDirectories - 2);
  EXPECT_EQ(look_into(kDirectories - 1), 1U) << "it came without";
}

/// Single names, one after the other, as make and git status look at them.
class Questions : public Prefetch {
 protected:
  explicit Questions(FakeRemoteOptions options = {}) : Prefetch(options) {
    for (int i = 0; i < 20; ++i) {
      remote.put(file(i), "x");
      remote.put("/another/file" + std::to_string(i), "x");
    }
  }
  static std::string file(int i) { return "/many/file" + std::to_string(i); }
  void look_at(int first, int last) {
    for (int i = first; i <= last; ++i) {
      EXPECT_NE(walk(file(i).substr(1)), kNoIno);
    }
  }
  /// Of another directory, as proof that none was begun before.
  void expect_no_listing_but_of_another() {
    for (int i = 0; i < 4; ++i) {
      EXPECT_NE(walk("another/file" + std::to_string(i)), kNoIno);
    }
    await_listed(1);
    EXPECT_EQ(listings(), 1U);
  }
  std::size_t listings() const { return remote.calls(Op::list_ahead) + remote.calls(Op::list); }
};

TEST_F(Questions, AfterAFewTheListingAnswersTheRest) {
  look_at(0, 3);
  await_listed(1);
  remote.forget_calls();
  look_at(4, 19);
  EXPECT_EQ(look(walk("many"), "none"), kNoIno);
  EXPECT_EQ(remote.calls(), 0U);
  EXPECT_EQ(remote.log().size(), 0U);
}

TEST_F(Questions, FewOfThemAreAnsweredOneByOne) {
  look_at(0, 2);
  expect_no_listing_but_of_another();
}

TEST_F(Questions, NowAndThenIsNoRow) {
  for (int i = 0; i < 20; ++i) {
    look_at(i, i);
    clock.advance(std::chrono::seconds(3));
  }
  expect_no_listing_but_of_another();
}

TEST_F(Questions, ForOneNameAgainAndAgainAreNoRow) {
  Settings settings;
  settings.prefetch = true;
  settings.attr_timeout = std::chrono::milliseconds(0);
  mount(std::move(settings));
  const Ino many = walk("many");
  for (int i = 0; i < 20; ++i) {
    EXPECT_NE(look(many, "file1"), kNoIno);
  }
  expect_no_listing_but_of_another();
}

TEST_F(Questions, AreNeverHeldUpByTheListing) {
  Gate gate = remote.hold(Op::list_ahead, "/many");
  look_at(0, 3);
  ASSERT_TRUE(gate.await_blocked());
  look_at(4, 19);
}

TEST_F(Questions, OffMeansOff) {
  restart(false);
  look_at(0, 19);
  EXPECT_EQ(listings(), 0U);
}

class QuestionsWithSizes : public Questions {
 protected:
  static FakeRemoteOptions sized(std::uint64_t bytes_of_name) {
    FakeRemoteOptions options;
    options.bytes_of_name = bytes_of_name;
    return options;
  }
  explicit QuestionsWithSizes(std::uint64_t bytes_of_name = 200)
      : Questions(sized(bytes_of_name)) {}
};

TEST_F(QuestionsWithSizes, OfASmallDirectoryTwoAreEnough) {
  list(kRootIno);
  look_at(0, 1);
  await_listed(1);
}

class QuestionsOfALargeDirectory : public QuestionsWithSizes {
 protected:
  QuestionsOfALargeDirectory() : QuestionsWithSizes(10'000) {}
};

TEST_F(QuestionsOfALargeDirectory, AreAnsweredOneByOne) {
  list(kRootIno);
  look_at(0, 19);
  EXPECT_EQ(listings(), 1U) << "that of the root alone";
}

}  // namespace
}  // namespace ftpsfs::fs
