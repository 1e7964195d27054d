// SPDX-License-Identifier: MIT
#include "ftpsfs/app/private_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "support/temp_directory.hpp"

namespace ftpsfs::app {
namespace {

using testing::HasSubstr;

class PrivateDirectory : public testing::Test {
 protected:
  const test::TempDirectory place_;
  const std::string directory_ = place_.path();
};

TEST_F(PrivateDirectory, IsMadeWithItsParents) {
  const std::string path = directory_ + "/a/b";
  ASSERT_TRUE(ensure_private_directory(path));
  EXPECT_TRUE(is_private_directory(path, ::geteuid()));
  EXPECT_TRUE(ensure_private_directory(path)) << "a second time it is found";
  EXPECT_FALSE(is_private_directory(path, ::geteuid() + 1));
}

TEST_F(PrivateDirectory, IsRefusedWhenOthersMayEnterIt) {
  const std::string path = directory_ + "/open";
  ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  EXPECT_EQ(ensure_private_directory(path).error().code, Errc::access_denied);
}

TEST_F(PrivateDirectory, IsRefusedWhenItIsALink) {
  const std::string link = directory_ + "/link";
  ASSERT_EQ(::symlink(directory_.c_str(), link.c_str()), 0);
  EXPECT_EQ(ensure_private_directory(link).error().code, Errc::access_denied);
}

TEST_F(PrivateDirectory, IsRefusedWhenItIsAFile) {
  EXPECT_FALSE(ensure_private_directory("/dev/null"));
  EXPECT_FALSE(ensure_private_directory("/dev/null/x"));
}

TEST_F(PrivateDirectory, StagingNeverLiesInsideTheMount) {
  const std::string inside = directory_ + "/mnt/staging";
  std::filesystem::create_directories(inside);
  EXPECT_THAT(make_staging_directory(inside, directory_ + "/mnt").error().text,
              HasSubstr("inside the mount point"));
  EXPECT_TRUE(make_staging_directory(inside, directory_ + "/m"));
  EXPECT_FALSE(make_staging_directory(directory_ + "/missing", "/m"));
  EXPECT_FALSE(make_staging_directory("/dev/null", "/m"));
}

TEST_F(PrivateDirectory, AJournalNeverLiesInATemporaryPlace) {
  const std::string inside = directory_ + "/mnt/journal";
  std::filesystem::create_directories(inside);
  EXPECT_THAT(make_journal_directory(inside, directory_ + "/mnt").error().text,
              HasSubstr("journal_dir="));
  EXPECT_EQ(make_journal_directory(inside, "/m").value_or(""), inside);
  if (::geteuid() == 0) {
    return;  // /var/lib belongs to the machine
  }
  ::setenv("XDG_STATE_HOME", directory_.c_str(), 1);
  ::setenv("HOME", (directory_ + "/home").c_str(), 1);
  EXPECT_EQ(make_journal_directory("", "/some/mount").value_or(""), directory_ + "/ftpsfs");
  ::unsetenv("XDG_STATE_HOME");
  EXPECT_EQ(make_journal_directory("", "/some/mount").value_or(""),
            directory_ + "/home/.local/state/ftpsfs");
  const auto none = make_journal_directory("", directory_ + "/home");
  EXPECT_FALSE(none) << "inside the mount, and /tmp will not do";
}

TEST_F(PrivateDirectory, StagingHasADefaultPlace) {
  ::setenv("XDG_CACHE_HOME", directory_.c_str(), 1);
  ::setenv("TMPDIR", directory_.c_str(), 1);
  const auto staging = make_staging_directory("", "/some/mount");
  ASSERT_TRUE(staging) << staging.error().text;
  EXPECT_TRUE(is_private_directory(*staging, ::geteuid()));
  if (::geteuid() != 0) {
    EXPECT_EQ(*staging, directory_ + "/ftpsfs");
    // A mount over the cache itself: the next place is taken.
    EXPECT_THAT(make_staging_directory("", directory_ + "/ftpsfs").value(), HasSubstr("staging"));
  }
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("TMPDIR");
}

TEST_F(PrivateDirectory, ControlDirectoriesFollowTheUser) {
  ::setenv("XDG_RUNTIME_DIR", "/somewhere", 1);
  EXPECT_THAT(control_directories(0), testing::ElementsAre("/run/ftpsfs", "/tmp/ftpsfs-0"));
  EXPECT_THAT(control_directories(4242),
              testing::IsSupersetOf({"/run/user/4242/ftpsfs", "/tmp/ftpsfs-4242"}));
  EXPECT_EQ(control_directories(4242).front(), "/run/ftpsfs-4242")
      << "where root alone makes things";
  ::unsetenv("XDG_RUNTIME_DIR");
}

class PrivateDirectoryOfAnother : public PrivateDirectory {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "only root makes directories for others";
    }
    PrivateDirectory::SetUp();
    ASSERT_TRUE(nobody_) << nobody_.error().text;
  }
  void TearDown() override {
    if (!directory_.empty()) {
      PrivateDirectory::TearDown();
    }
  }
  const Result<RunAs> nobody_ = RunAs::find(65534);
};

TEST_F(PrivateDirectoryOfAnother, IsGivenToHim) {
  const std::string path = directory_ + "/given";
  ASSERT_TRUE(give_private_directory(path, *nobody_));
  EXPECT_TRUE(is_private_directory(path, nobody_->user()));
  EXPECT_TRUE(give_private_directory(path, *nobody_)) << "a second time it is found";
  EXPECT_EQ(give_private_directory(directory_, *nobody_).error().code, Errc::access_denied);
  EXPECT_EQ(give_private_directory(path + "/a/b", *nobody_).error().code, Errc::io_error);
}

TEST_F(PrivateDirectoryOfAnother, StagingThatIsAskedForMustBeWritableByHim) {
  const auto before = ::geteuid();
  EXPECT_EQ(make_staging_directory_for(*nobody_, directory_, "/m").error().code,
            Errc::access_denied);
  ASSERT_EQ(::chown(directory_.c_str(), nobody_->user(), nobody_->group()), 0);
  EXPECT_TRUE(make_staging_directory_for(*nobody_, directory_, "/m"));
  EXPECT_EQ(::geteuid(), before);
}

}  // namespace
}  // namespace ftpsfs::app
