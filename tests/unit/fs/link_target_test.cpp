// SPDX-License-Identifier: MIT
#include "../../../src/fs/link_target.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::fs {
namespace {

remote::RemotePath there(const std::string& path) {
  return *remote::RemotePath::parse(path);
}

TEST(LinkTarget, AbsoluteOnesBecomeRelativeToTheLink) {
  EXPECT_EQ(mounted_target(there("/"), there("/"), "/pub/x"), "pub/x");
  EXPECT_EQ(mounted_target(there("/"), there("/a/b"), "/pub/x"), "../../pub/x");
  EXPECT_EQ(mounted_target(there("/home/u"), there("/home/u/c"), "/home/u/a/b"), "../a/b");
  EXPECT_EQ(mounted_target(there("/home/u"), there("/home/u"), "/home/u/a"), "a");
  EXPECT_EQ(mounted_target(there("/"), there("/a"), "/a/b"), "b");
  EXPECT_EQ(mounted_target(there("/"), there("/a"), "//a/./c/../b/"), "b");
}

TEST(LinkTarget, DirectoriesAbove) {
  EXPECT_EQ(mounted_target(there("/"), there("/"), "/"), ".");
  EXPECT_EQ(mounted_target(there("/"), there("/a/b"), "/a/b"), ".");
  EXPECT_EQ(mounted_target(there("/"), there("/a/b"), "/a"), "..");
  EXPECT_EQ(mounted_target(there("/home/u"), there("/home/u/c"), "/home/u"), "..");
}

TEST(LinkTarget, WhatIsOutsideOrRelativeStays) {
  for (const char* target :
       {"a", "../x", "", "/home", "/home/v/a", "/home/user", "/", "/../etc", "/home/u/../v/a"}) {
    EXPECT_EQ(mounted_target(there("/home/u"), there("/home/u/c"), target), target);
  }
  const std::string lines = "/home/u/a\nb";
  EXPECT_EQ(mounted_target(there("/home/u"), there("/home/u"), lines), lines);
}

}  // namespace
}  // namespace ftpsfs::fs
