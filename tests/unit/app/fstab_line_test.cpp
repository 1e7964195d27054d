// SPDX-License-Identifier: MIT
#include "ftpsfs/app/fstab_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "parse_words.hpp"

namespace ftpsfs::app {
namespace {

using testing::ElementsAre;

std::vector<std::string> options_of(std::vector<std::string> words) {
  words.insert(words.begin(), "check");
  words.emplace_back("h:/");
  const auto line = parse(std::move(words));
  EXPECT_TRUE(line) << line.error().text;
  return line ? fstab_options(line->given) : std::vector<std::string>();
}

TEST(FstabLine, KeepsTheOptionsInTheirOrderWithAbsolutePaths) {
  EXPECT_THAT(options_of({"--ro", "-o", "cacert=ca.pem,max-conns=2", "--timeout", "5m", "--netrc"}),
              ElementsAre("ro", "cacert=/start/ca.pem", "max_conns=2", "timeout=5m", "netrc"));
}

TEST(FstabLine, LeavesOutWhatIsForOneRun) {
  EXPECT_THAT(options_of({"-v", "--write", "--json", "--password-stdin", "--log-level=debug", "-o",
                          "rw,_netdev,prot=clear"}),
              ElementsAre("prot=clear"));
}

TEST(FstabLine, HoldsNoPasswordOfAProxy) {
  EXPECT_THAT(options_of({"--proxy=socks5h://me:secret@gate:1080"}),
              ElementsAre("proxy=socks5h://me@gate:1080"));
}

TEST(FstabLine, WhatItSaysIsReadBackAsItWas) {
  const auto items = options_of({"--password-command=pass a, \"b\\c\" #1"});
  ASSERT_EQ(items.size(), 1U);
  EXPECT_THAT(split_option_list(items[0]), ElementsAre("password_command=pass a, \"b\\c\" #1"));
  EXPECT_EQ(fstab_field("a b\t#c\\"), "a\\040b\\011\\043c\\134");
}

TEST(FstabLine, HasSixFields) {
  EXPECT_EQ(fstab_line("ftpes://h/a b", "/mnt/x y", {"ro", "max_conns=2"}),
            "ftpes://h/a\\040b  /mnt/x\\040y  ftpsfs  ro,max_conns=2,_netdev,nofail  0  0");
  EXPECT_EQ(fstab_line("h:", "/mnt", {}), "h:  /mnt  ftpsfs  _netdev,nofail  0  0");
}

TEST(FstabLine, OtherCommandsKeepNoCopyOfTheirOptions) {
  const auto line = parse({"--proxy=socks5://a:b@h", "h:/", "/m"});
  ASSERT_TRUE(line);
  EXPECT_TRUE(line->given.empty());
}

}  // namespace
}  // namespace ftpsfs::app
