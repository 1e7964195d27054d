// SPDX-License-Identifier: MIT
#include "ftpsfs/fs/inode_table.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::fs {
namespace {

using remote::FileType;
const remote::RemotePath kTop = *remote::RemotePath::parse("/srv");

TEST(InodeTable, GivesEachNameOneNumber) {
  InodeTable table;
  const Ino a = table.acquire(kRootIno, "a", FileType::regular, 1);
  EXPECT_EQ(table.acquire(kRootIno, "a", FileType::regular, 1), a);
  EXPECT_NE(table.acquire(kRootIno, "b", FileType::regular, 1), a);
  EXPECT_EQ(table.find(kRootIno, "a"), a);
  EXPECT_FALSE(table.find(kRootIno, "c"));
}

TEST(InodeTable, NamesThatDifferInCaseAreOneWhereTheServerSaysSo) {
  InodeTable table;
  table.set_case_sensitive(false);
  const Ino a = table.acquire(kRootIno, "Readme", FileType::regular, 1);
  EXPECT_EQ(table.acquire(kRootIno, "README", FileType::regular, 1), a);
  EXPECT_EQ(table.find(kRootIno, "readme"), a);
  EXPECT_EQ(table.foresee(kRootIno, "readmE", FileType::regular), a);
  EXPECT_EQ(table.locate(a)->name, "Readme");
  table.rename(kRootIno, "readme", kRootIno, "README");
  EXPECT_EQ(table.find(kRootIno, "Readme"), a) << "it does not take its own place";
  EXPECT_EQ(table.locate(a)->name, "README");
  const Ino other = table.acquire(kRootIno, "other", FileType::regular, 1);
  table.rename(kRootIno, "OTHER", kRootIno, "readme");
  EXPECT_EQ(table.find(kRootIno, "README"), other);
  EXPECT_FALSE(table.locate(a)) << "its name was taken";
  EXPECT_EQ(table.detach(kRootIno, "ReadMe"), other);
  EXPECT_FALSE(table.find(kRootIno, "readme"));
}

TEST(InodeTable, BuildsPathsByClimbing) {
  InodeTable table;
  const Ino dir = table.acquire(kRootIno, "dir", FileType::directory, 1);
  const Ino file = table.acquire(dir, "file", FileType::regular, 1);
  EXPECT_EQ(table.path(kRootIno, kTop)->str(), "/srv");
  EXPECT_EQ(table.path(file, kTop)->str(), "/srv/dir/file");
  table.rename(kRootIno, "dir", kRootIno, "moved");
  EXPECT_EQ(table.path(file, kTop)->str(), "/srv/moved/file");
  EXPECT_TRUE(table.is_below(file, dir));
  EXPECT_FALSE(table.is_below(dir, file));
}

TEST(InodeTable, RemembersNumbersOfForgottenNodes) {
  InodeTable table;
  const Ino a = table.acquire(kRootIno, "a", FileType::regular, 2);
  table.forget(a, 2);
  EXPECT_EQ(table.acquire(kRootIno, "a", FileType::regular, 1), a);
}

TEST(InodeTable, BoundsWhatIsForgotten) {
  InodeTable table(10);
  for (int i = 0; i < 100; ++i) {
    const Ino ino = table.acquire(kRootIno, std::to_string(i), FileType::regular, 1);
    table.forget(ino, 1);
  }
  EXPECT_LE(table.size(), 11U);
}

TEST(InodeTable, NeverUsesANumberTwice) {
  InodeTable table(1);
  const Ino first = table.acquire(kRootIno, "a", FileType::regular, 1);
  table.forget(first, 1);
  table.forget(table.acquire(kRootIno, "b", FileType::regular, 1), 1);
  table.forget(table.acquire(kRootIno, "c", FileType::regular, 1), 1);
  EXPECT_GT(table.acquire(kRootIno, "a", FileType::regular, 1), first);
}

TEST(InodeTable, AParentStaysWhileAChildIsKnown) {
  InodeTable table(0);
  const Ino dir = table.acquire(kRootIno, "dir", FileType::directory, 1);
  const Ino file = table.acquire(dir, "file", FileType::regular, 1);
  table.forget(dir, 1);
  EXPECT_EQ(table.path(file, kTop)->str(), "/srv/dir/file");
  table.forget(file, 1);
  EXPECT_EQ(table.size(), 1U);
}

TEST(InodeTable, APinnedNodeOutlivesItsLookups) {
  InodeTable table(0);
  const Ino file = table.acquire(kRootIno, "f", FileType::regular, 1);
  table.pin(file);
  table.forget(file, 1);
  EXPECT_TRUE(table.locate(file));
  table.unpin(file);
  EXPECT_FALSE(table.locate(file));
}

TEST(InodeTable, ADetachedNodeIsStaleAndItsNameIsFree) {
  InodeTable table;
  const Ino old = table.acquire(kRootIno, "f", FileType::regular, 1);
  EXPECT_EQ(table.detach(kRootIno, "f"), old);
  EXPECT_EQ(table.path(old, kTop).error().code, Errc::stale);
  EXPECT_NE(table.acquire(kRootIno, "f", FileType::regular, 1), old);
  table.forget(old, 1);
}

TEST(InodeTable, RenameOverAnotherDetachesIt) {
  InodeTable table;
  const Ino a = table.acquire(kRootIno, "a", FileType::regular, 1);
  const Ino b = table.acquire(kRootIno, "b", FileType::regular, 1);
  table.rename(kRootIno, "a", kRootIno, "b");
  EXPECT_EQ(table.find(kRootIno, "b"), a);
  EXPECT_FALSE(table.find(kRootIno, "a"));
  EXPECT_FALSE(table.locate(b));
}

TEST(InodeTable, AnotherTypeIsAnotherInode) {
  InodeTable table;
  const Ino file = table.acquire(kRootIno, "x", FileType::regular, 1);
  EXPECT_NE(table.acquire(kRootIno, "x", FileType::directory, 1), file);
}

}  // namespace
}  // namespace ftpsfs::fs
