// SPDX-License-Identifier: MIT
#include "ftpsfs/base/append_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/temp_directory.hpp"

namespace ftpsfs {
namespace {

using testing::HasSubstr;

class AppendFile : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return directory_ + "/" + name; }

  const test::TempDirectory place_;
  const std::string directory_ = place_.path();
};

TEST_F(AppendFile, IsItsOwnersAloneAndGrows) {
  std::ofstream(at("log")) << "before\n";
  ASSERT_EQ(::chmod(at("log").c_str(), 0644), 0);
  const auto file = open_for_appending(at("log"), "log");
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_GT(file->get(), STDERR_FILENO);
  ASSERT_EQ(::write(file->get(), "after\n", 6), 6);
  struct stat status {};
  ASSERT_EQ(::stat(at("log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(status.st_size, 13);
}

TEST_F(AppendFile, RefusesWhatOthersMayHaveLaidOut) {
  std::ofstream(at("target")) << "precious";
  std::filesystem::create_symlink(at("target"), at("link"));
  std::filesystem::create_hard_link(at("target"), at("hard"));
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_THAT(open_for_appending(at("link"), "log").error().text, HasSubstr("symbolic link"));
  EXPECT_THAT(open_for_appending(at("hard"), "log").error().text, HasSubstr("hard link"));
  EXPECT_FALSE(open_for_appending(at("pipe"), "log"));
  EXPECT_THAT(open_for_appending(at("no/where"), "log").error().text, HasSubstr("log file"));
}

}  // namespace
}  // namespace ftpsfs
