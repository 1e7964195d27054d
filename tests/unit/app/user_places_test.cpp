// SPDX-License-Identifier: MIT
#include "ftpsfs/app/user_places.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "support/temp_directory.hpp"

namespace ftpsfs::app {
namespace {

TEST(UserPlaces, RootHasNoHomeOfSomebodyElse) {
  const test::TempDirectory place;
  const std::string& directory = place.path();
  const char* const home = std::getenv("HOME");
  const std::string before = home != nullptr ? home : "";
  ::setenv("HOME", directory.c_str(), 1);
  EXPECT_EQ(home_directory(), directory);
  EXPECT_EQ(own_directory("HOME"), directory);
  const bool is_given_away = ::chown(directory.c_str(), 12345, 12345) == 0;
  const std::string of_another = home_directory();
  ::setenv("HOME", before.c_str(), 1);
  if (!is_given_away) {
    GTEST_SKIP() << "needs root";
  }
  EXPECT_NE(of_another, directory);
}

}  // namespace
}  // namespace ftpsfs::app
