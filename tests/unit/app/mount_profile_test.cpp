// SPDX-License-Identifier: MIT
#include "ftpsfs/app/mount_profile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "ftpsfs/app/credentials.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::app {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Two configuration files: the user's and the machine's.
class Profiles : public testing::Test {
 protected:
  void SetUp() override { files_ = {directory_ + "/user.conf", directory_ + "/system.conf"}; }

  void write(std::size_t which, const std::string& text, mode_t mode = 0644) {
    std::ofstream(files_[which]) << text;
    ::chmod(files_[which].c_str(), mode);
  }

  /// As run.cpp does it.
  Result<CommandLine> parse(std::vector<std::string> words) {
    FTPSFS_TRY_ASSIGN(CommandLine line, parse_command_line(words, "/start"));
    FTPSFS_TRY_ASSIGN(const Options defaults, profile_options(line, files_));
    return parse_command_line(words, "/start", defaults);
  }
  std::string failure(std::vector<std::string> words) {
    const auto line = parse(std::move(words));
    return line ? "no failure" : line.error().text;
  }
  Result<MountUrl> url_of(const std::string& source) {
    FTPSFS_TRY_ASSIGN(const CommandLine line, parse({source, "/m"}));
    return resolve_source(line.options, source);
  }

  Result<Credentials> gathered(std::vector<std::string> words) {
    FTPSFS_TRY_ASSIGN(const CommandLine line, parse(words));
    FTPSFS_TRY_ASSIGN(const MountUrl url, resolve_source(line.options, words.front()));
    return gather_credentials(line.options, url);
  }

  const test::TempDirectory place_;
  const std::string directory_ = place_.path();
  std::vector<std::string> files_;
};

TEST_F(Profiles, ASourceMayBeTheNameOfOne) {
  write(0, "[partner]\nurl = ftps://me@ftp.example:8990/in\nmax_conns = 3\nro = yes\nnoexec=no\n");
  const auto line = parse({"partner:", "/m"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(line->options.max_conns, 3U);
  EXPECT_TRUE(line->options.read_only);
  EXPECT_THAT(line->options.kernel_flags, IsEmpty());
  const auto url = resolve_source(line->options, "partner:");
  ASSERT_TRUE(url) << url.error().text;
  EXPECT_EQ(url->fsname(), "ftps://ftp.example:8990/in");
  EXPECT_EQ(url->username, "me");
}

TEST_F(Profiles, AnFstabLineDoesNotUndoItsReadOnly) {
  write(0, "[p]\nurl = ftpes://h/\nro = yes\n");
  const std::vector<std::string> words = {"p:", "/m", "-w", "-o", "rw,_netdev"};
  const auto named = parse_mount_helper_line(words, "/start");
  const auto line = parse_mount_helper_line(words, "/start", *profile_options(*named, files_));
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_TRUE(line->options.read_only);
}

TEST_F(Profiles, AHostThatIsNoneStaysAHost) {
  write(0, "[partner]\nurl = ftps://h/\nro = yes\n");
  EXPECT_FALSE(parse({"other:", "/m"})->options.read_only);
  EXPECT_EQ(url_of("other:/x")->host, "other");
  EXPECT_EQ(url_of("ftpes://partner/x")->fsname(), "ftpes://partner/x") << "a URL is a URL";
}

TEST_F(Profiles, ThePathBehindTheColonLiesBelowThatOfTheUrl) {
  write(0, "[a]\nurl = ftpes://h/in\n[b]\nurl = ftpes://h\n[c]\nurl = ftpes://h/\n");
  EXPECT_EQ(url_of("a:/sub/dir")->path, "/in/sub/dir");
  EXPECT_EQ(url_of("a:sub")->path, "/in/sub");
  EXPECT_EQ(url_of("a:")->path, "/in");
  EXPECT_EQ(url_of("b:/sub")->path, "sub") << "below where the login starts";
  EXPECT_EQ(url_of("c:/sub")->path, "/sub");
  EXPECT_EQ(url_of("bob@a:/sub")->username, "bob");
}

TEST_F(Profiles, TheCommandLineWins) {
  write(0,
        "[p]\nurl = ftpes://alice@h/\nmax_conns = 3\nro = yes\ncacert = a.pem\ncacert = /b.pem\n"
        "nodev = yes\nusername = carol\n");
  const auto both = parse({"p:", "/m"});
  ASSERT_TRUE(both) << both.error().text;
  EXPECT_THAT(both->options.ca_files, ElementsAre(directory_ + "/a.pem", "/b.pem"));
  const auto line = parse({"p:", "/m", "-o", "rw,max_conns=5,cacert=/c.pem,dev,username=bob"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(line->options.max_conns, 5U);
  EXPECT_TRUE(line->options.read_only) << "rw is mount(8)'s word, not the user's";
  EXPECT_THAT(line->options.ca_files, ElementsAre("/c.pem"));
  EXPECT_THAT(line->options.kernel_flags, ElementsAre("nodev", "dev")) << "the last counts";
  EXPECT_EQ(line->options.username, "bob");
  EXPECT_EQ(resolve_source(line->options, "p:")->username, "");
}

TEST_F(Profiles, TheUsersFileCountsBeforeTheMachines) {
  write(0, "[p]\nurl = ftpes://user/\n");
  write(1, "[p]\nurl = ftpes://system/\nro = yes\n[q]\nurl = ftpes://q/\n");
  EXPECT_EQ(url_of("p:")->host, "user");
  EXPECT_FALSE(parse({"p:", "/m"})->options.read_only) << "a section counts whole";
  EXPECT_EQ(url_of("q:")->host, "q");
}

TEST_F(Profiles, OneThatIsNamedMustBeThere) {
  EXPECT_THAT(failure({"-o", "profile=p", "h:", "/m"}),
              AllOf(HasSubstr("no profile \"p\""), HasSubstr(files_[0]), HasSubstr(files_[1]),
                    HasSubstr("No such file")));
  write(1, "[q]\nurl=ftpes://h/\n");
  EXPECT_THAT(failure({"-o", "profile=p", "h:", "/m"}), HasSubstr("no section [p]"));
  write(1, "[p]\nro = yes\n");
  const auto line = parse({"-o", "profile=p", "ftpes://h/", "/m"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_TRUE(line->options.read_only);
  EXPECT_EQ(resolve_source(line->options, "ftpes://h/")->host, "h");
  EXPECT_THAT(resolve_source(line->options, "p:").error().text, HasSubstr("no url ="));
}

struct BadProfile {
  std::string text;
  std::string words;
};
const BadProfile kBadProfiles[] = {
    {"[p]\nurl = ftpes://h/\n\nmax_con = 3\n", "line 4, [p]: unknown option max_con; did you mean"},
    {"[p]\nmax_conns = many\n", "line 2, [p]: option max_conns"},
    {"[p]\nro = perhaps\n", "line 2, [p]: option ro is yes or no"},
    {"[p]\nro\n", "line 2: neither"},
    {"ro = yes\n[p]\n", "line 1: stands before"},
    {"[p]\nurl = ftp://h/\n", "[p]: url = "},
    {"[p]\nurl = ftpes://u:hunter2@h/\n", "password = WORD"},
    {"[p]\nprofile = q\n", "unknown option profile"},
    {"[p]\nhelp = yes\n", "unknown option help"},
    {"[p]\n# " + std::string(300, 'x') + "\n", "line 2: longer than"},
    {std::string("[p]\nro = y\0s\n", 13), "line 2: a NUL"},
};
TEST_F(Profiles, MistakesAreToldWithFileAndLine) {
  for (const BadProfile& each : kBadProfiles) {
    write(0, each.text + (each.text.find("[p]") == 0 ? "noatime = yes\n" : ""), 0600);
    EXPECT_THAT(failure({"-o", "profile=p", "ftpes://h/", "/m"}),
                AllOf(HasSubstr(files_[0]), HasSubstr(each.words), Not(HasSubstr("hunter2"))))
        << each.text;
  }
}

TEST_F(Profiles, IndentedLinesAreLinesOfTheirOwn) {
  write(0, "[p]\n  url = ftpes://h/\n  ro = yes\n\tmax_conns=2\n");
  const auto line = parse({"p:", "/m"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_TRUE(line->options.read_only);
  EXPECT_EQ(line->options.max_conns, 2U);
}

TEST_F(Profiles, AFileWithAPasswordMustBePrivate) {
  const std::string text = "[p]\nurl = ftpes://me@h/\n[q]\npassword = hunter2\n";
  write(0, text, 0640);
  EXPECT_THAT(failure({"p:", "/m"}),
              AllOf(HasSubstr("chmod 600"), HasSubstr(files_[0]), Not(HasSubstr("hunter2"))));
  write(0, text, 0600);
  EXPECT_EQ(failure({"p:", "/m"}), "no failure");
}

TEST_F(Profiles, OthersMustNotWriteIt) {
  write(0, "[p]\nurl = ftpes://me@h/\npassword_command = echo x\n", 0664);
  EXPECT_THAT(failure({"p:", "/m"}), HasSubstr("chmod go-w"));
}

TEST_F(Profiles, AFileThatCannotBeReadIsNotPassedOver) {
  write(1, "[p]\nurl = ftpes://h/\n");
  std::filesystem::create_directory(files_[0]);
  EXPECT_THAT(failure({"p:", "/m"}),
              AllOf(HasSubstr(files_[0]), HasSubstr("directory"), HasSubstr("ftpes://p/")));
  std::filesystem::remove(files_[0]);
  std::filesystem::create_symlink(files_[1], files_[0]);
  EXPECT_THAT(failure({"-o", "profile=p", "ftpes://h/", "/m"}),
              AllOf(HasSubstr(files_[0]), HasSubstr("symbolic link")));
  files_[0] = files_[1] + "/no-folder";
  EXPECT_EQ(failure({"p:", "/m"}), "no failure") << "it is not there";
}

TEST_F(Profiles, TheUserOfTheCommandLineWins) {
  write(0, "[p]\nurl = ftpes://alice@h/\nusername = orders\ncert = /c\n");
  EXPECT_EQ(gathered({"p:", "/m"})->username, "orders");
  EXPECT_EQ(gathered({"bob@p:", "/m"})->username, "bob");
  EXPECT_EQ(gathered({"p:", "/m", "--username=bob"})->username, "bob");
  EXPECT_EQ(gathered({"ftpes://bob@h/", "/m", "--profile=p"})->username, "bob");
  EXPECT_EQ(gathered({"ftpes://h/", "/m", "--profile=p"})->username, "orders");
  EXPECT_THAT(gathered({"bob@p:", "/m", "--username=carol"}).error().text, HasSubstr("two users"));
}

TEST_F(Profiles, WhatItGivesIsForItsUserAlone) {
  const std::string credentials = directory_ + "/credentials";
  std::ofstream(credentials) << "password=of the file\n";
  ::chmod(credentials.c_str(), 0600);
  for (const char* source : {"password_command = echo word", "credentials = credentials"}) {
    write(0, std::string("[p]\nurl = ftpes://h/\nusername = orders\naccount = books\n") + source +
                 "\n");
    const auto orders = gathered({"p:", "/m"});
    ASSERT_TRUE(orders) << orders.error().text;
    EXPECT_TRUE(orders->password && orders->account) << source;
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"p:", "/m", "--cert=/c", "--username=bob"},
          std::vector<std::string>{"bob@p:", "/m", "--cert=/c"}}) {
      const auto bob = gathered(words);
      ASSERT_TRUE(bob) << bob.error().text;
      EXPECT_EQ(bob->username, "bob");
      EXPECT_FALSE(bob->password) << source;
      EXPECT_FALSE(bob->account) << source;
    }
  }
  const auto own = gathered({"bob@p:", "/m", "--password_command=echo own", "--account=mine"});
  ASSERT_TRUE(own) << own.error().text;
  EXPECT_EQ(own->password->reveal(), "own");
  EXPECT_EQ(own->account->reveal(), "mine");
}

TEST_F(Profiles, ItsPasswordIsNotForTheUserThatSystemdNames) {
  write(0, "[p]\nurl = ftpes://orders@h/\npassword = word\n", 0600);
  std::ofstream(directory_ + "/ftpsfs.username") << "other\n";
  std::ofstream(directory_ + "/ftpsfs.account") << "of the other\n";
  ::setenv("CREDENTIALS_DIRECTORY", directory_.c_str(), 1);
  const auto chosen = gathered({"ftpes://h/", "/m", "--profile=p"});
  ::unsetenv("CREDENTIALS_DIRECTORY");
  ASSERT_TRUE(chosen) << chosen.error().text;
  EXPECT_EQ(chosen->username, "orders");
  EXPECT_EQ(chosen->password->reveal(), "word");
  EXPECT_FALSE(chosen->account);
}

TEST_F(Profiles, ItsPasswordIsForItsUserAlone) {
  write(0, "[p]\nurl = ftpes://alice@h/\npassword = word\nkey_password = k\n", 0600);
  const auto alice = gathered({"p:", "/m"});
  ASSERT_TRUE(alice) << alice.error().text;
  EXPECT_EQ(alice->username, "alice");
  EXPECT_EQ(alice->password->reveal(), "word");
  EXPECT_EQ(alice->key_password->reveal(), "k");
  const auto bob = gathered({"bob@p:", "/m", "--cert=/c"});
  ASSERT_TRUE(bob) << bob.error().text;
  EXPECT_FALSE(bob->password);
}

TEST_F(Profiles, ItsPasswordIsReadAgainForAReload) {
  write(0, "[p]\nurl = ftpes://alice@h/\npassword = old\n", 0600);
  const auto line = parse({"p:", "/m"}).value();
  const auto url = resolve_source(line.options, "p:").value();
  const auto before = gather_credentials(line.options, url).value();
  write(0, "[p]\nurl = ftpes://alice@h/\npassword = new\n", 0600);
  const auto after = gather_credentials_again(line.options, url, before,
                                              Wait::for_at_most(std::chrono::seconds(5)));
  ASSERT_TRUE(after) << after.error().text;
  EXPECT_EQ(after->password->reveal(), "new");
}

}  // namespace
}  // namespace ftpsfs::app
