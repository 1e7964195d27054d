// SPDX-License-Identifier: MIT
#include "ftpsfs/app/user_places.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace ftpsfs::app {
namespace {

TEST(UserPlaces, RootHasNoHomeOfSomebodyElse) {
  std::string directory = (std::filesystem::temp_directory_path() / "ftpsfs-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const char* const home = std::getenv("HOME");
  const std::string before = home != nullptr ? home : "";
  ::setenv("HOME", directory.c_str(), 1);
  EXPECT_EQ(home_directory(), directory);
  EXPECT_EQ(own_directory("HOME"), directory);
  const bool is_given_away = ::chown(directory.c_str(), 12345, 12345) == 0;
  const std::string of_another = home_directory();
  ::setenv("HOME", before.c_str(), 1);
  std::filesystem::remove_all(directory);
  if (!is_given_away) {
    GTEST_SKIP() << "needs root";
  }
  EXPECT_NE(of_another, directory);
}

}  // namespace
}  // namespace ftpsfs::app
