// SPDX-License-Identifier: MIT
//
// How one file takes the place of another: upload=, servers that will not rename over a file, and
// what a mount that died has left of it.
#include <fcntl.h>
#include <gmock/gmock.h>

#include <thread>

#include "filesystem_fixture.hpp"
#include "ftpsfs/remote/hidden_names.hpp"

namespace ftpsfs::fs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ReplacingTest : public FilesystemFixture {
 protected:
  using FilesystemFixture::FilesystemFixture;
  void mount_as(UploadMode mode) {
    Settings settings;
    settings.upload_mode = mode;
    mount(settings);
  }
  Result<void> replace(const std::string& name, const std::string& text) {
    const HandleId handle = open(walk(name), O_WRONLY | O_TRUNC);
    EXPECT_TRUE(write(handle, 0, text));
    return close(handle);
  }
};

TEST_F(ReplacingTest, AtomicUploadsShowNewNamesWhole) {
  mount_as(UploadMode::atomic);
  const HandleId handle = create("new");
  ASSERT_TRUE(write(handle, 0, std::string(2U << 20U, 'x')));
  ASSERT_TRUE(fs->flush(handle, request_of_a_child()));
  bool seen_early = false;
  remote.on_call([&](Op op, const std::string&) {
    seen_early = seen_early || (remote.calls(Op::rename) == 0 && remote.exists("/new"));
    EXPECT_TRUE(op != Op::rename || !seen_early);
  });
  ASSERT_TRUE(fs->flush(handle, request()));
  EXPECT_FALSE(seen_early);
  EXPECT_EQ(remote.content("/new")->size(), 2U << 20U);
  remote.on_call({});
  EXPECT_TRUE(close(handle));
  EXPECT_THAT(hidden(), IsEmpty());
}

TEST_F(ReplacingTest, AtomicUploadsOfLocalCopiesShowNewNamesWhole) {
  mount_as(UploadMode::atomic);
  const HandleId handle = create("new", O_RDWR);
  ASSERT_TRUE(write(handle, 5, "x"));
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/new")->size(), 6U);
  EXPECT_EQ(remote.calls(Op::rename), 1U);
  EXPECT_THAT(hidden(), IsEmpty());
}

TEST_F(ReplacingTest, DirectUploadsMakeNoOtherName) {
  mount_as(UploadMode::direct);
  remote.put("/f", "old content");
  put("new", "text");
  EXPECT_TRUE(replace("f", "new"));
  const HandleId handle = open(walk("f"), O_RDWR);
  ASSERT_TRUE(write(handle, 1, "o"));
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), "now");
  EXPECT_EQ(remote.content("/new"), "text");
  EXPECT_EQ(remote.calls(Op::rename), 0U);
  for (const std::string& line : remote.log()) {
    EXPECT_EQ(line.find(".ftpsfs-"), std::string::npos) << line;
  }
}

class RefusingServerTest : public ReplacingTest {
 protected:
  static FakeRemoteOptions refusing() {
    FakeRemoteOptions options;
    options.rename_replaces = false;
    return options;
  }
  RefusingServerTest() : ReplacingTest(refusing()) {}
};

TEST_F(RefusingServerTest, AFileIsReplacedByWayOfABackup) {
  remote.put("/f", "old");
  EXPECT_TRUE(replace("f", "new"));
  EXPECT_EQ(remote.content("/f"), "new");
  EXPECT_THAT(hidden(), IsEmpty());
}

TEST_F(RefusingServerTest, TheOldFileIsThereUntilTheNewOneIsWhole) {
  remote.put("/f", "old");
  std::vector<std::string> seen;
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::rename || op == Op::finish) {
      std::string all;
      for (const auto& [path, content] : remote.snapshot()) {
        all += content + " ";
      }
      seen.push_back(all);
    }
  });
  EXPECT_TRUE(replace("f", "new"));
  remote.on_call({});
  for (const std::string& all : seen) {
    EXPECT_NE(all.find("old"), std::string::npos) << all;
  }
  EXPECT_EQ(seen.size(), 4U) << "finish, rename over, aside, in its place";
}

TEST_F(RefusingServerTest, AProgramsRenameReplaces) {
  remote.put("/from", "new");
  remote.put("/to", "old");
  ASSERT_TRUE(fs->rename(kRootIno, "from", kRootIno, "to", 0, request()));
  EXPECT_EQ(remote.content("/to"), "new");
  EXPECT_THAT(remote.names("/"), ElementsAre("to"));
}

TEST_F(RefusingServerTest, ARenameThatShallNotReplaceMovesNothingAside) {
  remote.put("/from", "new");
  ASSERT_NE(look(kRootIno, "from"), kNoIno);
  EXPECT_EQ(look(kRootIno, "to"), kNoIno);
  remote.put("/to", "made by another");
  EXPECT_EQ(fs->rename(kRootIno, "from", kRootIno, "to", RENAME_NOREPLACE, request()).error().code,
            Errc::already_exists);
  EXPECT_EQ(remote.content("/to"), "made by another");
}

TEST_F(RefusingServerTest, AFailureInBetweenPutsTheOldFileBack) {
  remote.put("/from", "new");
  remote.put("/to", "old");
  int renames = 0;
  remote.on_call([&](Op op, const std::string& path) {
    if (op == Op::rename && path == "/from" && ++renames == 2) {
      remote.fail_next(Op::rename, "/from", make_error(Errc::access_denied, "550"));
    }
  });
  EXPECT_EQ(fs->rename(kRootIno, "from", kRootIno, "to", 0, request()).error().code,
            Errc::access_denied);
  remote.on_call({});
  EXPECT_EQ(remote.content("/to"), "old");
  EXPECT_EQ(remote.content("/from"), "new");
  EXPECT_THAT(hidden(), IsEmpty());
}

TEST_F(RefusingServerTest, WhatCannotBeMovedAsideIsNotReplaced) {
  remote.put("/f", "old");
  remote.fail_next(Op::rename, "/f", make_error(Errc::access_denied, "550"));
  EXPECT_EQ(replace("f", "new").error().code, Errc::already_exists);
  EXPECT_EQ(remote.content("/f"), "old");
  EXPECT_THAT(hidden(), IsEmpty());
}

class LeftoversTest : public ReplacingTest {
 protected:
  static constexpr std::uint64_t kDead = 0xD;
  static constexpr std::uint64_t kLiving = 0xA;
  explicit LeftoversTest(const FakeRemoteOptions& options = {}) : ReplacingTest(options) {
    Settings settings;
    settings.dead_mounts = {kDead};
    mount(settings);
  }
  /// Until nothing under a hidden name is left but these.
  void await_hidden(std::size_t count) {
    const Wait limit = Wait::for_at_most(std::chrono::seconds(20));
    while (hidden().size() != count && !limit.expired()) {
      std::this_thread::yield();
    }
    EXPECT_EQ(hidden().size(), count);
  }
  void await_calls(Op op, std::uint64_t number) {
    const Wait limit = Wait::for_at_most(std::chrono::seconds(20));
    while (remote.calls(op) < number && !limit.expired()) {
      std::this_thread::yield();
    }
  }
  remote::HiddenNames dead{kDead};
  remote::HiddenNames living{kLiving};
};

TEST_F(LeftoversTest, OfADeadMountAreRemoved) {
  remote.put("/" + dead.upload(), "half");
  remote.put("/" + dead.removed(), "gone");
  EXPECT_THAT(list(kRootIno), IsEmpty());
  await_hidden(0);
}

TEST_F(LeftoversTest, OfALivingMountElsewhereAreLeftAlone) {
  remote.put("/" + living.upload(), "growing");
  remote.put("/" + living.aside("f"), "f's only copy");
  remote.put("/.ftpsfs-0123456789abcdef.part", "of an older version");
  remote.put("/" + dead.upload(), "half");
  list(kRootIno);
  await_hidden(3);
}

TEST_F(LeftoversTest, AFileMovedAsideIsPutBack) {
  remote.put("/" + dead.aside("f"), "only copy");
  list(kRootIno);
  await_hidden(0);
  EXPECT_EQ(remote.content("/f"), "only copy");
  const Wait limit = Wait::for_at_most(std::chrono::seconds(20));
  while (list(kRootIno).size() != 1 && !limit.expired()) {
    std::this_thread::yield();
  }
  EXPECT_THAT(list(kRootIno), ElementsAre("f")) << "what was listed before is forgotten";
}

TEST_F(LeftoversTest, AFileMovedAsideThatWasReplacedIsRemoved) {
  remote.put("/" + dead.aside("f"), "old");
  remote.put("/f", "new");
  list(kRootIno);
  await_hidden(0);
  EXPECT_EQ(remote.content("/f"), "new");
}

/// The others of the directory may take long; who takes the name for free would write over it.
TEST_F(LeftoversTest, WhatIsBackIsSeenAtOnce) {
  remote.put("/" + dead.aside("f"), "only copy");
  remote.put("/" + dead.upload(), "half");
  Gate slow = remote.hold(Op::remove_file);
  list(kRootIno);
  await_calls(Op::remove_file, 1);
  const auto back = fs->lookup(kRootIno, "f", request());
  ASSERT_TRUE(back);
  EXPECT_NE(back->attributes.ino, 0U);
  slow.open();
}

/// It may be how its upload begins.
TEST_F(LeftoversTest, BesideAnEmptyFileTheOldOneStays) {
  const std::string aside = "/" + dead.aside("f");
  remote.put(aside, "old");
  remote.put("/f", "");
  remote.put("/d/" + dead.upload(), "half");
  list(kRootIno);
  await_calls(Op::stat, 2);
  list(walk("d"));  // whose turn comes behind
  await_calls(Op::remove_file, 1);
  EXPECT_TRUE(remote.exists(aside));
}

class OwedLeftoversTest : public LeftoversTest {
 protected:
  static FakeRemoteOptions written_back() {
    FakeRemoteOptions options;
    options.writes_back = true;
    return options;
  }
  OwedLeftoversTest() : LeftoversTest(written_back()) {}
};

/// What shows may be owed: then what lies aside is all that the server has.
TEST_F(OwedLeftoversTest, WhatIsOwedReplacesNothingYet) {
  const std::string aside = "/" + dead.aside("f");
  const std::string later = "/" + dead.upload();  // what was moved aside comes first
  remote.put(aside, "old");
  remote.put(later, "half");
  remote.put("/f", "owed");
  remote.fail_next(Op::settle, "/f", make_error(Errc::timed_out, "no server"));
  list(kRootIno);
  await_calls(Op::remove_file, 1);
  fs.reset();
  EXPECT_TRUE(remote.exists(aside));
  EXPECT_FALSE(remote.exists(later));
}

TEST_F(OwedLeftoversTest, BesideTheBeginningOfWhatWasRefusedTheOldFileStays) {
  const Error refusal = make_error(Errc::io_error, "552 quota");
  remote.put("/d/" + dead.aside("f"), "old");
  remote.put("/d/f", "begin");
  remote.fail_next(Op::settle, "/d/f", refusal);
  list(walk("d"));
  await_calls(Op::settle, 1);
  remote.put("/" + dead.aside("f"), "old");
  remote.fail_next(Op::settle, "/f", refusal);
  list(kRootIno);
  await_calls(Op::settle, 2);
  await_calls(Op::rename, 1);
  fs.reset();
  EXPECT_EQ(remote.names("/d").size(), 2U);
  EXPECT_EQ(remote.content("/f"), "old") << "nothing has its place";
}

TEST_F(LeftoversTest, WhatCannotBeClearedIsTriedOnce) {
  const std::string name = dead.upload();
  remote.put("/" + name, "half");
  remote.fail_next(Op::remove_file, "/" + name, make_error(Errc::access_denied, "550"));
  list(kRootIno);
  await_calls(Op::remove_file, 1);
  clock.advance(std::chrono::hours(1));
  list(kRootIno);
  fs.reset();
  EXPECT_EQ(remote.calls(Op::remove_file), 1U);
}

TEST_F(LeftoversTest, ADirectoryIsNotRemovedWithTheOnlyCopyOfAFile) {
  remote.put("/d/" + living.aside("f"), "only copy");
  EXPECT_EQ(fs->remove_directory(kRootIno, "d", request()).error().code, Errc::not_empty);
  EXPECT_EQ(remote.names("/d").size(), 1U);
}

TEST_F(LeftoversTest, AMountForReadingAloneChangesNothing) {
  Settings settings;
  settings.dead_mounts = {kDead};
  settings.read_only = true;
  mount(settings);
  remote.put("/" + dead.upload(), "half");
  list(kRootIno);
  fs.reset();
  EXPECT_EQ(hidden().size(), 1U);
}

}  // namespace
}  // namespace ftpsfs::fs
