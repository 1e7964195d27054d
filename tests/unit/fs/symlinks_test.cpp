// SPDX-License-Identifier: MIT
//
// Symbolic links on the server: followed, and with targets made relative.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct ShownName {
  std::uint32_t mode = 0;
  Ino ino = kNoIno;
  bool has_attributes = false;
};

class SymlinksFixture : public FilesystemFixture {
 protected:
  explicit SymlinksFixture(SymlinkView view, FakeRemoteOptions options = {})
      : FilesystemFixture(std::move(options)), view_(view) {}

  void SetUp() override { mount_at("/"); }
  void mount_at(const std::string& root) {
    Settings settings;
    settings.symlinks = view_;
    settings.root = *remote::RemotePath::parse(root);
    mount(std::move(settings));
  }

  /// What readdirplus tells of a name in the root.
  ShownName show(const std::string& name) {
    ShownName shown;
    const HandleId directory = fs->open_directory(kRootIno, {}, request()).value_or(0);
    const auto done = fs->read_directory(
        directory, 0, true,
        [&](const DirectoryItem& item) {
          if (item.name == name) {
            shown = {item.mode, item.ino, item.entry != nullptr};
          }
          return true;
        },
        request());
    EXPECT_TRUE(done);
    fs->release_directory(directory);
    return shown;
  }

 private:
  const SymlinkView view_;
};

class FollowedLinks : public SymlinksFixture {
 protected:
  explicit FollowedLinks(FakeRemoteOptions options = {})
      : SymlinksFixture(SymlinkView::follow, std::move(options)) {}
};

TEST_F(FollowedLinks, AreWhatTheyLeadTo) {
  remote.put("/pub/x", "four", 1'234'567'890);
  remote.put_symlink("/link", "/pub/x");
  const Ino link = walk("link");
  const Attributes shown = attributes(link);
  EXPECT_TRUE(S_ISREG(shown.mode));
  EXPECT_EQ(shown.size, 4U);
  EXPECT_EQ(shown.mtime_seconds, 1'234'567'890);
  EXPECT_EQ(content(link), "four");
  EXPECT_EQ(fs->read_link(link, request()).error().code, Errc::invalid_argument);
}

TEST_F(FollowedLinks, ToDirectoriesAreDirectories) {
  remote.put("/pub/sub/x", "1");
  remote.put_symlink("/dir", "pub");
  EXPECT_TRUE(S_ISDIR(attributes(walk("dir")).mode));
  EXPECT_THAT(list(walk("dir")), ElementsAre("sub"));
  EXPECT_EQ(content(walk("dir/sub/x")), "1");
}

TEST_F(FollowedLinks, ThatLeadNowhereStayLinks) {
  remote.put_symlink("/gone", "missing");
  remote.put_symlink("/a", "b");
  remote.put_symlink("/b", "a");
  for (const char* name : {"gone", "a", "b"}) {
    EXPECT_TRUE(S_ISLNK(attributes(walk(name)).mode)) << name;
  }
  EXPECT_EQ(*fs->read_link(walk("gone"), request()), "missing");
  remote.forget_calls();
  walk("gone");
  EXPECT_EQ(remote.calls(), 0U) << "that it leads nowhere is remembered";
}

TEST_F(FollowedLinks, ThatLeadNowhereDoNotLeadIntoTheLocalTree) {
  remote.put_symlink("/dir/gone", "/etc/passwd");
  const Ino gone = walk("dir/gone");
  EXPECT_EQ(*fs->read_link(gone, request()), "../etc/passwd");
  EXPECT_EQ(attributes(gone).size, std::string("../etc/passwd").size());
}

TEST_F(FollowedLinks, ABrokenConnectionIsNoDanglingLink) {
  remote.put("/x", "1");
  remote.put_symlink("/link", "x");
  remote.fail_next(Op::follow, "/link", make_error(Errc::timed_out, "stall"));
  EXPECT_EQ(fs->lookup(kRootIno, "link", request()).error().code, Errc::timed_out);
  EXPECT_EQ(content(walk("link")), "1");
}

TEST_F(FollowedLinks, AListingAsksForNoneOfThem) {
  remote.put("/x", "1");
  remote.put_symlink("/link", "x");
  remote.forget_calls();
  EXPECT_THAT(list(kRootIno), ElementsAre("link", "x"));
  EXPECT_THAT(remote.log(), ElementsAre("list /"));
  const ShownName unknown = show("link");
  EXPECT_EQ(unknown.mode, 0U);
  EXPECT_FALSE(unknown.has_attributes);
  EXPECT_TRUE(show("x").has_attributes);
  // The number is the one that a lookup gives.
  EXPECT_EQ(unknown.ino, look(kRootIno, "link"));
  const ShownName known = show("link");
  EXPECT_TRUE(S_ISREG(known.mode));
  EXPECT_TRUE(known.has_attributes);
  EXPECT_EQ(known.ino, unknown.ino);
  EXPECT_EQ(remote.calls(Op::follow), 1U);
}

TEST_F(FollowedLinks, AreFollowedAgainWhenTheListingIsNew) {
  remote.put("/x", "1");
  remote.put_symlink("/link", "x");
  EXPECT_EQ(attributes(walk("link")).size, 1U);
  remote.put("/x", "four");
  clock.advance(std::chrono::minutes(1));
  EXPECT_EQ(attributes(walk("link")).size, 4U);
}

TEST_F(FollowedLinks, ARemovedOneLeavesItsTarget) {
  remote.put("/x", "1");
  remote.put_symlink("/link", "x");
  walk("link");
  ASSERT_TRUE(fs->remove_file(kRootIno, "link", request()));
  EXPECT_FALSE(remote.exists("/link"));
  EXPECT_EQ(remote.content("/x"), "1");
}

TEST_F(FollowedLinks, ToADirectoryIsRemovedAsAnEmptyOneIs) {
  remote.put("/pub/x", "1");
  remote.put_symlink("/dir", "pub");
  walk("dir");
  EXPECT_EQ(fs->remove_directory(kRootIno, "dir", request()).error().code, Errc::not_empty);
  ASSERT_TRUE(fs->remove_file(walk("dir"), "x", request()));
  ASSERT_TRUE(fs->remove_directory(kRootIno, "dir", request()));
  EXPECT_FALSE(remote.exists("/dir"));
  EXPECT_TRUE(remote.exists("/pub"));
  EXPECT_EQ(look(kRootIno, "dir"), kNoIno);
}

TEST_F(FollowedLinks, ARenamedOneLeadsWhereItLeadsFromThere) {
  remote.put("/x", "near");
  remote.put("/sub/x", "far away");
  remote.put_symlink("/link", "x");
  EXPECT_EQ(content(walk("link")), "near");
  ASSERT_TRUE(fs->rename(kRootIno, "link", walk("sub"), "link", 0, request()));
  EXPECT_EQ(remote.snapshot()["/sub/link"], "-> x");
  EXPECT_EQ(attributes(walk("sub/link")).size, 8U);
  EXPECT_EQ(content(walk("sub/link")), "far away");
}

TEST_F(FollowedLinks, WhatIsWrittenGoesIntoTheTargetAndTheLinkStays) {
  remote.put("/x", "old");
  remote.put_symlink("/link", "x");
  for (const char* text : {"new", "and again"}) {
    const HandleId handle = open(walk("link"), O_WRONLY | O_TRUNC);
    ASSERT_TRUE(write(handle, 0, text));
    ASSERT_TRUE(close(handle));
    EXPECT_EQ(remote.content("/x"), text);
    EXPECT_EQ(remote.snapshot()["/link"], "-> x");
  }
  const HandleId handle = open(walk("link"), O_RDWR);
  ASSERT_TRUE(write(handle, 1, "N"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/x"), "aNd again");
  EXPECT_EQ(remote.snapshot()["/link"], "-> x");
  EXPECT_THAT(hidden(), IsEmpty());
}

TEST_F(FollowedLinks, ModeAndTimeAreSetOnTheTarget) {
  remote.put("/x", "1");
  remote.put_symlink("/link", "x");
  const Ino link = walk("link");
  AttributeChange change;
  change.mode = 0600;
  change.mtime = AttributeChange::Time{1'111'111'111, false};
  ASSERT_TRUE(fs->set_attributes(link, change, std::nullopt, request()));
  EXPECT_EQ(remote.mode("/x"), 0600);
  EXPECT_EQ(remote.mtime("/x"), 1'111'111'111);
  EXPECT_EQ(attributes(link).mode & 0777U, 0600U);
}

TEST_F(FollowedLinks, ANewOneIsALinkInTheAnswerAndFollowedFromThenOn) {
  remote.put("/x", "1");
  const auto made = fs->make_symlink("x", kRootIno, "link", request());
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_TRUE(S_ISLNK(made->attributes.mode)) << "the kernel takes no other answer";
  EXPECT_EQ(made->valid_for.count(), 0);
  EXPECT_TRUE(S_ISREG(attributes(walk("link")).mode));
}

FakeRemoteOptions listing_only() {
  FakeRemoteOptions options;
  options.stat_is_cheap = false;
  options.exact_listing = false;
  return options;
}

class FollowedByListing : public FollowedLinks {
 protected:
  FollowedByListing() : FollowedLinks(listing_only()) {}
};

TEST_F(FollowedByListing, AreFoundInListingsAndFollowedOneByOne) {
  remote.put("/pub/x", "four", 1'234'567'890);
  remote.put_symlink("/link", "/pub/x");
  remote.put_symlink("/other", "/pub");
  const Attributes shown = attributes(walk("link"));
  EXPECT_TRUE(S_ISREG(shown.mode));
  EXPECT_EQ(shown.size, 4U);
  EXPECT_EQ(shown.mtime_seconds, 1'234'567'890);
  EXPECT_EQ(remote.calls(Op::follow), 1U);
  EXPECT_EQ(content(walk("other/x")), "four");
}

class TransformedLinks : public SymlinksFixture {
 protected:
  TransformedLinks() : SymlinksFixture(SymlinkView::transform) {}
};

TEST_F(TransformedLinks, StayInsideTheMountedTree) {
  remote.put("/home/u/a/b", "1");
  remote.put_symlink("/home/u/c/link", "/home/u/a/b");
  remote.put_symlink("/home/u/c/outside", "/etc/motd");
  remote.put_symlink("/home/u/c/beside", "../a");
  mount_at("/home/u");
  const Ino link = walk("c/link");
  EXPECT_TRUE(S_ISLNK(attributes(link).mode));
  EXPECT_EQ(*fs->read_link(link, request()), "../a/b");
  EXPECT_EQ(attributes(link).size, std::string("../a/b").size());
  EXPECT_EQ(*fs->read_link(walk("c/outside"), request()), "/etc/motd");
  EXPECT_EQ(*fs->read_link(walk("c/beside"), request()), "../a");
  EXPECT_EQ(remote.calls(Op::follow), 0U);
}

TEST_F(TransformedLinks, FollowADirectoryThatIsRenamed) {
  remote.put_symlink("/one/two/link", "/x");
  const Ino link = walk("one/two/link");
  EXPECT_EQ(*fs->read_link(link, request()), "../../x");
  ASSERT_TRUE(fs->rename(walk("one"), "two", kRootIno, "two", 0, request()));
  EXPECT_EQ(*fs->read_link(link, request()), "../x");
}

}  // namespace
}  // namespace ftpsfs::fs
