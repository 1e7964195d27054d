// SPDX-License-Identifier: MIT
//
// Over a remote that accepts changes before the server has them.
#include <gmock/gmock.h>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

using ::testing::ElementsAre;

FakeRemoteOptions written_back() {
  FakeRemoteOptions options;
  options.writes_back = true;
  return options;
}

class WrittenBackTest : public FilesystemFixture {
 protected:
  WrittenBackTest() : FilesystemFixture(written_back()) {}
};

TEST_F(WrittenBackTest, AFileIsAcceptedOnceWithItsMode) {
  list(kRootIno);
  remote.forget_calls();
  put("new", "content");
  EXPECT_THAT(remote.log(), ElementsAre("open_writer /new mode=0644", "finish /new mode=0644"));
}

class UnlistedWrittenBackTest : public FilesystemFixture {
 protected:
  UnlistedWrittenBackTest() : FilesystemFixture(options()) {}
  static FakeRemoteOptions options() {
    FakeRemoteOptions options = written_back();
    options.stat_is_cheap = false;
    options.exact_listing = false;
    return options;
  }
};

TEST_F(UnlistedWrittenBackTest, ANewDirectoryNeedsNoListingOfItsParent) {
  list(kRootIno);
  remote.forget_calls();
  ASSERT_TRUE(fs->make_directory(kRootIno, "d", 0755, request()));
  EXPECT_EQ(remote.calls(Op::list), 0U);
  put("f", "content");
  EXPECT_THAT(list(kRootIno), ElementsAre("d", "f"));
  EXPECT_EQ(remote.calls(Op::list), 0U);
}

TEST_F(WrittenBackTest, WhatIsReplacedNeedsNoNameOfItsOwn) {
  remote.put("/f", "old");
  const Ino ino = walk("f");
  const HandleId handle = open(ino, O_WRONLY | O_TRUNC);
  remote.forget_calls();
  ASSERT_TRUE(fs->flush(handle, request())) << "a shell's redirect flushes before its first byte";
  EXPECT_EQ(remote.content("/f"), "old");
  ASSERT_TRUE(write(handle, 0, "new"));
  ASSERT_TRUE(close(handle));
  EXPECT_THAT(remote.log(), ElementsAre("open_writer /f", "finish /f"));
  EXPECT_EQ(remote.content("/f"), "new");
}

TEST_F(WrittenBackTest, AnEmptyFileIsAcceptedAtItsRelease) {
  const HandleId handle = create("empty");
  ASSERT_TRUE(fs->flush(handle, request()));
  EXPECT_FALSE(remote.exists("/empty"));
  fs->release(handle, request());
  EXPECT_EQ(remote.content("/empty"), "");
}

TEST_F(WrittenBackTest, ADirectoryWhoseModeCannotBeSetShowsTheOneThatWasWanted) {
  remote.fail_next(Op::set_mode, "/d", make_error(Errc::timed_out, "the link is down"));
  const auto made = fs->make_directory(kRootIno, "d", 0700, request());
  ASSERT_TRUE(made);
  EXPECT_EQ(made->attributes.mode & 07777U, 0700U);
  EXPECT_EQ(remote.calls(Op::set_mode), 1U);
  remote.forget_calls();
  look(kRootIno, "d");
  EXPECT_GT(remote.calls(), 0U) << "what it has in truth is asked";
}

TEST_F(WrittenBackTest, FsyncWaitsForTheServersVerdict) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "content"));
  ASSERT_TRUE(fs->sync(handle, request()));
  EXPECT_EQ(remote.calls(Op::settle), 1U);
  remote.fail_next(Op::settle, "/f", make_error(Errc::io_error, "552 quota"));
  const auto synced = fs->sync(handle, request());
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().text, "552 quota");
  ASSERT_TRUE(close(handle));
}

TEST_F(WrittenBackTest, ADirectoryThatTurnsOutToBeOtherIsForgottenAndNoOther) {
  remote.put("/d/f", "1");
  remote.put("/e/f", "1");
  ASSERT_NE(walk("d/f"), kNoIno);
  ASSERT_NE(walk("e/f"), kNoIno);
  list(walk("d"));
  list(walk("e"));
  remote.put("/d/g", "2");
  remote.put("/e/g", "2");
  remote.forget_calls();
  const int told = kernel.entries;
  fs->forget_directory(*remote::RemotePath::parse("/d"));
  EXPECT_EQ(kernel.entries, told + 1);
  EXPECT_THAT(list(walk("d")), ElementsAre("f", "g"));
  EXPECT_THAT(list(walk("e")), ElementsAre("f")) << "still as it was remembered";
  EXPECT_EQ(remote.calls(Op::list), 1U);
  fs->forget_directory(*remote::RemotePath::parse("/d/nobody/has/seen/it"));
  EXPECT_EQ(kernel.entries, told + 1);
}

}  // namespace
}  // namespace ftpsfs::fs
