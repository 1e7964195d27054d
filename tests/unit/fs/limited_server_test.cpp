// SPDX-License-Identifier: MIT
//
// Open files on servers that cannot do everything.
#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

FakeRemoteOptions never_replacing() {
  FakeRemoteOptions options;
  options.rename_replaces = false;
  return options;
}

class NeverReplacing : public FilesystemFixture {
 protected:
  NeverReplacing() : FilesystemFixture(never_replacing()) {}
};

TEST_F(NeverReplacing, ARefusedRenameOntoADirtyFileIsNotTheEndOfItsUpload) {
  remote.put("/a", "other");
  remote.put("/b", "old");
  const HandleId handle = open(walk("b"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(write(handle, 0, "mine"));
  for (int i = 0; i < 3; ++i) {  // the rename, the close, and the last try behind it
    remote.fail_next(Op::rename, "/b", make_error(Errc::access_denied, "550"));
  }
  EXPECT_EQ(fs->rename(kRootIno, "a", kRootIno, "b", 0, request()).error().code,
            Errc::already_exists);
  // This server lets nobody replace it, nor move it aside; but the program hears of it.
  EXPECT_EQ(close(handle).error().code, Errc::already_exists);
  EXPECT_EQ(remote.content("/b"), "old");
}

FakeRemoteOptions without_attributes() {
  FakeRemoteOptions options;
  options.can_set_mode = false;
  options.can_set_mtime = false;
  return options;
}

class WithoutAttributes : public FilesystemFixture {
 protected:
  WithoutAttributes() : FilesystemFixture(without_attributes()) {}
};

TEST_F(WithoutAttributes, ChangesAreRefusedDuringAnUploadAsWithoutOne) {
  const HandleId handle = create("f");
  const Ino ino = look(kRootIno, "f");
  AttributeChange mode;
  mode.mode = 0600;
  AttributeChange time;
  time.mtime = AttributeChange::Time{1'111'111'111, false};
  AttributeChange now;
  now.mtime = AttributeChange::Time{0, true};
  ASSERT_TRUE(write(handle, 0, "x"));
  EXPECT_TRUE(fs->set_attributes(ino, now, handle, request())) << "it will have been written now";
  for (const bool open : {true, false}) {
    EXPECT_EQ(fs->set_attributes(ino, mode, std::nullopt, request()).error().code,
              Errc::unsupported);
    EXPECT_EQ(fs->set_attributes(ino, time, std::nullopt, request()).error().code,
              Errc::unsupported);
    if (open) {
      ASSERT_TRUE(close(handle));
    }
  }
}

FakeRemoteOptions without_sizes() {
  FakeRemoteOptions options;
  options.tells_size = false;
  return options;
}

class WithoutSizes : public FilesystemFixture {
 protected:
  WithoutSizes() : FilesystemFixture(without_sizes()) {}
};

TEST_F(WithoutSizes, AnOverwriteIsNotAnAppend) {
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_WRONLY);
  ASSERT_TRUE(write(handle, 0, "abc"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), "abc3456789");
}

TEST_F(WithoutSizes, ReadingAfterAnAppendKeepsTheOldContent) {
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_RDWR | O_APPEND);
  ASSERT_TRUE(append(handle, "+"));
  EXPECT_EQ(read(handle), "0123456789+");
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), "0123456789+");
}

TEST_F(WithoutSizes, TheEndIsNotGuessedFromWhatWasAppended) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  const HandleId log = open(ino, O_WRONLY | O_APPEND);
  const HandleId other = open(ino, O_WRONLY);
  ASSERT_TRUE(append(log, "abc"));
  ASSERT_TRUE(fs->sync(log, request()));
  ASSERT_TRUE(append(log, "d"));
  ASSERT_TRUE(write(other, 1, "X"));
  ASSERT_TRUE(write(other, 3, "Y"));
  ASSERT_TRUE(close(other));
  ASSERT_TRUE(close(log));
  EXPECT_EQ(remote.content("/f"), "0X2Y456789abcd");
}

FakeRemoteOptions one_connection() {
  FakeRemoteOptions options;
  options.max_conns = 1;
  return options;
}

class OneConnection : public FilesystemFixture {
 protected:
  OneConnection() : FilesystemFixture(one_connection()) {}
};

TEST_F(OneConnection, ManyFilesAreWrittenInTurn) {
  std::vector<HandleId> handles;
  for (int i = 0; i < 20; ++i) {
    handles.push_back(create("f" + std::to_string(i)));
  }
  const std::string piece(200'000, 'x');
  for (std::uint64_t round = 0; round < 4; ++round) {
    for (const HandleId handle : handles) {
      ASSERT_TRUE(write(handle, round * piece.size(), piece));
    }
  }
  for (const HandleId handle : handles) {
    ASSERT_TRUE(close(handle));
  }
  EXPECT_EQ(remote.content("/f19")->size(), 4 * piece.size());
}

TEST_F(OneConnection, CopyingWithinTheMountAdvances) {
  const std::string data(6U << 20U, 'd');
  remote.put("/a", data);
  const HandleId from = open(walk("a"), O_RDONLY);
  const HandleId to = create("b");
  for (std::uint64_t offset = 0; offset < data.size();) {
    const std::string piece = read(from, offset, 131'072);
    ASSERT_FALSE(piece.empty());
    ASSERT_TRUE(write(to, offset, piece));
    offset += piece.size();
  }
  list(kRootIno);
  ASSERT_TRUE(close(to));
  ASSERT_TRUE(close(from));
  EXPECT_TRUE(remote.content("/b") == data);
}

}  // namespace
}  // namespace ftpsfs::fs
