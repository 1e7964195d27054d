// SPDX-License-Identifier: MIT
#include "ftpsfs/fs/rescued_files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/temp_directory.hpp"

namespace ftpsfs::fs {
namespace {

class RescuedFiles : public ::testing::Test {
 protected:
  RescuedFiles() {
    std::filesystem::create_directory(place_);
    ::chmod(place_.c_str(), 0700);
    std::filesystem::create_directory(shelf_);
  }

  void keep(const std::string& name, const std::string& path, int time,
            const std::string& source = "ftpes://host/in") {
    write(name + ".data", "content of " + name);
    write(name + ".json", R"({"v":1, "source":")" + source + R"(", "path":")" + path +
                              R"(", "size":12, "time":)" + std::to_string(time) +
                              R"(, "reason":"552 quota", "complete":true})");
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(place_ + "/" + name) << text;
  }
  std::vector<RescuedFile> found() { return find_rescued(staging_.path(), "ftpes://host/in"); }
  std::string on_shelf(const std::string& name) {
    std::ifstream file(shelf_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const test::TempDirectory staging_;
  const std::string place_ = staging_.path() + "/recovery-" + std::to_string(::geteuid());
  const std::string shelf_ = staging_.path() + "/shelf";
};

TEST_F(RescuedFiles, AreThoseOfTheSourceTheOldestFirst) {
  keep("2", "/in/late", 200);
  keep("1", "/in/early", 100);
  keep("3", "/in/other", 50, "ftpes://elsewhere/in");
  const auto files = found();
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].path, "/in/early");
  EXPECT_EQ(files[0].reason, "552 quota");
  EXPECT_EQ(files[0].size, 12U);
  EXPECT_EQ(files[0].unix_seconds, 100);
  EXPECT_TRUE(files[0].is_complete);
  EXPECT_EQ(files[0].data_file(), place_ + "/1.data");
  EXPECT_EQ(files[1].path, "/in/late");
}

TEST_F(RescuedFiles, WhatIsNoDescriptionIsLeftOut) {
  write("a.json", "{\"source\":\"ftpes://host/in\"");
  write("b.json", "[]");
  write("c.json", R"({"source":7})");
  write("d.json", std::string(300'000, ' '));
  std::filesystem::create_symlink("/etc/passwd", place_ + "/e.json");
  ::mkfifo((place_ + "/f.json").c_str(), 0600);
  write("g.json", R"({"source":"ftpes://host/in","path":8,"size":"x","time":[]})");
  const auto files = found();
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].path, "");
  EXPECT_EQ(files[0].size, 0U);
}

TEST_F(RescuedFiles, APlaceThatIsNotOursAloneHoldsNone) {
  keep("1", "/in/file", 100);
  ::chmod(place_.c_str(), 0755);
  EXPECT_TRUE(found().empty());
}

TEST_F(RescuedFiles, AreCopiedOutAndOverwriteNothing) {
  keep("1", "/in/file", 100);
  keep("2", "/in/d/file", 200);
  const auto copied = export_rescued(found(), shelf_);
  ASSERT_TRUE(copied) << copied.error().text;
  EXPECT_EQ(*copied, 2U);
  EXPECT_EQ(on_shelf("file"), "content of 1");
  EXPECT_EQ(on_shelf("file.2"), "content of 2");
  struct stat status {};
  ASSERT_EQ(::stat((shelf_ + "/file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(found().size(), 2U) << "the originals stay";
}

TEST_F(RescuedFiles, ADirectoryThatIsNotThereIsAnError) {
  keep("1", "/in/file", 100);
  EXPECT_FALSE(export_rescued(found(), shelf_ + "/nowhere"));
}

TEST_F(RescuedFiles, AreGivenUpByBothTheirFiles) {
  keep("1", "/in/file", 100);
  keep("3", "/in/other", 50, "ftpes://elsewhere/in");
  EXPECT_EQ(remove_rescued(found()), 1U);
  EXPECT_TRUE(found().empty());
  EXPECT_FALSE(std::filesystem::exists(place_ + "/1.data"));
  EXPECT_TRUE(std::filesystem::exists(place_ + "/3.data"));
}

}  // namespace
}  // namespace ftpsfs::fs
