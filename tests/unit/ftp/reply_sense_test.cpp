// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/reply_sense.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace ftpsfs::ftp {
namespace {

bool answers(std::string_view verb, int code) {
  return may_answer(answer_rule(verb), code);
}

struct Expected {
  std::string_view verb;
  std::vector<int> yes;
  std::vector<int> no;
};

class ReplySense : public testing::TestWithParam<Expected> {};

TEST_P(ReplySense, TellsWhatMayAnswer) {
  for (const int code : GetParam().yes) {
    EXPECT_TRUE(answers(GetParam().verb, code)) << code;
  }
  for (const int code : GetParam().no) {
    EXPECT_FALSE(answers(GetParam().verb, code)) << code;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Verbs, ReplySense,
    testing::Values(
        Expected{"RETR", {125, 150, 226, 250, 425, 426, 550}, {211, 213, 229, 257, 350}},
        Expected{"APPE", {150, 226, 250, 452, 552}, {213, 227, 257, 350}},
        Expected{"MLSD", {150, 226, 250, 501}, {212, 213, 350}},
        Expected{"SIZE", {213, 550, 500}, {150, 225, 226, 257, 350, 426}},
        Expected{"MFMT", {213, 200, 253}, {226, 229}},
        Expected{"EPSV", {229, 227, 500, 522}, {150, 213, 226, 257}},
        Expected{"PWD", {257}, {226, 213}}, Expected{"MKD", {257, 250, 550}, {226, 350}},
        Expected{"RNFR", {350, 550}, {150, 213, 226, 257}},
        Expected{"RNTO", {250, 200, 553}, {226, 350}},
        Expected{"DELE", {250, 200, 253, 450, 550}, {125, 213, 226, 257, 350, 426}},
        // Servers may say anything to these.
        Expected{"SITE CHMOD", {200, 211, 226, 250, 257}, {}},
        Expected{"XSHA256", {150, 213, 250}, {}}, Expected{"STAT", {211, 212, 213}, {}},
        Expected{"USER", {120, 230, 232, 331}, {}}),
    [](const auto& tested) {
      std::string name(tested.param.verb);
      std::erase(name, ' ');
      return name;
    });

TEST(ReplySense, ARuleKnowsItsVerb) {
  EXPECT_EQ(verb_of(answer_rule("DELE")), "DELE");
}

}  // namespace
}  // namespace ftpsfs::ftp
