// SPDX-License-Identifier: MIT
#include "ftpsfs/base/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace ftpsfs {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) {
    return make_error(Errc::invalid_argument, "odd");
  }
  return n / 2;
}

Result<int> quarter(int n) {
  FTPSFS_TRY_ASSIGN(const int first, half(n));
  return half(first);
}

Result<void> only_even(int n) {
  FTPSFS_TRY(half(n));
  return {};
}

TEST(Result, CarriesAValueOrAnError) {
  EXPECT_EQ(*half(4), 2);
  ASSERT_FALSE(half(3));
  EXPECT_EQ(half(3).error().text, "odd");
  EXPECT_EQ(half(3).value_or(7), 7);
}

TEST(Result, TryReturnsTheFirstError) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_FALSE(quarter(6));
  EXPECT_TRUE(only_even(2));
  EXPECT_EQ(only_even(1).error().code, Errc::invalid_argument);
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 5);
}

TEST(Errno, EachFileErrorHasItsOwn) {
  EXPECT_EQ(to_errno(Errc::not_found), ENOENT);
  EXPECT_EQ(to_errno(Errc::not_empty), ENOTEMPTY);
  EXPECT_EQ(to_errno(Errc::stale), ESTALE);
  EXPECT_EQ(to_errno(Errc::quota_exceeded), EDQUOT);
  EXPECT_EQ(to_errno(Errc::unsupported), EOPNOTSUPP);
  EXPECT_EQ(to_errno(Errc::cancelled), EINTR);
  EXPECT_EQ(to_errno(Errc::timed_out), ETIMEDOUT);
  EXPECT_EQ(to_errno(Errc::closed), EIO);
}

TEST(Errno, OnlyTheLinkIsWorthAnotherSession) {
  EXPECT_TRUE(is_link_failure(Errc::closed));
  EXPECT_TRUE(is_link_failure(Errc::timed_out));
  EXPECT_FALSE(is_link_failure(Errc::cancelled));
  EXPECT_FALSE(is_link_failure(Errc::access_denied));
  EXPECT_FALSE(is_link_failure(Errc::login_refused));
  EXPECT_FALSE(is_link_failure(Errc::untrusted));
}

}  // namespace
}  // namespace ftpsfs
