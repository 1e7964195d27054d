// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/read_ahead.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::fuse {
namespace {

constexpr const char* kMountInfo =
    "22 27 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
    "36 27 0:31 / /mnt/plain rw,relatime - ext4 /dev/sda1 rw\n"
    "60 27 0:52 / /mnt/x rw,nosuid,nodev shared:1 master:2 - fuse.ftpsfs host:/a rw,user_id=0\n"
    "61 27 0:53 / /mnt/with\\040blank rw - fuse.ftpsfs host:/b rw\n"
    "62 60 0:54 / /mnt/x rw,nosuid,nodev - fuse.ftpsfs other:/ rw\n"
    "63 27 0:55 / /mnt/back\\134slash rw - fuse host:/c rw";

TEST(DeviceNumber, IsFoundByMountPoint) {
  EXPECT_EQ(parse_device_number(kMountInfo, "/mnt/with blank"), "0:53");
  EXPECT_EQ(parse_device_number(kMountInfo, "/mnt/back\\slash"), "0:55");
}

TEST(DeviceNumber, TheMountOnTopCounts) {
  EXPECT_EQ(parse_device_number(kMountInfo, "/mnt/x"), "0:54");
}

TEST(DeviceNumber, OtherFilesystemsAreNotOurs) {
  EXPECT_EQ(parse_device_number(kMountInfo, "/mnt/plain"), std::nullopt);
  EXPECT_EQ(parse_device_number(kMountInfo, "/mnt"), std::nullopt);
}

TEST(DeviceNumber, BrokenLinesAreSkipped) {
  EXPECT_EQ(parse_device_number("", "/mnt/x"), std::nullopt);
  EXPECT_EQ(parse_device_number("\n\n1 2 3\n / - fuse\n", "/mnt/x"), std::nullopt);
  EXPECT_EQ(parse_device_number("1 2 0:1 / /a\\9 rw - fuse s rw", "/a\\9"), "0:1");
}

TEST(ReadAhead, WithoutAMountThereIsNothingToRaise) {
  const auto raised = raise_read_ahead("/nowhere/mounted", 1 << 20);
  ASSERT_FALSE(raised);
  EXPECT_EQ(raised.error().code, Errc::not_found);
}

}  // namespace
}  // namespace ftpsfs::fuse
