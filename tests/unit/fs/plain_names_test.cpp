// SPDX-License-Identifier: MIT
//
// Directories in which only names of a certain form may be (IBM i's libraries): nothing of ours can
// be hidden beside a file.
#include <gmock/gmock.h>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

FakeRemoteOptions of_a_library() {
  FakeRemoteOptions options;
  options.plain_names_below = "/QSYS.LIB";
  options.tells_size = false;
  options.rename_replaces = false;
  return options;
}

constexpr const char* kMember = "/QSYS.LIB/A.FILE/M.MBR";

class PlainNames : public FilesystemFixture {
 protected:
  PlainNames() : FilesystemFixture(of_a_library()) { remote.put(kMember, "old content"); }

  void mount_with(UploadMode mode) {
    Settings settings;
    settings.upload_mode = mode;
    mount(settings);
  }
  Ino member() { return walk(kMember + 1); }
  Ino file() { return walk("QSYS.LIB/A.FILE"); }
  std::vector<std::string> members() { return remote.names("/QSYS.LIB/A.FILE"); }
  void expect_nothing_hidden() {
    EXPECT_EQ(remote.calls(Op::rename), 0U);
    for (const std::string& call : remote.log()) {
      EXPECT_THAT(call, Not(HasSubstr(".ftpsfs")));
    }
  }
};

TEST_F(PlainNames, UploadsAreDirectWhateverWasChosen) {
  for (const UploadMode mode : {UploadMode::automatic, UploadMode::atomic, UploadMode::direct}) {
    mount_with(mode);
    remote.forget_calls();
    const HandleId replacing = open(member(), O_WRONLY | O_TRUNC);
    ASSERT_TRUE(write(replacing, 0, "new"));
    ASSERT_TRUE(close(replacing));
    EXPECT_EQ(remote.content(kMember), "new");
    const HandleId changing = open(member(), O_WRONLY);
    ASSERT_TRUE(write(changing, 1, "X"));
    ASSERT_TRUE(close(changing));
    EXPECT_EQ(remote.content(kMember), "nXw");
    const HandleId made = create("N.MBR", O_WRONLY, file());
    ASSERT_TRUE(write(made, 0, "made"));
    ASSERT_TRUE(close(made));
    EXPECT_EQ(remote.content("/QSYS.LIB/A.FILE/N.MBR"), "made");
    expect_nothing_hidden();
    remote.erase("/QSYS.LIB/A.FILE/N.MBR");
  }
}

TEST_F(PlainNames, AShellsRedirectReplacesAMember) {
  const HandleId handle = open(member(), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(fs->flush(handle, request()));
  ASSERT_TRUE(write(handle, 0, "new"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content(kMember), "new");
  expect_nothing_hidden();
}

/// What is appended to a member stands behind the padding of its last record.
TEST_F(PlainNames, AMemberIsSentWholeAndNeverContinued) {
  const HandleId handle = create("N.MBR", O_WRONLY, file());
  ASSERT_TRUE(write(handle, 0, "one"));
  ASSERT_TRUE(fs->sync(handle, request()));
  ASSERT_TRUE(write(handle, 3, "two"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/QSYS.LIB/A.FILE/N.MBR"), "onetwo");
  for (const std::string& call : remote.log()) {
    EXPECT_THAT(call, Not(HasSubstr("append")));
  }
}

TEST_F(PlainNames, ElsewhereOnTheServerHiddenNamesAreUsed) {
  remote.put("/home/f", "old");
  const HandleId handle = open(walk("home/f"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(write(handle, 0, "new"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/home/f"), "new");
  EXPECT_GT(remote.calls(Op::rename), 0U);
}

TEST_F(PlainNames, AMemberThatIsOpenIsRemovedAtOnce) {
  const Ino ino = member();
  const HandleId looked_at = open(ino, O_RDONLY);
  EXPECT_EQ(attributes(ino).size, 11U);
  EXPECT_EQ(read(looked_at, 0, 3), "old");
  const HandleId fresh = open(ino, O_RDONLY);
  ASSERT_TRUE(fs->remove_file(file(), "M.MBR", request()));
  EXPECT_THAT(members(), ElementsAre());
  expect_nothing_hidden();
  EXPECT_EQ(read(looked_at, 4), "content") << "what has been read of it stays";
  EXPECT_EQ(attributes(ino).nlink, 0U);
  EXPECT_EQ(attributes(ino).size, 11U);
  EXPECT_EQ(fs->read(fresh, 0, 10, request()).error().code, Errc::stale);
  EXPECT_TRUE(close(looked_at));
  EXPECT_TRUE(close(fresh));
  EXPECT_EQ(look(file(), "M.MBR"), kNoIno);
}

TEST_F(PlainNames, AMemberThatIsBeingWrittenStaysWithItsHandles) {
  const HandleId handle = create("N.MBR", O_RDWR, file());
  ASSERT_TRUE(write(handle, 0, "kept"));
  ASSERT_TRUE(fs->remove_file(file(), "N.MBR", request()));
  EXPECT_EQ(read(handle), "kept");
  EXPECT_TRUE(close(handle));
  EXPECT_THAT(members(), ElementsAre("M.MBR"));
}

TEST_F(PlainNames, NoMemberMakesWayForAnother) {
  remote.put("/QSYS.LIB/A.FILE/N.MBR", "other");
  EXPECT_EQ(fs->rename(file(), "N.MBR", file(), "M.MBR", 0, request()).error().code,
            Errc::already_exists);
  EXPECT_EQ(remote.content(kMember), "old content");
  EXPECT_EQ(remote.content("/QSYS.LIB/A.FILE/N.MBR"), "other");
  EXPECT_EQ(remote.calls(Op::rename), 1U) << "nothing is moved aside";
}

}  // namespace
}  // namespace ftpsfs::fs
