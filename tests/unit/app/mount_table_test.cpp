// SPDX-License-Identifier: MIT
#include "ftpsfs/app/mount_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "support/temp_directory.hpp"

namespace ftpsfs::app {
namespace {

constexpr std::string_view kTable =
    "22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "90 22 0:50 / /mnt/a\\040b rw,nosuid,nodev shared:7 - fuse.ftpsfs ftpes://h/x\\040y "
    "rw,user_id=1000,group_id=1000,default_permissions\n"
    "91 22 0:51 / /mnt/c ro - fuse.ftpsfs ftps://h/ ro,user_id=0,group_id=0\n"
    "92 22 0:52 / /mnt/d rw - fuse.sshfs h:/ rw,user_id=0,group_id=0\n"
    "93 22 0:53 / /mnt/c rw shared:1 master:2 propagate_from:3 - fuse.ftpsfs ftps://top/ rw\n";

TEST(MountTable, HoldsTheFtpsfsMountsOnly) {
  const auto table = parse_mount_table(kTable);
  ASSERT_EQ(table.size(), 3U);
  EXPECT_EQ(table[0].mount_point, "/mnt/a b");
  EXPECT_EQ(table[0].source, "ftpes://h/x y");
  EXPECT_EQ(table[0].owner, 1000U);
  EXPECT_EQ(table[1].owner, 0U);
}

TEST(MountTable, TheTopmostMountCounts) {
  const auto table = parse_mount_table(kTable);
  EXPECT_EQ(find_mount(table, "/mnt/c")->source, "ftps://top/");
  EXPECT_FALSE(find_mount(table, "/mnt/d"));
}

TEST(MountTable, BrokenLinesArePassedOver) {
  EXPECT_TRUE(parse_mount_table("").empty());
  EXPECT_TRUE(parse_mount_table("\n\n- \n - fuse.ftpsfs\n1 2 3 4 5 6 - fuse.ftpsfs x").empty());
  EXPECT_EQ(parse_mount_table("1 2 3 4 /a\\04 6 - fuse.ftpsfs x y").front().mount_point, "/a\\04");
}

class MountPoint : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(directory_ + "/mnt"); }
  const test::TempDirectory place_;
  const std::string directory_ = place_.path();
};

TEST_F(MountPoint, IsMadeAbsolute) {
  const std::string expected = directory_ + "/mnt";
  for (const char* path : {"mnt", "./mnt/", "mnt/.", "x/../mnt", "mnt//"}) {
    EXPECT_EQ(resolve_mount_point(path, directory_), expected) << path;
  }
  EXPECT_EQ(resolve_mount_point(expected, "/"), expected);
  EXPECT_EQ(resolve_mount_point(".", expected), expected);
  EXPECT_EQ(resolve_mount_point("/", directory_), "/");
  EXPECT_EQ(resolve_mount_point("missing/deep", directory_), directory_ + "/missing/deep");
}

TEST_F(MountPoint, IsFoundThroughLinks) {
  ASSERT_EQ(::symlink("mnt", (directory_ + "/link").c_str()), 0);
  ASSERT_EQ(::symlink(directory_.c_str(), (directory_ + "/up").c_str()), 0);
  ASSERT_EQ(::symlink("loop", (directory_ + "/loop").c_str()), 0);
  EXPECT_EQ(resolve_mount_point("link", directory_), directory_ + "/mnt");
  EXPECT_EQ(resolve_mount_point("up/mnt", directory_), directory_ + "/mnt");
  EXPECT_EQ(resolve_mount_point("loop", directory_), directory_ + "/loop");
}

TEST_F(MountPoint, UsersOfADirectoryAreNamed) {
  const auto who = processes_using("/proc/self");  // nobody has its directory there
  EXPECT_TRUE(who.empty());
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir((directory_ + "/mnt").c_str()) == 0) {
      ::pause();
    }
    ::_exit(1);
  }
  std::vector<std::string> us;
  for (int tries = 0; us.empty() && tries < 1000; ++tries) {
    us = processes_using(directory_ + "/mnt");  // until the child has gone there
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_THAT(us, testing::ElementsAre(testing::HasSubstr(std::to_string(child))));
}

}  // namespace
}  // namespace ftpsfs::app
