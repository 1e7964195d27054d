// SPDX-License-Identifier: MIT
//
// Listings by STAT, over the control connection: when they are believed, and what replaces them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "remote_fixture.hpp"

namespace ftpsfs::remote {
namespace {

using test::Fault;
using ::testing::ElementsAre;

/// A server that has no MLSD, and is known to list by STAT.
class StatList : public RemoteFixture {
 protected:
  void SetUp() override {
    start({.mlst = false, .banner = "220 (vsFTPd 3.0.3)"});
    tree().add_directory("/d");
    tree().add_file("/d/a", "1");
    tree().add_file("/d/b", "22");
  }

  std::vector<std::string> names(const std::string& path) {
    auto listing = remote_->list(at(path), soon());
    if (!listing) {
      return {"error: " + listing.error().text};
    }
    std::vector<std::string> all;
    for (const Entry& entry : listing->entries) {
      all.push_back(entry.name);
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  /// What a list() of /d puts on the wire.
  std::vector<std::string> commands_of_list() {
    const std::size_t before = server_->commands().size();
    EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
    std::vector<std::string> all = server_->commands();
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(before));
    return all;
  }

  std::uint64_t logins() { return remote_->counters().pool.logins; }
};

TEST_F(StatList, AListingNeedsNoDataConnection) {
  connect();
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_THAT(commands_of_list(), ElementsAre("CWD /d", "STAT -a .", "NOOP"));
  EXPECT_EQ(server_->data_connections(), 0);
}

TEST_F(StatList, AnExactTimeTravelsWithTheListing) {
  tree().add_file("/d/c", "333", 1'600'000'001);
  connect();
  const auto flights = remote_->counters().flights;
  const auto listing = remote_->list(at("/d"), soon(), {.timed = "c"});
  ASSERT_TRUE(listing) << listing.error().text;
  EXPECT_EQ(remote_->counters().flights, flights + 1);
  for (const Entry& entry : listing->entries) {
    ASSERT_TRUE(entry.mtime);
    EXPECT_EQ(entry.mtime->grain == TimeGrain::second, entry.name == "c") << entry.name;
  }
  EXPECT_EQ(server_->count("MDTM"), 1);
}

/// A create that believed it absent would empty it.
/// Each on a connection of its own, where a second one is idle.
class VeryManyTimes : public StatList {
 protected:
  void SetUp() override {
    StatList::SetUp();
    for (int i = 0; i < kFiles; ++i) {
      names_.push_back("file" + std::to_string(i));
      tree().add_file("/d/" + names_.back(), "x", 1'600'000'000 + i);
    }
    connect();
    expect_all();
    while (remote_->counters().pool.idle < 2) {
      std::this_thread::yield();
    }
  }
  void expect_all() {
    const auto times = remote_->exact_times(at("/d"), names_, soon());
    ASSERT_TRUE(times) << times.error().text;
    ASSERT_EQ(times->size(), names_.size());
    for (int i = 0; i < kFiles; ++i) {
      const auto& time = (*times)[static_cast<std::size_t>(i)];
      ASSERT_TRUE(time) << i;
      EXPECT_EQ(time->unix_seconds, 1'600'000'000 + i);
    }
  }

  static constexpr int kFiles = 500;
  std::vector<std::string> names_;
};

TEST_F(VeryManyTimes, AreAskedOverTwoConnections) {
  expect_all();
  EXPECT_EQ(server_->count("MDTM"), 2 * kFiles);
  EXPECT_EQ(logins(), 2U);
  EXPECT_EQ(remote_->counters().pool.idle, 2U);
}

TEST_F(VeryManyTimes, AreAllThereWhenEitherConnectionDies) {
  for (const int nth : {1, 100, 400}) {
    server_->add_fault({.verb = "MDTM", .kind = Fault::Kind::reset, .nth = nth});
    expect_all();
  }
}

TEST_F(StatList, ANameInALineThatNobodyCanReadIsThereAllTheSame) {
  start({.mlst = false, .banner = "220 (vsFTPd 3.0.3)", .unlistable = "b"});
  tree().add_directory("/d");
  tree().add_file("/d/a", "1");
  tree().add_file("/d/b", "22");
  connect();
  const auto listing = remote_->list(at("/d"), soon());
  ASSERT_TRUE(listing) << listing.error().text;
  EXPECT_EQ(listing->entries.size(), 1U);
  EXPECT_FALSE(listing->shows_all);
  const auto hidden = remote_->stat(at("/d/b"), soon());
  ASSERT_TRUE(hidden) << hidden.error().text;
  EXPECT_EQ(hidden->size, 2U);
  expect_error(remote_->stat(at("/d/c"), soon()), Errc::not_found);
}

/// Only a listing tells a dangling link from nothing. Who keeps listings makes one.
TEST_F(StatList, AGlanceCostsOneQuestionWhateverItSees) {
  start();
  tree().add_directory("/d");
  tree().add_file("/d/a", "1");
  connect();
  const auto seen = remote_->glance(at("/d/a"), soon());
  ASSERT_TRUE(seen && *seen);
  EXPECT_EQ((*seen)->size, 1U);
  const auto unclear = remote_->glance(at("/d/b"), soon());
  ASSERT_TRUE(unclear);
  EXPECT_FALSE(*unclear);
  EXPECT_EQ(server_->count("MLST"), 2);
  EXPECT_EQ(server_->count("MLSD"), 0);
  expect_error(remote_->stat(at("/d/b"), soon()), Errc::not_found);
}

/// Where a listing takes two commands, the first one asks for a second connection.
class ListBeside : public StatList {
 protected:
  void SetUp() override {
    start();
    tree().add_directory("/d");
    tree().add_file("/d/a", "1");
    tree().add_file("/d/b", "22");
    connect();
    EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
    while (remote_->counters().pool.idle < 2) {
      std::this_thread::yield();
    }
  }
};

TEST_F(ListBeside, BothCommandsRunAtTheSameTime) {
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_EQ(server_->count("MLSD"), 2);
  EXPECT_EQ(server_->count("STAT"), 1);
  EXPECT_EQ(server_->count("LIST"), 1);
  EXPECT_EQ(logins(), 2U);
}

TEST_F(ListBeside, WhenTheSecondFailsTheFirstDoesBoth) {
  server_->add_fault({.verb = "LIST", .kind = Fault::Kind::reset});
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_EQ(server_->count("MLSD"), 2);
  EXPECT_EQ(server_->count("STAT"), 2);
}

/// A port that some firewall drops must not hold up what MLSD has told already.
TEST_F(ListBeside, WhenTheSecondHangsTheFirstDoesBoth) {
  server_->add_fault({.verb = "LIST", .kind = Fault::Kind::stall_data});
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_EQ(server_->count("MLSD"), 2);
  EXPECT_EQ(server_->count("STAT"), 2);
}

TEST_F(ListBeside, WhenTheFirstFailsBothAreRepeated) {
  server_->add_fault({.verb = "MLSD", .kind = Fault::Kind::reset});
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_EQ(server_->count("MLSD"), 3);
}

TEST_F(StatList, MlsdIsCompletedByIt) {
  start();
  tree().add_directory("/d");
  tree().add_file("/d/a", "1");
  tree().add_file("/d/b", "22");
  connect();
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_EQ(server_->count("MLSD"), 1);
  EXPECT_EQ(server_->count("STAT"), 1);
  EXPECT_EQ(server_->count("LIST"), 0);
}

/// What STAT then shows is another directory.
TEST_F(StatList, NothingIsListedWhenCwdIsRefused) {
  connect();
  expect_error(remote_->list(at("/missing"), soon()), Errc::not_found);
  expect_error(remote_->list(at("/d/a"), soon()), Errc::not_directory);
  EXPECT_EQ(server_->count("STAT"), 2);
  EXPECT_EQ(logins(), 1U);
  EXPECT_THAT(commands_of_list(), ElementsAre("CWD /d", "STAT -a .", "NOOP"));
}

TEST_F(StatList, AForgedEndIsFoundOutAndListsAreUsedFromThenOn) {
  connect();
  server_->add_fault({.verb = "STAT",
                      .kind = Fault::Kind::inject,
                      .reply = "213-Status\r\n-rw-r--r-- 1 u g 5 Jan 1 00:00 evil\r\n213 End\r\n"});
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_EQ(logins(), 2U);  // the first session was out of step
  EXPECT_EQ(server_->count("STAT"), 1);
  EXPECT_EQ(server_->count("LIST"), 1);
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_EQ(server_->count("STAT"), 1);
}

TEST_F(StatList, ANameWithALineBreakForgesNothing) {
  tree().add_file("/d/z\r\n213 End", "");
  connect();
  EXPECT_THAT(names("/d"), ElementsAre("a", "b", "z"));
  EXPECT_EQ(server_->count("LIST"), 1);
  EXPECT_EQ(logins(), 2U);
  auto entry = remote_->stat(at("/d/b"), soon());
  ASSERT_TRUE(entry) << entry.error().text;
  EXPECT_EQ(entry->size, 2U);
}

TEST_F(StatList, ALineThatIsNoReplyEndsListingsByStat) {
  connect();
  server_->add_fault({.verb = "STAT",
                      .kind = Fault::Kind::inject,
                      .times = -1,
                      .reply = "213-Status\r\n213 End\r\n-rw-r--r-- 1 u g 5 Jan 1 00:00 evil\r\n"});
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_EQ(server_->count("STAT"), 1);
  EXPECT_EQ(server_->count("LIST"), 1);
}

TEST_F(StatList, AServerThatDoesNotKnowItIsNotAskedAgain) {
  for (const char* refusal : {"502 STAT not implemented", "500 STAT?", "504 not for that"}) {
    SetUp();
    connect();
    server_->add_fault(
        {.verb = "STAT", .kind = Fault::Kind::refuse, .times = -1, .reply = refusal});
    EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
    EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
    EXPECT_EQ(server_->count("STAT"), 1);
    EXPECT_EQ(server_->count("LIST"), 2);
    EXPECT_EQ(logins(), 1U);
    remote_.reset();
  }
}

TEST_F(StatList, ARefusalOfOneDirectoryIsAListOfThatOne) {
  connect();
  server_->add_fault({.verb = "STAT", .kind = Fault::Kind::refuse, .reply = "450 not now"});
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_EQ(server_->count("STAT"), 2);
  EXPECT_EQ(server_->count("LIST"), 1);
}

TEST_F(StatList, AReplyThatIsNoListingIsAListOfThatOne) {
  connect();
  server_->add_fault({.verb = "STAT",
                      .kind = Fault::Kind::replace_reply,
                      .reply = "211-Status\r\n     Connected to 127.0.0.1, in good health\r\n"
                               "211 End of status"});
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_EQ(server_->count("LIST"), 1);
}

TEST_F(StatList, CanBeSwitchedOff) {
  settings_.session.stat_listing = false;
  connect();
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
  EXPECT_EQ(server_->count("STAT"), 0);
  EXPECT_EQ(server_->count("LIST"), 1);
}

TEST_F(StatList, AnUnknownServerIsNotAskedForIt) {
  start({.mlst = false, .banner = "220 ready", .system = "215 OTHER"});
  tree().add_file("/x", "");
  connect();
  EXPECT_THAT(names("/"), ElementsAre("x"));
  EXPECT_EQ(server_->count("STAT"), 0);
}

/// Several directories ahead of need.
class ListAhead : public StatList {
 protected:
  /// "path: names" of what came, "path: error" of what was refused.
  std::vector<std::string> ahead(const std::vector<std::string>& paths, bool times = false) {
    std::vector<std::string> told;
    const auto choose = [&] {
      std::vector<RemotePath> chosen;
      for (const std::string& path : paths) {
        chosen.push_back(at(path));
      }
      return chosen;
    };
    const auto sink = [&](std::size_t index, Result<Listing> listing) {
      std::string line = paths[index] + ":" + (listing ? "" : " error");
      std::vector<std::string> found;
      for (const Entry& entry : listing.value_or(Listing{}).entries) {
        const bool exact = entry.mtime && entry.mtime->grain == TimeGrain::second;
        found.push_back(" " + entry.name + (exact ? "!" : ""));
      }
      std::sort(found.begin(), found.end());
      for (const std::string& name : found) {
        line += name;
      }
      told.push_back(std::move(line));
    };
    remote_->list_ahead(choose, times, sink, soon());
    return told;
  }
};

TEST_F(ListAhead, SeveralDirectoriesShareAFlight) {
  tree().add_directory("/e");
  tree().add_file("/e/c", "");
  connect();
  EXPECT_THAT(ahead({"/d", "/missing", "/e"}), ElementsAre("/d: a b", "/missing: error", "/e: c"));
  EXPECT_EQ(server_->count("STAT"), 3);
  EXPECT_EQ(server_->data_connections(), 0);
}

TEST_F(ListAhead, TheTimesOfAllFilesComeWithThemWhereTheyAreWanted) {
  tree().add_directory("/e");
  tree().add_file("/e/c", "");
  connect();
  EXPECT_THAT(ahead({"/d", "/e"}, true), ElementsAre("/d: a! b!", "/e: c!"));
  EXPECT_EQ(server_->count("MDTM"), 3);
}

/// Replies that stand where none is owed, as a name with line breaks could bring them about.
TEST_F(ListAhead, NothingIsBelievedOfAFlightThatIsOutOfStep) {
  tree().add_directory("/e");
  tree().add_file("/e/c", "");
  connect();
  server_->add_fault({.verb = "STAT",
                      .kind = Fault::Kind::replace_reply,
                      .reply = "213-\r\n213 End\r\n200 x\r\n250 ok\r\n213-\r\n213 End\r\n"
                               "200 x\r\n250 ok\r\n213-\r\n213 End"});
  EXPECT_THAT(ahead({"/d", "/e"}), ElementsAre());
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
}

TEST_F(ListAhead, ADeadLinkIsNobodysError) {
  connect();
  server_->add_fault({.verb = "STAT", .kind = Fault::Kind::close});
  EXPECT_THAT(ahead({"/d"}), ElementsAre());
  EXPECT_THAT(names("/d"), ElementsAre("a", "b"));
}

/// As exact as MLSD, and no data connection.
TEST_F(ListAhead, FewNamesAreAskedForWhereThereIsMlst) {
  start();
  tree().add_directory("/d");
  tree().add_file("/d/a", "1", 1'600'000'001);
  tree().add_directory("/d/sub");
  tree().add_directory("/e");
  tree().add_file("/e/c", "");
  connect();
  EXPECT_THAT(ahead({"/d", "/e"}), ElementsAre("/d: a! sub!", "/e: c!"));
  EXPECT_EQ(server_->count("STAT"), 2);
  EXPECT_EQ(server_->count("MLST"), 3);
  EXPECT_EQ(server_->count("MLSD"), 0);
  EXPECT_EQ(server_->data_connections(), 0);
}

/// MLSD tells exact times, LIST what MLSD hides.
TEST_F(ListAhead, ManyNamesAreNotAskedForAtNoDistance) {
  start();
  tree().add_directory("/d");
  std::string names;
  for (char name = 'a'; name <= 'z'; ++name) {
    for (const char* number : {"1", "2", "3", "4"}) {
      tree().add_file(std::string("/d/") + name + number, "1");
      names += std::string(" ") + name + number + "!";
    }
  }
  tree().add_directory("/e");
  tree().add_file("/e/c", "");
  connect();
  EXPECT_THAT(ahead({"/d", "/e"}), ElementsAre("/e: c!", "/d:" + names));
  EXPECT_EQ(server_->count("MLSD"), 1);
  EXPECT_EQ(server_->count("MLST"), 1);
  EXPECT_EQ(server_->count("LIST"), 0) << "STAT tells the same in one flight for all";
}

TEST_F(ListAhead, ANameThatVanishesMeanwhileIsNoError) {
  start();
  tree().add_directory("/d");
  tree().add_file("/d/a", "1");
  tree().add_file("/d/b", "1");
  tree().add_directory("/e");
  connect();
  server_->add_fault({.verb = "MLST",
                      .kind = Fault::Kind::replace_reply,
                      .reply = "550 a: No such file or directory"});
  EXPECT_THAT(ahead({"/d", "/e"}), ElementsAre("/d: a b!", "/e:"));
}

TEST_F(ListAhead, AServerWithoutMlstAfterAllListsByTransfer) {
  start();
  tree().add_directory("/d");
  tree().add_file("/d/a", "1");
  tree().add_directory("/e");
  connect();
  server_->add_fault(
      {.verb = "MLST", .kind = Fault::Kind::replace_reply, .reply = "502 Command disabled"});
  EXPECT_THAT(ahead({"/d", "/e"}), ElementsAre("/d: a!", "/e:"));
  EXPECT_EQ(server_->count("MLSD"), 2);
}

TEST_F(ListAhead, ALinkThatDiesWhileNamesAreAskedLeavesTheRestToThePrograms) {
  start();
  tree().add_directory("/d");
  tree().add_file("/d/a", "1");
  tree().add_directory("/e");
  connect();
  server_->add_fault({.verb = "MLST", .kind = Fault::Kind::close});
  EXPECT_THAT(ahead({"/d", "/e"}), ElementsAre());
  EXPECT_THAT(names("/d"), ElementsAre("a"));
}

/// times=listing: one round trip counts for more than the second.
TEST_F(ListAhead, CoarseTimesNeedNoMlsd) {
  start();
  settings_.session.coarse_times = true;
  tree().add_directory("/d");
  tree().add_file("/d/a", "1");
  connect();
  EXPECT_THAT(ahead({"/d"}), ElementsAre("/d: a"));
  const auto small = remote_->list(at("/d"), soon(), {.directory_bytes = 4096});
  ASSERT_TRUE(small);
  EXPECT_EQ(server_->count("STAT"), 2);
  ASSERT_TRUE(remote_->list(at("/d"), soon()));
  EXPECT_EQ(server_->count("STAT"), 2) << "ProFTPD's STAT is slow where there are many names";
  EXPECT_EQ(server_->count("MLSD"), 0);
}

TEST(ListingHints, SmallIsWhatAnyFileSystemCallsSmall) {
  const auto small = [](std::optional<std::uint64_t> bytes) {
    return ListingHints{{}, bytes}.is_small();
  };
  EXPECT_FALSE(small(std::nullopt));
  EXPECT_TRUE(small(7)) << "names (ZFS), or bytes of few names (XFS)";
  EXPECT_TRUE(small(4096));
  EXPECT_TRUE(small(36864)) << "blocks";
  EXPECT_FALSE(small(60'000)) << "names, on ZFS";
  EXPECT_FALSE(small(1 << 20));
}

TEST(ListingHints, TinyIsWhatHoldsSomeHundredNamesOnAnyFileSystem) {
  const auto tiny = [](std::optional<std::uint64_t> bytes) {
    return ListingHints{{}, bytes}.is_tiny();
  };
  EXPECT_FALSE(tiny(std::nullopt));
  EXPECT_TRUE(tiny(4096)) << "a block";
  EXPECT_TRUE(tiny(300)) << "names (ZFS)";
  EXPECT_FALSE(tiny(2000)) << "names, too";
  EXPECT_FALSE(tiny(8192));
}

}  // namespace
}  // namespace ftpsfs::remote
