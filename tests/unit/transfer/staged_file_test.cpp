// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/staged_file.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <vector>

#include "stream_fixture.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::transfer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A copy of a file of 4 MiB, whose fetches are written down.
class SparseCopyTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kSize = 4 * kMebibyte;

  SparseCopyTest() {
    EXPECT_TRUE(copy->copy_from(kSize, [this](std::uint64_t offset, std::size_t size,
                                              const std::stop_token&) {
      if (during_fetch) {
        during_fetch();
      }
      if (failure) {
        return Result<Slices>(*failure);
      }
      fetched.push_back({offset, offset + size});
      return Result<Slices>(Slices{slice_of(there.substr(static_cast<std::size_t>(offset), size))});
    }));
  }
  std::string read(std::uint64_t offset, std::size_t size) {
    const auto slices = copy->read(offset, size);
    EXPECT_TRUE(slices) << slices.error().text;
    return slices ? text_of(*slices) : std::string();
  }
  void write(std::uint64_t offset, const std::string& text) {
    EXPECT_TRUE(copy->write(offset, slice_of(text).bytes));
  }

  std::string there = pattern(kSize);
  std::vector<Range> fetched;
  std::optional<Error> failure;
  std::function<void()> during_fetch;
  StagingBudget room{std::numeric_limits<std::uint64_t>::max()};
  std::shared_ptr<StagedFile> copy = *StagedFile::create("/tmp", &room);
};

TEST_F(SparseCopyTest, OnlyWhatIsTouchedIsFetched) {
  EXPECT_EQ(copy->size(), kSize);
  EXPECT_THAT(fetched, IsEmpty());
  EXPECT_EQ(read(100, 10), there.substr(100, 10));
  EXPECT_THAT(fetched, ElementsAre(Range{100, 110}));
  EXPECT_EQ(read(100, 10), there.substr(100, 10));
  EXPECT_EQ(fetched.size(), 1U) << "once";
}

TEST_F(SparseCopyTest, WhatIsWrittenOverIsNeverFetched) {
  write(0, std::string(kSize - 5, 'x'));
  EXPECT_THAT(fetched, IsEmpty());
  ASSERT_TRUE(copy->complete({}));
  EXPECT_THAT(fetched, ElementsAre(Range{kSize - 5, kSize}));
  EXPECT_EQ(read(kSize - 7, 100), "xx" + there.substr(kSize - 5));
  EXPECT_TRUE(copy->is_complete());
}

TEST_F(SparseCopyTest, WhatIsCutOffIsNeverFetched) {
  ASSERT_TRUE(copy->truncate(10));
  ASSERT_TRUE(copy->truncate(20));
  EXPECT_EQ(read(0, 100), there.substr(0, 10) + std::string(10, '\0'));
  EXPECT_THAT(fetched, ElementsAre(Range{0, 10}));
}

TEST_F(SparseCopyTest, AHoleHidesWhatTheServerHas) {
  ASSERT_TRUE(copy->punch({5, 8}));
  ASSERT_TRUE(copy->punch({kSize - 2, kSize + 100}));
  ASSERT_TRUE(copy->complete({}));
  std::string expected = there;
  expected.replace(5, 3, 3, '\0');
  expected.replace(kSize - 2, 2, 2, '\0');
  EXPECT_TRUE(read(0, kSize + 1) == expected);
}

TEST_F(SparseCopyTest, AHoleGivesItsRoomBack) {
  ASSERT_TRUE(copy->complete({}));
  EXPECT_EQ(room.used(), kSize);
  ASSERT_TRUE(copy->punch({0, kMebibyte}));
  EXPECT_EQ(room.used(), kSize - kMebibyte);
  EXPECT_EQ(read(kMebibyte - 1, 2), std::string(1, '\0') + there[kMebibyte]);
}

TEST_F(SparseCopyTest, WhatIsWrittenWhileItIsFetchedIsNewer) {
  during_fetch = [this] {
    during_fetch = {};
    write(3, "new");
    EXPECT_TRUE(copy->truncate(8));
  };
  EXPECT_EQ(read(0, 100), there.substr(0, 3) + "new" + there.substr(6, 2));
}

TEST_F(SparseCopyTest, AFetchThatFailedIsTriedAgain) {
  failure = make_error(Errc::closed, "reset");
  EXPECT_EQ(copy->read(0, 10).error().code, Errc::closed);
  EXPECT_EQ(copy->complete({}).error().code, Errc::closed);
  EXPECT_FALSE(copy->is_complete());
  failure.reset();
  EXPECT_EQ(read(0, 10), there.substr(0, 10));
}

TEST_F(SparseCopyTest, AFileThatBecameShorterIsAnError) {
  there.resize(kSize - 1);
  EXPECT_EQ(copy->complete({}).error().code, Errc::truncated);
}

TEST(StagingBudget, IsSharedByAllCopies) {
  StagingBudget room(10);
  {
    const auto first = *StagedFile::create("/tmp", &room);
    const auto second = *StagedFile::create("/tmp", &room);
    ASSERT_TRUE(first->write(0, slice_of("123456").bytes));
    ASSERT_TRUE(second->write(100, slice_of("1234").bytes)) << "what is no byte costs nothing";
    const auto full = second->write(104, slice_of("5").bytes);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Errc::no_space);
    EXPECT_TRUE(second->write(100, slice_of("4321").bytes)) << "it has its room already";
    ASSERT_TRUE(first->truncate(5));
    EXPECT_TRUE(second->write(104, slice_of("5").bytes));
    EXPECT_EQ(text_of(*second->read(100, 10)), "43215");
  }
  EXPECT_EQ(room.used(), 0U);
}

TEST(StagedFile, CanBeGivenAName) {
  const test::TempDirectory place;
  const std::string& directory = place.path();
  const auto copy = *StagedFile::create("/tmp");
  ASSERT_TRUE(copy->write(3, slice_of("abc").bytes));
  const std::string name = directory + "/kept";
  ASSERT_TRUE(copy->save_as(name));
  std::ifstream file(name);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, std::string("\0\0\0abc", 6));
  struct stat status {};
  ASSERT_EQ(::stat(name.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_FALSE(copy->save_as(name)) << "nothing is replaced";
}

}  // namespace
}  // namespace ftpsfs::transfer
