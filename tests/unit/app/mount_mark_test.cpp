// SPDX-License-Identifier: MIT
#include "ftpsfs/app/mount_mark.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "support/temp_directory.hpp"

namespace ftpsfs::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MountMarkTest : public ::testing::Test {
 protected:
  std::string file_of(std::uint64_t id) const {
    return fmt::format("{}/mounts-{}/{:016x}", directory, ::geteuid(), id);
  }
  /// A mount that is killed.
  std::uint64_t die() const {
    std::uint64_t id = 0;
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto mark = MountMark::make(directory);
      id = mark ? mark->id() : 0;
      const bool told = ::write(ends[1], &id, sizeof id) == sizeof id;
      ::_exit(told ? 0 : 1);
    }
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_EQ(::read(ends[0], &id, sizeof id), static_cast<ssize_t>(sizeof id));
    ::close(ends[0]);
    ::close(ends[1]);
    return id;
  }

  const test::TempDirectory place_;
  const std::string directory = place_.path();
};

TEST_F(MountMarkTest, AMountThatLivesIsNotTakenForDead) {
  const auto first = MountMark::make(directory);
  ASSERT_TRUE(first) << first.error().text;
  const auto second = MountMark::make(directory);
  ASSERT_TRUE(second);
  EXPECT_THAT(second->dead(), IsEmpty());
  EXPECT_NE(first->id(), second->id());
}

TEST_F(MountMarkTest, AMountThatWasKilledIsKnownToBeDead) {
  const std::uint64_t dead = die();
  for (int i = 0; i < 2; ++i) {  // by all that come later: it may have left things anywhere
    auto mark = MountMark::make(directory);
    ASSERT_TRUE(mark);
    EXPECT_THAT(mark->dead(), ElementsAre(dead));
    mark->end_clean();
  }
}

TEST_F(MountMarkTest, AMountThatEndedCleanIsForgotten) {
  auto first = MountMark::make(directory);
  ASSERT_TRUE(first);
  first->end_clean();
  EXPECT_FALSE(std::filesystem::exists(file_of(first->id())));
  const auto second = MountMark::make(directory);
  ASSERT_TRUE(second);
  EXPECT_THAT(second->dead(), IsEmpty());
}

TEST_F(MountMarkTest, NothingIsAssumedOfAnotherMachine) {
  const std::uint64_t other = die();
  std::ofstream(file_of(other)) << "another-machine";
  const auto mark = MountMark::make(directory);
  ASSERT_TRUE(mark);
  EXPECT_THAT(mark->dead(), IsEmpty());
}

TEST_F(MountMarkTest, ADeadMountIsForgottenAfterALongTime) {
  const std::uint64_t dead = die();
  std::filesystem::last_write_time(
      file_of(dead), std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * 100));
  auto mark = MountMark::make(directory);
  ASSERT_TRUE(mark);
  EXPECT_THAT(mark->dead(), ElementsAre(dead)) << "one last time";
  EXPECT_FALSE(std::filesystem::exists(file_of(dead)));
}

TEST_F(MountMarkTest, APlaceThatCannotBeUsedIsAnError) {
  const auto mark = MountMark::make("/proc/none");
  ASSERT_FALSE(mark);
}

}  // namespace
}  // namespace ftpsfs::app
