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

/// ProFTPD as it comes, with AllowOverwrite on or off.
FakeRemoteOptions never_appending(bool overwrites) {
  FakeRemoteOptions options;
  options.refuses_append = true;
  options.overwrites = overwrites;
  options.rename_replaces = overwrites;
  return options;
}

class NeverAppending : public FilesystemFixture, public ::testing::WithParamInterface<bool> {
 protected:
  NeverAppending() : FilesystemFixture(never_appending(GetParam())) {}

  void append_by_shell(const std::string& name, const std::string& text) {
    const HandleId handle = open(walk(name), O_WRONLY | O_APPEND);
    ASSERT_TRUE(fs->flush(handle, request()));
    ASSERT_TRUE(append(handle, text));
    ASSERT_TRUE(close(handle));
  }
  const std::string large = std::string(3U << 20U, 'x');
};

INSTANTIATE_TEST_SUITE_P(LimitedServers, NeverAppending, ::testing::Bool(), [](const auto& tested) {
  return tested.param ? "Overwriting" : "NeverOverwriting";
});

TEST_P(NeverAppending, WhatIsAppendedArrives) {
  remote.put("/f", "old");
  remote.put("/empty", "");
  for (const char* line : {" one", " two"}) {  // it is learnt; then it is known
    append_by_shell("f", line);
    append_by_shell("empty", line);
  }
  EXPECT_EQ(remote.content("/f"), "old one two");
  EXPECT_EQ(remote.content("/empty"), " one two");
  EXPECT_TRUE(hidden().empty());
  EXPECT_EQ(fs->counters().failed_uploads, 0U);
}

TEST_P(NeverAppending, AnEmptyFileIsTheFirstToShowIt) {
  remote.put("/empty", "");
  append_by_shell("empty", large);
  EXPECT_TRUE(remote.content("/empty") == large);
  EXPECT_TRUE(hidden().empty());
}

TEST_P(NeverAppending, WhatOthersHaveAppendedStays) {
  remote.put("/f", "old");
  append_by_shell("f", " one");
  const HandleId handle = open(walk("f"), O_WRONLY | O_APPEND);
  remote.grow("/f", " theirs");
  clock.advance(std::chrono::seconds(2));
  ASSERT_TRUE(append(handle, " two"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), "old one theirs two");
}

TEST_P(NeverAppending, AShellsRedirectArrives) {
  remote.put("/old", "old");
  for (const std::string& text : {std::string("small"), large}) {
    for (const bool is_new : {true, false}) {
      const std::string name = is_new ? "new" + std::to_string(text.size()) : "old";
      const HandleId handle = is_new ? create(name) : open(walk(name), O_WRONLY | O_TRUNC);
      ASSERT_TRUE(fs->flush(handle, request()));
      ASSERT_TRUE(write(handle, 0, text));
      ASSERT_TRUE(write(handle, text.size(), "end"));
      ASSERT_TRUE(close(handle));
      EXPECT_TRUE(remote.content("/" + name) == text + "end");
    }
  }
  EXPECT_TRUE(hidden().empty());
}

TEST_P(NeverAppending, WhatFollowsAnFsyncArrives) {
  remote.put("/old", "old");
  remote.put("/older", "older");
  const auto write_in_parts = [&](const std::string& name, HandleId handle,
                                  const std::string& text) {
    ASSERT_TRUE(write(handle, 0, text));
    ASSERT_TRUE(fs->sync(handle, request()));
    EXPECT_TRUE(remote.content("/" + name) == text);
    ASSERT_TRUE(write(handle, text.size(), "middle"));
    ASSERT_TRUE(fs->sync(handle, request()));
    EXPECT_TRUE(remote.content("/" + name) == text + "middle");
    ASSERT_TRUE(write(handle, text.size() + 6, "end"));
    ASSERT_TRUE(close(handle));
    EXPECT_TRUE(remote.content("/" + name) == text + "middleend");
  };
  write_in_parts("new1", create("new1"), large);
  write_in_parts("new2", create("new2"), "small");
  write_in_parts("old", open(walk("old"), O_WRONLY | O_TRUNC), "small");
  write_in_parts("older", open(walk("older"), O_WRONLY | O_TRUNC), large);
  EXPECT_TRUE(hidden().empty());
}

TEST_P(NeverAppending, ACutUploadArrives) {
  remote.put("/old", "old");
  const std::string huge(20U << 20U, 'h');  // more than memory keeps
  for (const std::string& text : {large, huge}) {
    for (const char* name : {"new", "old"}) {
      const HandleId handle = name == std::string_view("old") ? open(walk(name), O_WRONLY | O_TRUNC)
                                                              : create(name, O_WRONLY | O_TRUNC);
      remote.fail_after_bytes(Op::write, text.size() - 100'001, make_error(Errc::closed, "reset"));
      for (std::size_t offset = 0; offset < text.size(); offset += 128U << 10U) {
        ASSERT_TRUE(write(handle, offset, text.substr(offset, 128U << 10U)));
      }
      ASSERT_TRUE(close(handle));
      EXPECT_TRUE(remote.content(std::string("/") + name) == text);
    }
    remote.erase("/new");
    remote.put("/old", "old");
  }
  EXPECT_TRUE(hidden().empty());
}

TEST_P(NeverAppending, ACutUploadOfALocalCopyArrives) {
  const std::string huge(20U << 20U, 'h');
  remote.put("/f", huge);
  const HandleId handle = open(walk("f"), O_RDWR);
  ASSERT_TRUE(write(handle, 5, "changed"));
  remote.fail_after_bytes(Op::write, huge.size() - 100'001, make_error(Errc::closed, "reset"));
  ASSERT_TRUE(close(handle));
  std::string expected = huge;
  expected.replace(5, 7, "changed");
  EXPECT_TRUE(remote.content("/f") == expected);
  EXPECT_TRUE(hidden().empty());
}

TEST_P(NeverAppending, WhatCannotBeFetchedYetIsNotLost) {
  remote.put("/f", "old");
  const HandleId handle = open(walk("f"), O_WRONLY | O_APPEND);
  ASSERT_TRUE(append(handle, std::string(1U << 20U, 'x')));
  Result<void> more;
  remote.fail_next(Op::open_reader, "/f", make_error(Errc::access_denied, "550 not now"));
  do {  // it shows when the upload has begun
    more = append(handle, "y");
  } while (more && fs->counters().failed_uploads == 0 && remote.calls(Op::open_reader) == 0);
  ASSERT_TRUE(close(handle));
  const std::string content = remote.content("/f").value_or("");
  EXPECT_TRUE(content.starts_with("old" + std::string(1U << 20U, 'x')));
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

FakeRemoteOptions one_connection_never_appending() {
  FakeRemoteOptions options = never_appending(false);
  options.max_conns = 1;
  return options;
}

class OneConnectionNeverAppending : public FilesystemFixture {
 protected:
  OneConnectionNeverAppending() : FilesystemFixture(one_connection_never_appending()) {}
};

TEST_F(OneConnectionNeverAppending, WhatBeginsAgainUnderAnotherNameWaitsForNobody) {
  remote.put("/f", "old");
  const HandleId handle = open(walk("f"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(fs->flush(handle, request()));
  const std::string piece(1U << 20U, 'x');
  for (std::uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(write(handle, i * piece.size(), piece));
  }
  ASSERT_TRUE(close(handle));
  EXPECT_TRUE(remote.content("/f") == piece + piece + piece);
  EXPECT_TRUE(hidden().empty());
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
