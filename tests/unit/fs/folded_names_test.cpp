// SPDX-License-Identifier: MIT
//
// On servers that take names in any case, a file has one inode and one name, whatever is asked for.
#include <gmock/gmock.h>

#ifndef RENAME_NOREPLACE
#include <linux/fs.h>
#endif

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct FoldingServer {
  bool stat_is_cheap;  ///< by MLST; else by listings
  bool rename_replaces;
};

FakeRemoteOptions options_of(const FoldingServer& server) {
  FakeRemoteOptions options;
  options.case_sensitive = false;
  options.stat_is_cheap = server.stat_is_cheap;
  options.rename_replaces = server.rename_replaces;
  return options;
}

class FoldedNames : public FilesystemFixture, public ::testing::WithParamInterface<FoldingServer> {
 protected:
  FoldedNames() : FilesystemFixture(options_of(GetParam())) {
    remote.put("/Readme.txt", "hello");
    remote.put("/Dir/File", "deep");
    list(kRootIno);
  }

  Result<void> rename(const std::string& from, const std::string& to, unsigned flags = 0) {
    return fs->rename(kRootIno, from, kRootIno, to, flags, request());
  }
  /// What changed something, in the order of its beginning.
  std::vector<std::string> changes() const {
    std::vector<std::string> found;
    for (const std::string& line : remote.log()) {
      if (line.starts_with("rename") || line.starts_with("remove")) {
        found.push_back(line);
      }
    }
    return found;
  }
};
INSTANTIATE_TEST_SUITE_P(Servers, FoldedNames,
                         ::testing::Values(FoldingServer{false, false}, FoldingServer{false, true},
                                           FoldingServer{true, false}, FoldingServer{true, true}));

TEST_P(FoldedNames, EverySpellingIsTheSameInode) {
  const Ino file = look(kRootIno, "Readme.txt");
  ASSERT_NE(file, kNoIno);
  EXPECT_EQ(look(kRootIno, "README.TXT"), file);
  EXPECT_EQ(walk("DIR/FILE"), walk("Dir/File"));
  EXPECT_EQ(content(walk("dir/file")), "deep");
  EXPECT_THAT(list(kRootIno), ElementsAre("Dir", "Readme.txt"));
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(look(kRootIno, "readme.txt"), file) << "when nothing is fresh any more";
  EXPECT_THAT(list(kRootIno), ElementsAre("Dir", "Readme.txt"));
  EXPECT_EQ(look(kRootIno, "Readme.txt"), file);
}

/// It would remember one of them when the file has gone under another.
TEST_P(FoldedNames, TheKernelIsToldToRememberNoName) {
  const auto reply = fs->lookup(kRootIno, "Readme.txt", request());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->valid_for.count(), 0);
  EXPECT_GT(reply->attributes.valid_for.count(), 0);
}

TEST_P(FoldedNames, WhatIsThereIsNotCreatedInAnotherCase) {
  const Ino file = look(kRootIno, "Readme.txt");
  EXPECT_EQ(fs->create(kRootIno, "README.txt", 0644, O_WRONLY | O_EXCL, request()).error().code,
            Errc::already_exists);
  EXPECT_EQ(fs->make_directory(kRootIno, "DIR", 0755, request()).error().code,
            Errc::already_exists);
  const auto opened = fs->create(kRootIno, "README.txt", 0644, O_RDONLY, request());
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_EQ(opened->entry.attributes.ino, file);
  EXPECT_EQ(read(opened->open.handle), "hello");
  EXPECT_TRUE(close(opened->open.handle));
  const HandleId handle = create("README.txt", O_WRONLY | O_TRUNC);
  EXPECT_TRUE(write(handle, 0, "new"));
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/Readme.txt"), "new");
  EXPECT_THAT(list(kRootIno), ElementsAre("Dir", "Readme.txt"));
}

TEST_P(FoldedNames, ANewFileIsSeenInAnyCaseBeforeTheServerHasIt) {
  const HandleId handle = create("New");
  const Ino file = look(kRootIno, "New");
  EXPECT_EQ(look(kRootIno, "NEW"), file);
  EXPECT_EQ(fs->create(kRootIno, "nEW", 0644, O_WRONLY | O_EXCL, request()).error().code,
            Errc::already_exists);
  EXPECT_TRUE(write(handle, 0, "1"));
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(look(kRootIno, "new"), file);
  EXPECT_THAT(list(kRootIno), ElementsAre("Dir", "New", "Readme.txt"));
}

TEST_P(FoldedNames, AnyCaseRemoves) {
  const Ino file = look(kRootIno, "Readme.txt");
  EXPECT_TRUE(fs->remove_file(kRootIno, "README.TXT", request()));
  EXPECT_FALSE(remote.exists("/Readme.txt"));
  EXPECT_EQ(look(kRootIno, "Readme.txt"), kNoIno);
  EXPECT_FALSE(fs->get_attributes(file, request()));
  EXPECT_TRUE(fs->remove_file(walk("DIR"), "FILE", request()));
  EXPECT_TRUE(fs->remove_directory(kRootIno, "DIR", request()));
  EXPECT_THAT(list(kRootIno), IsEmpty());
  EXPECT_EQ(look(kRootIno, "Dir"), kNoIno);
}

TEST_P(FoldedNames, AnOpenFileIsRemovedInAnyCase) {
  const HandleId handle = open(look(kRootIno, "Readme.txt"), O_RDONLY);
  EXPECT_TRUE(fs->remove_file(kRootIno, "README.TXT", request()));
  EXPECT_EQ(look(kRootIno, "Readme.txt"), kNoIno);
  EXPECT_EQ(read(handle), "hello");
  EXPECT_TRUE(close(handle));
  EXPECT_THAT(hidden(), IsEmpty());
}

TEST_P(FoldedNames, ANameGetsAnotherCaseByOneRename) {
  const Ino file = look(kRootIno, "Readme.txt");
  remote.forget_calls();
  ASSERT_TRUE(rename("readme.TXT", "README"));
  ASSERT_TRUE(rename("README", "ReadMe"));
  EXPECT_THAT(changes(), ElementsAre("rename /Readme.txt /README", "rename /README /ReadMe"));
  EXPECT_THAT(remote.names("/"), Contains("ReadMe"));
  EXPECT_EQ(look(kRootIno, "readme"), file);
  EXPECT_EQ(content(file), "hello");
  EXPECT_THAT(list(kRootIno), ElementsAre("Dir", "ReadMe"));
  EXPECT_TRUE(rename("README", "ReadMe")) << "it has that case already";
  EXPECT_EQ(changes().size(), 2U);
  EXPECT_TRUE(rename("ReadMe", "README", RENAME_NOREPLACE)) << "nothing is in the way";
  EXPECT_TRUE(rename("dir", "DIR"));
  EXPECT_THAT(list(kRootIno), ElementsAre("DIR", "README"));
  EXPECT_EQ(content(walk("dir/file")), "deep");
}

TEST_P(FoldedNames, AnotherFileIsReplacedInAnyCase) {
  remote.put("/Other", "other");
  clock.advance(std::chrono::hours(1));
  const Ino other = look(kRootIno, "OTHER");
  EXPECT_EQ(rename("other", "README.TXT", RENAME_NOREPLACE).error().code, Errc::already_exists);
  ASSERT_TRUE(rename("other", "README.TXT"));
  EXPECT_EQ(look(kRootIno, "readme.txt"), other);
  EXPECT_EQ(remote.content("/readme.txt"), "other");
  EXPECT_FALSE(remote.exists("/Other"));
  EXPECT_THAT(hidden(), IsEmpty());
  EXPECT_EQ(list(kRootIno).size(), 2U);
}

/// Another client's file is found; and what is absent costs no listing each time.
TEST_P(FoldedNames, AListingProvesNoNameAbsent) {
  remote.forget_calls();
  EXPECT_EQ(look(kRootIno, "later"), kNoIno);
  EXPECT_EQ(look(kRootIno, "others"), kNoIno);
  EXPECT_EQ(remote.calls(Op::list), 0U);
  EXPECT_THAT(remote.log(), ElementsAre("stat /later", "stat /others"));
  remote.put("/later", "1");
  clock.advance(std::chrono::seconds(10));
  EXPECT_NE(look(kRootIno, "LATER"), kNoIno);
}

}  // namespace
}  // namespace ftpsfs::fs
