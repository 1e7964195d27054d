// SPDX-License-Identifier: MIT
//
// The promises of contrib/doc/semantics.md about names, attributes and the tree.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <thread>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FilesystemTest : public FilesystemFixture {};

TEST_F(FilesystemTest, ALookupTellsWhatTheServerHas) {
  remote.put("/a/file", "12345", 1'600'000'000);
  const Ino file = walk("a/file");
  ASSERT_NE(file, kNoIno);
  const Attributes shown = attributes(file);
  EXPECT_EQ(shown.size, 5U);
  EXPECT_EQ(shown.mtime_seconds, 1'600'000'000);
  EXPECT_TRUE(S_ISREG(shown.mode));
  EXPECT_EQ(attributes(walk("a")).nlink, 2U);
  EXPECT_EQ(look(kRootIno, "missing"), kNoIno);
}

TEST_F(FilesystemTest, TheTopIsAsOldAsTheMount) {
  const auto wall_seconds = [this] {
    return std::chrono::duration_cast<std::chrono::seconds>(clock.wall_now().time_since_epoch())
        .count();
  };
  clock.advance(std::chrono::hours(1));
  mount();
  const auto begun = wall_seconds();
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(attributes(kRootIno).mtime_seconds, begun);
  EXPECT_LT(begun, wall_seconds());
}

TEST_F(FilesystemTest, WhatIsKnownIsNotAskedAgainUntilItIsOld) {
  remote.put("/file", "x");
  look(kRootIno, "file");
  look(kRootIno, "none");
  remote.forget_calls();
  EXPECT_TRUE(fs->find_entry(kRootIno, "file"));
  EXPECT_TRUE(fs->find_entry(kRootIno, "none"));
  EXPECT_EQ(remote.calls(), 0U);
  clock.advance(seconds(60));
  EXPECT_FALSE(fs->find_entry(kRootIno, "file"));
}

TEST_F(FilesystemTest, AListingAnswersLaterLookups) {
  remote.put("/d/a", "1");
  remote.put("/d/b", "2");
  const Ino directory = walk("d");
  EXPECT_THAT(list(directory), ElementsAre("a", "b"));
  remote.forget_calls();
  EXPECT_NE(look(directory, "a"), kNoIno);
  EXPECT_EQ(look(directory, "c"), kNoIno);
  EXPECT_EQ(remote.calls(), 0U);
}

TEST_F(FilesystemTest, AFailedListingIsAnErrorNeverAShorterDirectory) {
  remote.put("/d/a", "1");
  const Ino directory = walk("d");
  remote.fail_next(Op::list, "/d", make_error(Errc::truncated, "cut"));
  EXPECT_FALSE(fs->open_directory(directory, {}, request()));
  EXPECT_THAT(list(directory), ElementsAre("a"));
}

TEST_F(FilesystemTest, LocalChangesAreSeenAtOnce) {
  remote.put("/old", "x");
  EXPECT_THAT(list(kRootIno), ElementsAre("old"));
  put("new", "y");
  EXPECT_THAT(list(kRootIno), ElementsAre("new", "old"));
  ASSERT_TRUE(fs->rename(kRootIno, "new", kRootIno, "newer", 0, request()));
  ASSERT_TRUE(fs->remove_file(kRootIno, "old", request()));
  EXPECT_THAT(list(kRootIno), ElementsAre("newer"));
  EXPECT_EQ(look(kRootIno, "new"), kNoIno);
}

TEST_F(FilesystemTest, AListingBegunBeforeALocalChangeIsNotCached) {
  remote.put("/a", "1");
  Gate gate = remote.hold(Op::list, "/", test::Moment::after);
  std::thread lister([&] { list(kRootIno); });
  ASSERT_TRUE(gate.await_blocked());
  ASSERT_TRUE(fs->make_directory(kRootIno, "made", 0755, request()));
  gate.open();
  lister.join();
  EXPECT_THAT(list(kRootIno), ElementsAre("a", "made"));
}

TEST_F(FilesystemTest, ReaddirplusCountsLookupsAndUndoesWhatDidNotFit) {
  remote.put("/a", "1");
  remote.put("/b", "2");
  const auto handle = fs->open_directory(kRootIno, {}, request());
  ASSERT_TRUE(handle);
  int shown = 0;
  ASSERT_TRUE(fs->read_directory(
      *handle, 0, true,
      [&](const DirectoryItem& item) {
        EXPECT_NE(item.entry, nullptr);
        return ++shown < 2;
      },
      request()));
  EXPECT_EQ(shown, 2);
  // The second was refused: its node is forgotten already; the first one's only lookup is ours.
  fs->forget(look(kRootIno, "a"), 2);
  fs->release_directory(*handle);
}

TEST_F(FilesystemTest, MkdirRmdirTellTheirErrorsApart) {
  ASSERT_TRUE(fs->make_directory(kRootIno, "d", 0755, request()));
  EXPECT_EQ(fs->make_directory(kRootIno, "d", 0755, request()).error().code, Errc::already_exists);
  put("f", "x");
  EXPECT_EQ(fs->remove_directory(kRootIno, "f", request()).error().code, Errc::not_directory);
  EXPECT_EQ(fs->remove_file(kRootIno, "d", request()).error().code, Errc::is_directory);
  const HandleId inside = create("g", O_WRONLY, walk("d"));
  ASSERT_TRUE(close(inside));
  EXPECT_EQ(fs->remove_directory(kRootIno, "d", request()).error().code, Errc::not_empty);
  EXPECT_EQ(fs->remove_directory(kRootIno, "gone", request()).error().code, Errc::not_found);
}

TEST_F(FilesystemTest, ANewDirectoryIsKnownToBeEmpty) {
  const auto made = fs->make_directory(kRootIno, "d", 0755, request());
  ASSERT_TRUE(made);
  remote.forget_calls();
  EXPECT_EQ(look(made->attributes.ino, "anything"), kNoIno);
  EXPECT_EQ(remote.calls(), 0U);
}

TEST_F(FilesystemTest, RenameReplacesAsRename2Does) {
  put("a", "new");
  put("b", "old");
  ASSERT_TRUE(fs->rename(kRootIno, "a", kRootIno, "b", 0, request()));
  EXPECT_EQ(remote.content("/b"), "new");
  ASSERT_TRUE(fs->make_directory(kRootIno, "d", 0755, request()));
  EXPECT_EQ(fs->rename(kRootIno, "b", kRootIno, "d", 0, request()).error().code,
            Errc::is_directory);
  EXPECT_EQ(fs->rename(kRootIno, "d", kRootIno, "b", 0, request()).error().code,
            Errc::not_directory);
  constexpr unsigned kNoReplace = 1;
  constexpr unsigned kExchange = 2;
  put("c", "c");
  EXPECT_EQ(fs->rename(kRootIno, "b", kRootIno, "c", kNoReplace, request()).error().code,
            Errc::already_exists);
  EXPECT_EQ(fs->rename(kRootIno, "b", kRootIno, "c", kExchange, request()).error().code,
            Errc::invalid_argument);
}

TEST_F(FilesystemTest, TheKernelForgetsNamesThatAnInterruptedChangeWasAbout) {
  remote.put("/a", "1");
  remote.put_directory("/d");
  // Interrupts the operation when the server has done it, but its reply is on the way.
  const auto interrupted = [&](Op op, const auto& operation) {
    std::stop_source interrupt;
    kernel.entries = 0;
    Gate reply = remote.hold(op, {}, test::Moment::after);
    std::thread program([&] { EXPECT_TRUE(operation(request(interrupt.get_token()))); });
    EXPECT_TRUE(reply.await_blocked());
    interrupt.request_stop();
    reply.open();
    program.join();
    return kernel.entries.load();
  };
  EXPECT_EQ(interrupted(Op::rename,
                        [&](const Request& request) {
                          return fs->rename(kRootIno, "a", kRootIno, "b", 0, request);
                        }),
            2);
  EXPECT_EQ(
      interrupted(Op::remove_file,
                  [&](const Request& request) { return fs->remove_file(kRootIno, "b", request); }),
      1);
  EXPECT_EQ(interrupted(Op::remove_directory,
                        [&](const Request& request) {
                          return fs->remove_directory(kRootIno, "d", request);
                        }),
            1);
  kernel.entries = 0;
  put("c", "1");
  ASSERT_TRUE(fs->remove_file(kRootIno, "c", request()));
  EXPECT_EQ(kernel.entries, 0);
}

TEST_F(FilesystemTest, ADirectoryReplacesAnEmptyOneOnly) {
  remote.put("/from/x", "1");
  remote.put_directory("/empty");
  remote.put("/full/y", "2");
  look(kRootIno, "from");
  EXPECT_EQ(fs->rename(kRootIno, "from", kRootIno, "full", 0, request()).error().code,
            Errc::not_empty);
  EXPECT_TRUE(fs->rename(kRootIno, "from", kRootIno, "empty", 0, request()));
  EXPECT_TRUE(remote.exists("/empty/x"));
}

TEST_F(FilesystemTest, ARenameOntoAnEmptyDirectoryThatFailsLeavesBoth) {
  remote.put("/from/file", "1");
  remote.put_directory("/empty");
  const Ino empty = walk("empty");
  const auto mode = fs->lookup(kRootIno, "empty", request())->attributes.mode;
  for (const Errc code : {Errc::access_denied, Errc::timed_out}) {
    remote.fail_next(Op::rename, "/from", make_error(code, "no"));
    EXPECT_FALSE(fs->rename(kRootIno, "from", kRootIno, "empty", 0, request()));
    EXPECT_TRUE(remote.exists("/from/file"));
    EXPECT_TRUE(remote.exists("/empty"));
    EXPECT_EQ(walk("empty"), empty);
    EXPECT_EQ(fs->lookup(kRootIno, "empty", request())->attributes.mode, mode);
    EXPECT_THAT(list(kRootIno), ElementsAre("empty", "from"));
  }
  EXPECT_TRUE(fs->rename(kRootIno, "from", kRootIno, "empty", 0, request()));
  EXPECT_THAT(list(kRootIno), ElementsAre("empty"));
}

TEST_F(FilesystemTest, InodesKeepTheirNumbersThroughRenames) {
  remote.put("/d/f", "1");
  const Ino file = walk("d/f");
  ASSERT_TRUE(fs->rename(kRootIno, "d", kRootIno, "e", 0, request()));
  EXPECT_EQ(walk("e/f"), file);
  EXPECT_EQ(content(file), "1");
}

TEST_F(FilesystemTest, ModeAndOwnerChangesToWhatIsShownSucceed) {
  remote.put("/f", "1");
  const Ino file = walk("f");
  AttributeChange change;
  change.uid = 0;
  change.gid = 0;
  EXPECT_TRUE(fs->set_attributes(file, change, std::nullopt, request()));
  change.uid = 1234;
  EXPECT_EQ(fs->set_attributes(file, change, std::nullopt, request()).error().code,
            Errc::not_permitted);
  AttributeChange mode;
  mode.mode = 0600;
  ASSERT_TRUE(fs->set_attributes(file, mode, std::nullopt, request()));
  EXPECT_EQ(remote.mode("/f"), 0600);
  EXPECT_EQ(attributes(file).mode & 07777U, 0600U);
}

TEST_F(FilesystemTest, TimesAreSetToTheSecond) {
  remote.put("/f", "1");
  const Ino file = walk("f");
  AttributeChange change;
  change.mtime = AttributeChange::Time{1'234'567'890, false};
  ASSERT_TRUE(fs->set_attributes(file, change, std::nullopt, request()));
  EXPECT_EQ(remote.mtime("/f"), 1'234'567'890);
  EXPECT_EQ(attributes(file).mtime_seconds, 1'234'567'890);
}

TEST_F(FilesystemTest, SymlinksAreShownAndMade) {
  remote.put("/target", "1");
  remote.put_symlink("/link", "target");
  EXPECT_EQ(*fs->read_link(walk("link"), request()), "target");
  ASSERT_TRUE(fs->make_symlink("target", kRootIno, "other", request()));
  EXPECT_EQ(*fs->read_link(walk("other"), request()), "target");
}

TEST_F(FilesystemTest, NamesThatCouldBeCommandsAreRefusedBeforeAnythingIsSent) {
  remote.forget_calls();
  EXPECT_EQ(fs->lookup(kRootIno, "a\nDELE b", request()).error().code, Errc::invalid_argument);
  EXPECT_EQ(fs->create(kRootIno, "a\rb", 0644, O_WRONLY, request()).error().code,
            Errc::invalid_argument);
  EXPECT_EQ(fs->lookup(kRootIno, std::string(256, 'x'), request()).error().code,
            Errc::name_too_long);
  EXPECT_EQ(remote.calls(), 0U);
}

TEST_F(FilesystemTest, AReadOnlyMountChangesNothing) {
  remote.put("/f", "1");
  Settings settings;
  settings.read_only = true;
  mount(settings);
  EXPECT_EQ(fs->create(kRootIno, "g", 0644, O_WRONLY, request()).error().code, Errc::read_only);
  EXPECT_EQ(fs->open(walk("f"), O_WRONLY, request()).error().code, Errc::read_only);
  EXPECT_EQ(fs->remove_file(kRootIno, "f", request()).error().code, Errc::read_only);
  EXPECT_EQ(content(walk("f")), "1");
}

TEST_F(FilesystemTest, MasksAndOwnersComeFromTheOptions) {
  remote.put("/f", "1");
  Settings settings;
  settings.uid = 1000;
  settings.gid = 100;
  settings.file_mask = 0137;
  settings.directory_mask = 0027;
  mount(settings);
  const Attributes file = attributes(walk("f"));
  EXPECT_EQ(file.mode & 07777U, 0640U);
  EXPECT_EQ(file.uid, 1000U);
  EXPECT_EQ(file.gid, 100U);
  EXPECT_EQ(attributes(kRootIno).mode & 07777U, 0750U);
}

TEST_F(FilesystemTest, RefreshForgetsEverything) {
  remote.put("/f", "1");
  look(kRootIno, "f");
  fs->refresh();
  EXPECT_FALSE(fs->find_entry(kRootIno, "f"));
  EXPECT_GT(kernel.inodes, 0);
}

TEST_F(FilesystemTest, RefreshOfAPlaceLeavesTheKernelWhatItHasElsewhere) {
  remote.put_directory("/a");
  remote.put("/a/x", "1");
  remote.put("/f", "1");
  walk("a/x");
  walk("f");
  kernel.inodes = kernel.entries = 0;
  fs->refresh("a");
  EXPECT_EQ(kernel.inodes, 2) << "a and a/x";
  EXPECT_EQ(kernel.entries, 2);
  EXPECT_FALSE(fs->find_entry(kRootIno, "a")) << "nothing of it is believed here";
  kernel.inodes = 0;
  fs->refresh("f/nothing known here");
  EXPECT_EQ(kernel.inodes, 1) << "the nearest that is known";
}

FakeRemoteOptions without_mlsd() {
  FakeRemoteOptions options;
  options.stat_is_cheap = false;
  options.exact_listing = false;
  return options;
}

class FilesystemWithoutMlsd : public FilesystemFixture {
 protected:
  FilesystemWithoutMlsd() : FilesystemFixture(without_mlsd()) {}
};

TEST_F(FilesystemWithoutMlsd, TimesAreExactAllTheSame) {
  remote.put("/f", "1", 1'600'000'042);
  EXPECT_EQ(attributes(walk("f")).mtime_seconds, 1'600'000'042);
}

TEST_F(FilesystemWithoutMlsd, TheTimesOfADirectoryAreAskedInOneGo) {
  for (int i = 0; i < 50; ++i) {
    remote.put("/f" + std::to_string(i), "1", 1'600'000'001 + i);
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(attributes(walk("f" + std::to_string(i))).mtime_seconds, 1'600'000'001 + i);
  }
  EXPECT_EQ(remote.calls(Op::list), 1U);
  EXPECT_LE(remote.calls(Op::exact_times), 5U);
}

TEST_F(FilesystemWithoutMlsd, TimesOfListingsAreEnoughWhenTheMountSaysSo) {
  Settings settings;
  settings.exact_times = false;
  mount(settings);
  remote.put("/f", "1", 1'600'000'042);
  EXPECT_EQ(attributes(walk("f")).mtime_seconds, 1'600'000'042 / 60 * 60);
  EXPECT_EQ(remote.calls(Op::list), 1U);
  EXPECT_EQ(remote.calls(Op::exact_times), 0U);
}

/// A listing with a line that nobody could read.
class ListingWithAGap : public FilesystemFixture {
 protected:
  static FakeRemoteOptions options() {
    FakeRemoteOptions made = without_mlsd();
    made.unlisted = "hidden";
    return made;
  }
  ListingWithAGap() : FilesystemFixture(options()) {}
};

TEST_F(ListingWithAGap, DoesNotMakeAFileAbsentThatACreateWouldEmpty) {
  remote.put("/hidden", "precious");
  remote.put("/shown", "x");
  EXPECT_NE(look(kRootIno, "hidden"), kNoIno);
  const auto created = fs->create(kRootIno, "hidden", 0644, O_CREAT | O_EXCL | O_WRONLY, request());
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Errc::already_exists);
  EXPECT_EQ(look(kRootIno, "nothing"), kNoIno);
  EXPECT_EQ(remote.content("/hidden"), "precious");
}

// ---- A server whose MLST cannot tell that a name is not there (ProFTPD) ----

class VagueServer : public FilesystemFixture {
 protected:
  static FakeRemoteOptions options() {
    FakeRemoteOptions made;
    made.absence_needs_listing = true;
    return made;
  }
  VagueServer() : FilesystemFixture(options()) {}
};

TEST_F(VagueServer, IsListedOnceForAllNamesThatAreNotThere) {
  ASSERT_TRUE(remote.make_directory(*remote::RemotePath::parse("/d"), request().wait));
  const Ino directory = look(kRootIno, "d");
  remote.forget_calls();
  EXPECT_EQ(look(directory, "a"), kNoIno);
  EXPECT_EQ(look(directory, "b"), kNoIno);
  EXPECT_EQ(look(directory, "c"), kNoIno);
  EXPECT_EQ(remote.calls(Op::stat), 1U);
  EXPECT_EQ(remote.calls(Op::list), 1U);
}

}  // namespace
}  // namespace ftpsfs::fs
