// SPDX-License-Identifier: MIT
//
// A file that was written in its middle, and published, while it stays open: the local copy is its
// content from then on, until others write to it on the server.
#include <fcntl.h>

#include <chrono>
#include <string>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

using std::chrono::seconds;

class PublishedCopy : public FilesystemFixture {
 protected:
  explicit PublishedCopy(FakeRemoteOptions options = {}) : FilesystemFixture(options) {
    remote.put("/f", "0123456789\n");
    ino_ = walk("f");
    handle_ = open(ino_, O_RDWR);
    EXPECT_TRUE(write(handle_, 3, "abc"));
    EXPECT_TRUE(fs->sync(handle_, request()));
    EXPECT_EQ(remote.content("/f"), "012abc6789\n");
  }
  ~PublishedCopy() override { fs.reset(); }

  void others_append(const std::string& text) {
    clock.advance(seconds(60));
    remote.grow("/f", text);
  }
  void others_replace(const std::string& text) {
    clock.advance(seconds(60));
    remote.put("/f", text);
  }
  std::uint64_t size_now() {
    clock.advance(seconds(60));
    return attributes(ino_).size;
  }
  Result<void> truncate(std::uint64_t size) {
    AttributeChange change;
    change.size = size;
    const auto done = fs->set_attributes(ino_, change, handle_, request());
    return done ? Result<void>() : Result<void>(done.error());
  }

  Ino ino_ = kNoIno;
  HandleId handle_ = 0;
};

TEST_F(PublishedCopy, IsReadAsLongAsNobodyElseWrites) {
  const auto before = remote.calls(Op::open_reader);
  clock.advance(seconds(60));
  EXPECT_EQ(size_now(), 11U);
  EXPECT_EQ(read(handle_), "012abc6789\n");
  EXPECT_EQ(remote.calls(Op::open_reader), before);
  EXPECT_TRUE(close(handle_));
}

TEST_F(PublishedCopy, WhatOthersAppendIsReadBehindIt) {
  others_append("theirs\n");
  EXPECT_EQ(size_now(), 18U);
  EXPECT_EQ(read(handle_), "012abc6789\ntheirs\n");
  EXPECT_EQ(read(handle_, 11, 100), "theirs\n");
  EXPECT_TRUE(close(handle_));
}

TEST_F(PublishedCopy, WhatOthersAppendIsNotWrittenOver) {
  for (const bool is_seen : {false, true}) {
    others_append("theirs\n");
    if (is_seen) {
      size_now();
    }
    EXPECT_TRUE(write(handle_, 0, is_seen ? "Y" : "X"));
    EXPECT_TRUE(fs->sync(handle_, request()));
  }
  EXPECT_EQ(remote.content("/f"), "Y12abc6789\ntheirs\ntheirs\n");
  EXPECT_TRUE(close(handle_));
}

TEST_F(PublishedCopy, WhatOthersAppendRightBehindAnFsyncIsNotWrittenOver) {
  for (int round = 0; round < 3; ++round) {
    remote.grow("/f", "theirs\n");
    EXPECT_TRUE(write(handle_, 0, "X"));
    EXPECT_TRUE(fs->sync(handle_, request()));
  }
  EXPECT_EQ(remote.content("/f"), "X12abc6789\ntheirs\ntheirs\ntheirs\n");
  EXPECT_TRUE(close(handle_));
}

TEST_F(PublishedCopy, GoesOnBehindWhatOthersAppended) {
  others_append("theirs\n");
  EXPECT_TRUE(append(handle_, "ours\n"));
  EXPECT_TRUE(close(handle_));
  EXPECT_EQ(remote.content("/f"), "012abc6789\ntheirs\nours\n");
}

TEST_F(PublishedCopy, IsNotCutOrLengthenedOverWhatOthersAppended) {
  others_append("theirs\n");
  EXPECT_TRUE(truncate(17));
  EXPECT_TRUE(close(handle_));
  EXPECT_EQ(remote.content("/f"), "012abc6789\ntheirs");
}

/// As a write at the end of a file that was only read: the end is elsewhere by now.
TEST_F(PublishedCopy, AWriteAtItsOldEndIsToldWhenOthersWereFaster) {
  others_append("theirs\n");
  EXPECT_EQ(write(handle_, 11, "ours\n").error().code, Errc::stale);
  EXPECT_TRUE(close(handle_));
  EXPECT_EQ(remote.content("/f"), "012abc6789\ntheirs\n");
}

TEST_F(PublishedCopy, WhatReplacedItIsNotWrittenOver) {
  others_replace("another's!\n");
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_EQ(write(handle_, 0, "X").error().code, Errc::stale);
  }
  fs->release(handle_, request());
  EXPECT_EQ(remote.content("/f"), "another's!\n");
}

/// It looks as if it had grown.
TEST_F(PublishedCopy, WhatReplacedItBeingLongerIsNotTakenForMoreOfIt) {
  for (const bool is_seen : {false, true}) {
    others_replace("another's, and longer\n");
    if (is_seen) {
      size_now();
    }
    EXPECT_EQ(write(handle_, 0, "X").error().code, Errc::stale);
    EXPECT_EQ(truncate(5).error().code, Errc::stale);
    EXPECT_EQ(read(handle_), "012abc6789\n");
  }
  fs->release(handle_, request());
  EXPECT_EQ(remote.content("/f"), "another's, and longer\n");
}

TEST_F(PublishedCopy, WhoeverOpensWhatReplacedItHasThat) {
  others_replace("another's, and longer\n");
  size_now();
  EXPECT_EQ(read(handle_), "012abc6789\n");
  EXPECT_EQ(fs->open(ino_, O_RDONLY, request()).error().code, Errc::stale);
  const HandleId later = open(walk("f"), O_RDONLY);  // as the kernel does then
  EXPECT_EQ(read(later), "another's, and longer\n");
  EXPECT_TRUE(close(later));
  EXPECT_TRUE(close(handle_));
}

TEST_F(PublishedCopy, WhatIsAppendedGoesToTheEndOfWhatReplacedIt) {
  for (const char* text : {"shorter\n", "another's, and longer\n"}) {
    others_replace(text);
    size_now();
    EXPECT_TRUE(append(handle_, "ours\n"));
    EXPECT_TRUE(fs->sync(handle_, request()));
    EXPECT_EQ(remote.content("/f"), std::string(text) + "ours\n");
    EXPECT_EQ(read(handle_), std::string(text) + "ours\n");
  }
  EXPECT_TRUE(close(handle_));
}

TEST_F(PublishedCopy, FallocateCutsNothingOffWhatOthersAppended) {
  others_append("theirs\n");
  EXPECT_TRUE(fs->allocate(handle_, 0, 0, 15, request()));
  EXPECT_TRUE(fs->allocate(handle_, 0, 0, 20, request()));
  EXPECT_TRUE(close(handle_));
  EXPECT_EQ(remote.content("/f"), std::string("012abc6789\ntheirs\n\0\0", 20));
}

TEST_F(PublishedCopy, TruncationToTheSizeThatWasIsToldOfWhatOthersAppended) {
  others_append("theirs\n");
  EXPECT_EQ(truncate(11).error().code, Errc::stale);
  EXPECT_TRUE(close(handle_));
  EXPECT_EQ(remote.content("/f"), "012abc6789\ntheirs\n");
}

TEST_F(PublishedCopy, IsWrittenWhereTheServerTellsNothingOfIt) {
  clock.advance(seconds(60));
  remote.fail_next(Op::version, "/f", make_error(Errc::access_denied, "550 no"));
  EXPECT_TRUE(write(handle_, 0, "X"));
  EXPECT_TRUE(close(handle_));
  EXPECT_EQ(remote.content("/f"), "X12abc6789\n");
}

TEST_F(PublishedCopy, IsMadeAnewWhenOthersRemovedIt) {
  clock.advance(seconds(60));
  remote.erase("/f");
  EXPECT_TRUE(write(handle_, 0, "X"));
  EXPECT_TRUE(close(handle_));
  EXPECT_EQ(remote.content("/f"), "X12abc6789\n");
}

TEST_F(PublishedCopy, AsksOnceForManyWrites) {
  const auto before = remote.calls(Op::version);
  EXPECT_TRUE(write(handle_, 0, "X"));
  EXPECT_TRUE(fs->sync(handle_, request()));
  EXPECT_EQ(remote.calls(Op::version), before + 1);
  clock.advance(seconds(60));
  for (std::uint64_t offset = 0; offset < 5; ++offset) {
    EXPECT_TRUE(write(handle_, offset, "Y"));
  }
  EXPECT_EQ(remote.calls(Op::version), before + 2);
  EXPECT_TRUE(close(handle_));
  EXPECT_EQ(remote.content("/f"), "YYYYYc6789\n");
}

TEST_F(PublishedCopy, OfAFileRemovedHereIsWrittenWithoutAsking) {
  ASSERT_TRUE(fs->remove_file(kRootIno, "f", request()));
  const auto before = remote.calls(Op::version);
  clock.advance(seconds(60));
  EXPECT_TRUE(write(handle_, 0, "X"));
  EXPECT_EQ(read(handle_), "X12abc6789\n");
  EXPECT_EQ(remote.calls(Op::version), before);
  EXPECT_TRUE(close(handle_));
  EXPECT_FALSE(remote.exists("/f"));
}

TEST_F(PublishedCopy, GrownFileThatIsRemovedHereIsReadWhole) {
  others_append("theirs\n");
  size_now();
  ASSERT_TRUE(fs->remove_file(kRootIno, "f", request()));
  EXPECT_EQ(read(handle_), "012abc6789\ntheirs\n");
  EXPECT_TRUE(close(handle_));
}

FakeRemoteOptions without_append() {
  FakeRemoteOptions options;
  options.appends = false;
  return options;
}

/// Where each handle that appends has a local copy.
class PublishedCopyWithoutAppend : public PublishedCopy {
 protected:
  PublishedCopyWithoutAppend() : PublishedCopy(without_append()) {}
};

TEST_F(PublishedCopyWithoutAppend, GoesOnBehindWhatOthersAppended) {
  for (int round = 0; round < 2; ++round) {
    others_append("theirs\n");
    EXPECT_TRUE(append(handle_, "ours\n"));
    EXPECT_TRUE(fs->sync(handle_, request()));
  }
  EXPECT_EQ(remote.content("/f"), "012abc6789\ntheirs\nours\ntheirs\nours\n");
  EXPECT_TRUE(close(handle_));
}

}  // namespace
}  // namespace ftpsfs::fs
