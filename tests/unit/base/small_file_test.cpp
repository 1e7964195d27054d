// SPDX-License-Identifier: MIT
#include "ftpsfs/base/small_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/temp_directory.hpp"

namespace ftpsfs {
namespace {

class SmallFileTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = directory_ + "/file";
    std::ofstream(path_, std::ios::binary) << std::string("a\0b", 3);
    ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  }

  const test::TempDirectory place_;
  const std::string directory_ = place_.path();
  std::string path_;
};

TEST_F(SmallFileTest, IsReadWholeAndSaysWhoMayUseIt) {
  const auto file = read_small_file(path_, 3);
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->bytes, std::string("a\0b", 3));
  EXPECT_EQ(file->owner, ::geteuid());
  EXPECT_EQ(file->mode, 0640U);
  EXPECT_TRUE(file->is_open_to_others());
  ASSERT_EQ(::chmod(path_.c_str(), 0400), 0);
  EXPECT_FALSE(read_small_file(path_, 3)->is_open_to_others());
}

TEST_F(SmallFileTest, MustNotBeTooLarge) {
  const auto file = read_small_file(path_, 2);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::invalid_argument);
}

TEST_F(SmallFileTest, FollowsLinksUnlessTold) {
  const std::string link = directory_ + "/link";
  ASSERT_EQ(::symlink(path_.c_str(), link.c_str()), 0);
  EXPECT_TRUE(read_small_file(link, 10));
  const auto refused = read_small_file(link, 10, Links::refuse);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::access_denied);
  EXPECT_NE(refused.error().text.find("symbolic link"), std::string::npos);
}

TEST_F(SmallFileTest, IsNoDirectoryAndNoFifo) {
  EXPECT_EQ(read_small_file(directory_, 10).error().text, "is a directory, not a regular file");
  const std::string fifo = directory_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(read_small_file(fifo, 10).error().text, "not a regular file");
  const auto missing = read_small_file(directory_ + "/missing", 10);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_EQ(missing.error().text, "No such file or directory");
}

}  // namespace
}  // namespace ftpsfs
