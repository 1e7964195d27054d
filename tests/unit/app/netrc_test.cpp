// SPDX-License-Identifier: MIT
#include "ftpsfs/app/netrc.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ftpsfs::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// "login/password/account" of what is found, or "none".
std::string found(std::string_view text, std::string_view user = {}, std::string_view host = "h") {
  const auto answer = find_in_netrc(text, "the-file", host, user);
  if (!answer) {
    return answer.error().text;
  }
  if (!answer->entry) {
    return "none";
  }
  const auto shown = [](const std::optional<Secret>& secret) {
    return secret ? std::string(secret->reveal()) : "-";
  };
  return answer->entry->username + "/" + shown(answer->entry->password) + "/" +
         shown(answer->entry->account);
}

TEST(Netrc, TheEntryOfTheHostCounts) {
  constexpr const char* kText =
      "machine other login x password y\nmachine h\n  login me\n\tpassword word\n  account books\n";
  EXPECT_EQ(found(kText), "me/word/books");
  EXPECT_EQ(found(kText, "", "H"), "me/word/books") << "names of hosts have no case";
  EXPECT_EQ(found(kText, "", "nobody"), "none");
}

TEST(Netrc, TheDefaultCountsForWhoeverComesToIt) {
  EXPECT_EQ(found("machine o login x password y default login any password p", "", "h"), "any/p/-");
  EXPECT_EQ(found("default login any password p machine h login me password w"), "any/p/-");
}

TEST(Netrc, AUserSelectsTheEntry) {
  constexpr const char* kText =
      "machine h login a password 1\nmachine h password 2 login b\nmachine h password 3\n";
  EXPECT_EQ(found(kText), "a/1/-");
  EXPECT_EQ(found(kText, "b"), "b/2/-") << "the order of the words is free";
  EXPECT_EQ(found(kText, "c"), "none") << "a password without a login is nobody's";
}

TEST(Netrc, WordsMayBeQuoted) {
  EXPECT_EQ(found("machine h login \"a b\" password \"x\\\"y\\\\z\\t#\""), "a b/x\"y\\z\t#/-");
  EXPECT_EQ(found("machine h login a password \"\""), "a//-");
  EXPECT_EQ(found("machine h login a password x\"y"), "a/x\"y/-") << "a quote inside is a letter";
}

TEST(Netrc, MacrosAndCommentsArePassedOver) {
  EXPECT_EQ(found("macdef init\n machine h login bad password bad\n\nmachine h login a password b"),
            "a/b/-");
  EXPECT_EQ(found("machine h login a macdef m\nput password x\n\npassword b"), "a/b/-");
  EXPECT_EQ(found(" # machine h login bad password bad\nmachine h login a password #b"), "a/#b/-");
  EXPECT_EQ(found("machine h port 21 login a password b"), "a/b/-") << "unknown words";
  EXPECT_EQ(found("machine o macdef m\nto the end\nmachine h login a password b"), "none");
}

TEST(Netrc, MistakesAreToldWithoutTheirWords) {
  EXPECT_THAT(found("machine h\nlogin a password \"hunter2\n"),
              AllOf(HasSubstr("the-file, line 2"), HasSubstr("quote"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(found("machine h login a password"), HasSubstr("nothing behind \"password\""));
  EXPECT_THAT(found("machine h login a password \"hunter2\\nDELE x\""),
              AllOf(HasSubstr("line end"), Not(HasSubstr("hunter2"))));
}

TEST(Netrc, TellsWhetherItMustBePrivate) {
  EXPECT_FALSE(find_in_netrc("machine o login x", "f", "h", "")->holds_password);
  EXPECT_TRUE(find_in_netrc("machine o login x password y", "f", "h", "")->holds_password);
}

}  // namespace
}  // namespace ftpsfs::app
