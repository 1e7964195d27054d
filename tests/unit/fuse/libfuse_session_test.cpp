// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/libfuse_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ftpsfs::fuse {
namespace {

using ::testing::HasSubstr;

TEST(LibfuseArguments, CommasAndBackslashesAreEscaped) {
  MountOptions options;
  options.fsname = "host:/a,b\\c";
  options.others = {"noatime"};
  EXPECT_EQ(libfuse_arguments(options),
            (std::vector<std::string>{"ftpsfs", "-o", "fsname=host:/a\\,b\\\\c", "-o",
                                      "subtype=ftpsfs", "-o", "max_read=1048576", "-o",
                                      "default_permissions", "-o", "noatime"}));
}

TEST(LibfuseArguments, MaxReadMayBeOverridden) {
  MountOptions options;
  options.default_permissions = false;
  options.allow_other = true;
  options.read_only = true;
  options.others = {"max_read=65536"};
  EXPECT_EQ(effective_max_read(options), 65536U);
  EXPECT_EQ(libfuse_arguments(options),
            (std::vector<std::string>{"ftpsfs", "-o", "fsname=ftpsfs", "-o", "subtype=ftpsfs", "-o",
                                      "max_read=65536", "-o", "allow_other", "-o", "ro"}));
}

TEST(LibfuseSession, AnOptionThatLibfuseRefusesIsNamed) {
  MountOptions options;
  options.others = {"big_writes"};
  const auto session = LibfuseSession::create(options, {}, nullptr);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Errc::invalid_argument);
  EXPECT_THAT(session.error().text, HasSubstr("big_writes"));
}

TEST(LibfuseSession, TheOptionsOfMountArePassedThrough) {
  MountOptions options;
  options.others = {"noatime",    "nosuid",       "nodev",
                    "noexec",     "sync",         "dirsync",
                    "allow_root", "auto_unmount", "context=system_u:object_r:fusefs_t:s0,c1"};
  EXPECT_TRUE(LibfuseSession::create(options, {}, nullptr));
}

Error mount_error(const std::string& mount_point) {
  auto session = LibfuseSession::create({}, {}, nullptr);
  EXPECT_TRUE(session);
  auto mounted = (*session)->mount(mount_point);
  EXPECT_FALSE(mounted);
  return mounted ? Error{} : mounted.error();
}

TEST(LibfuseSession, AMountPointThatIsNotThereIsNamed) {
  const Error error = mount_error("/no/such/place");
  EXPECT_EQ(error.code, Errc::not_found);
  EXPECT_THAT(error.text, HasSubstr("/no/such/place"));
}

TEST(LibfuseSession, AFileIsNoMountPoint) {
  EXPECT_EQ(mount_error("/proc/self/status").code, Errc::not_directory);
}

}  // namespace
}  // namespace ftpsfs::fuse
