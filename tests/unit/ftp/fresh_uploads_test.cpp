// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/fresh_uploads.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ftpsfs::ftp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kMinutes = 60;
constexpr std::int64_t kHours = 60 * kMinutes;
constexpr std::int64_t kEnded = 1'790'000'000 / 60 * 60 + 40;

std::vector<std::string> paths_in(const FreshUploads& uploads) {
  std::vector<std::string> paths;
  for (const FreshUpload& each : uploads.list(kEnded)) {
    paths.push_back(each.path);
  }
  return paths;
}

/// How far east of us the clock is that shows the upload so.
std::optional<std::int64_t> east_of(std::int64_t shown) {
  const auto time = FreshUpload{"/a", 1, kEnded}.time_of(shown);
  return time ? std::optional(shown - *time) : std::nullopt;
}

TEST(FreshUploads, ShowAnyZone) {
  for (const std::int64_t east : {-12 * kHours, -9 * kHours - 30 * kMinutes, -15 * kMinutes,
                                  std::int64_t{0}, 5 * kHours + 45 * kMinutes, 14 * kHours}) {
    EXPECT_EQ(east_of(kEnded + east), east);
    EXPECT_EQ(east_of(kEnded + east - 40), east) << "the minute";
    EXPECT_EQ(east_of(kEnded + east - 3 * kMinutes), east);
    EXPECT_EQ(east_of(kEnded + east + 3 * kMinutes), east);
  }
}

TEST(FreshUploads, WhatNoZoneMakesOfThemIsAnotherFile) {
  EXPECT_EQ(east_of(kEnded + 7 * kMinutes), std::nullopt);
  EXPECT_EQ(east_of(kEnded - 2 * kHours - 5 * kMinutes), std::nullopt);
  EXPECT_EQ(east_of(kEnded + 14 * kHours + 15 * kMinutes), std::nullopt);
  EXPECT_EQ(east_of(kEnded - 12 * kHours - 15 * kMinutes), std::nullopt);
  EXPECT_EQ(east_of(kEnded - 365 * 24 * kHours), std::nullopt);
}

TEST(FreshUploads, AreForgottenSoon) {
  FreshUploads uploads;
  uploads.note({"/a", 1, kEnded});
  EXPECT_THAT(uploads.list(kEnded), SizeIs(1));
  EXPECT_THAT(uploads.list(kEnded + 5 * kMinutes), SizeIs(1));
  EXPECT_THAT(uploads.list(kEnded + 6 * kMinutes), IsEmpty());
  EXPECT_THAT(uploads.list(kEnded - 1), IsEmpty()) << "our clock was set back";
}

TEST(FreshUploads, FollowTheirNames) {
  FreshUploads uploads;
  uploads.note({"/d/.part", 7, kEnded});
  uploads.note({"/d/a", 1, kEnded});
  uploads.rename("/d/.part", "/d/a");
  EXPECT_THAT(uploads.list(kEnded), ElementsAre(FreshUpload{"/d/a", 7, kEnded}));
  uploads.note({"/dd", 1, kEnded});
  uploads.rename("/d", "/e");
  EXPECT_THAT(paths_in(uploads), ElementsAre("/e/a", "/dd"));
  uploads.forget("/e/a");
  EXPECT_THAT(paths_in(uploads), ElementsAre("/dd"));
  uploads.note({"/dd", 2, kEnded});
  EXPECT_THAT(uploads.list(kEnded), ElementsAre(FreshUpload{"/dd", 2, kEnded}));
}

TEST(FreshUploads, AreBounded) {
  FreshUploads uploads;
  for (int i = 0; i < 1'000; ++i) {
    uploads.note({"/" + std::to_string(i), 1, kEnded});
  }
  EXPECT_THAT(paths_in(uploads), SizeIs(32));
  EXPECT_EQ(paths_in(uploads).back(), "/999");
}

}  // namespace
}  // namespace ftpsfs::ftp
