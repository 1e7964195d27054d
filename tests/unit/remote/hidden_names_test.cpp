// SPDX-License-Identifier: MIT
#include "ftpsfs/remote/hidden_names.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::remote {
namespace {

using HiddenKind = HiddenName::Kind;

TEST(HiddenNames, TellWhoseTheyAre) {
  HiddenNames names(0xABCD);
  const std::string first = names.upload();
  EXPECT_NE(first, names.upload());
  const auto upload = HiddenNames::parse(first);
  ASSERT_TRUE(upload) << first;
  EXPECT_EQ(upload->kind, HiddenKind::upload);
  EXPECT_EQ(upload->mount, 0xABCDU);
  EXPECT_EQ(HiddenNames::parse(names.removed())->kind, HiddenKind::removed);
  const auto aside = HiddenNames::parse(names.aside("a.b-c .part"));
  ASSERT_TRUE(aside);
  EXPECT_EQ(aside->kind, HiddenKind::aside);
  EXPECT_EQ(aside->mount, 0xABCDU);
  EXPECT_EQ(aside->original, "a.b-c .part");
}

TEST(HiddenNames, AChosenNumberGivesTheSameNameAgain) {
  constexpr std::uint64_t kNumber = (1ULL << 63U) | 5U;
  HiddenNames counted(0xABCD);
  const std::string upload = HiddenNames::upload_name(0xABCD, kNumber);
  EXPECT_EQ(upload, HiddenNames::upload_name(0xABCD, kNumber));
  EXPECT_NE(upload, counted.upload());
  EXPECT_EQ(HiddenNames::parse(upload)->mount, 0xABCDU);
  const auto aside = HiddenNames::parse(HiddenNames::aside_name(0xABCD, kNumber, "f"));
  ASSERT_TRUE(aside);
  EXPECT_EQ(aside->kind, HiddenKind::aside);
  EXPECT_EQ(aside->original, "f");
}

TEST(HiddenNames, TooLongAnOriginalIsNotTold) {
  HiddenNames names(1);
  const std::string aside = names.aside(std::string(250, 'x'));
  EXPECT_LE(aside.size(), 255U);
  ASSERT_TRUE(HiddenNames::parse(aside));
  EXPECT_EQ(HiddenNames::parse(aside)->original, "");
}

TEST(HiddenNames, OfEarlierVersionsAreHiddenAndNobodys) {
  const auto old = HiddenNames::parse(".ftpsfs-0123456789abcdef.part");
  ASSERT_TRUE(old);
  EXPECT_FALSE(old->mount);
  EXPECT_FALSE(HiddenNames::parse(".ftpsfs-12-3.part")->mount) << "no whole number";
}

TEST(HiddenNames, OthersAreNotOurs) {
  for (const char* name :
       {"", "f", ".ftpsfs", ".ftpsfs-", ".ftpsfs-x", ".ftpsfs-x.txt", "a.ftpsfs-0.part",
        ".ftpsfs-0.keptx", ".ftpsfs-0.part.txt", ".ftpsfs.conf"}) {
    EXPECT_FALSE(HiddenNames::is_hidden(name)) << name;
  }
}

}  // namespace
}  // namespace ftpsfs::remote
