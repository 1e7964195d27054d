// SPDX-License-Identifier: MIT
#include "ftpsfs/app/option_parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "parse_words.hpp"

namespace ftpsfs::app {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Result<CommandLine> parse_helper(std::vector<std::string> arguments) {
  return parse_mount_helper_line(arguments, "/start");
}
std::string failure(std::vector<std::string> arguments) {
  const auto line = parse(std::move(arguments));
  return line ? "no failure" : line.error().text;
}

TEST(OptionParser, FirstWordMayNameACommand) {
  EXPECT_EQ(parse({"h:/", "/m"})->command, Command::mount);
  EXPECT_EQ(parse({"umount", "/m"})->command, Command::umount);
  EXPECT_EQ(parse({"status"})->command, Command::status);
  EXPECT_EQ(parse({"refresh", "/m"})->command, Command::refresh);
  EXPECT_EQ(parse({"reload", "/m"})->command, Command::reload);
  EXPECT_EQ(parse({"log-level", "/m", "debug"})->command, Command::log_level);
  EXPECT_EQ(parse({"help"})->command, Command::help);
  EXPECT_EQ(parse({"version"})->command, Command::version);
}

TEST(OptionParser, CommandsHaveTheirOwnOptions) {
  EXPECT_TRUE(parse({"status", "--json"})->options.json);
  EXPECT_EQ(parse({"umount", "--timeout=5", "/m"})->options.umount_timeout,
            std::chrono::seconds(5));
  EXPECT_THAT(failure({"umount", "--json", "/m"}), HasSubstr("--json"));
  EXPECT_THAT(failure({"--json", "h:/", "/m"}), HasSubstr("--json"));
  EXPECT_THAT(failure({"status", "-o", "ro"}), HasSubstr("unknown option -o"));
}

TEST(OptionParser, OptionsMayStandAnywhere) {
  const auto line = parse({"h:/p", "-f", "/m", "--ro"});
  ASSERT_TRUE(line);
  EXPECT_THAT(line->positionals, ElementsAre("h:/p", "/m"));
  EXPECT_TRUE(line->options.foreground);
  EXPECT_TRUE(line->options.read_only);
}

TEST(OptionParser, AValueThatMayBeLeftOutStandsBehindItsEqualsSign) {
  EXPECT_FALSE(parse({"h:/", "/m"})->options.netrc_file);
  EXPECT_EQ(parse({"-o", "netrc", "h:/", "/m"})->options.netrc_file, "");
  EXPECT_EQ(parse({"-o", "netrc=/n", "h:/", "/m"})->options.netrc_file, "/n");
  const auto line = parse({"--netrc", "h:/", "/m"});
  EXPECT_EQ(line->options.netrc_file, "");
  EXPECT_THAT(line->positionals, ElementsAre("h:/", "/m"));
  EXPECT_EQ(parse({"--netrc=n", "h:/", "/m"})->options.netrc_file, "/start/n");
}

TEST(OptionParser, TwoDashesEndTheOptions) {
  EXPECT_THAT(parse({"--", "-f", "--x"})->positionals, ElementsAre("-f", "--x"));
}

TEST(OptionParser, ShortFlagsMayBeJoined) {
  const auto line = parse({"-fvvoro,noexec", "h:/", "/m"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_TRUE(line->options.foreground);
  EXPECT_EQ(line->options.verbose, 2U);
  EXPECT_TRUE(line->options.read_only);
  EXPECT_THAT(failure({"-fq"}), HasSubstr("-q"));
  EXPECT_THAT(failure({"-o"}), HasSubstr("-o"));
}

TEST(OptionParser, DashesAndUnderscoresAreEqual) {
  EXPECT_EQ(parse({"--max-conns=2"})->options.max_conns, 2U);
  EXPECT_EQ(parse({"--max_conns=2"})->options.max_conns, 2U);
  EXPECT_EQ(parse({"-o", "max-conns=2"})->options.max_conns, 2U);
}

TEST(OptionParser, TheLastOfTwoCounts) {
  EXPECT_EQ(parse({"--max-conns=2", "-omax_conns=3"})->options.max_conns, 3U);
  EXPECT_TRUE(parse({"-o", "ro,rw"})->options.read_only)
      << "mount(8) passes rw without being asked";
  EXPECT_TRUE(parse({"-o", "rw,ro"})->options.read_only);
  EXPECT_EQ(parse({"-o", "cacert=/a,cacert=/b"})->options.ca_files.size(), 2U);
}

TEST(OptionParser, VerbosityRaisesTheLogLevel) {
  EXPECT_EQ(parse({})->options.effective_log_level(), log::Level::warning);
  EXPECT_EQ(parse({"-v"})->options.effective_log_level(), log::Level::info);
  EXPECT_EQ(parse({"-v", "-v"})->options.effective_log_level(), log::Level::debug);
  EXPECT_EQ(parse({"-vvvvvv"})->options.effective_log_level(), log::Level::trace);
  EXPECT_EQ(parse({"-d", "--log-level=error"})->options.effective_log_level(), log::Level::error);
  EXPECT_TRUE(parse({"-d"})->options.foreground);
}

TEST(OptionParser, BackslashesProtectCommasInLists) {
  EXPECT_THAT(split_option_list("a,b=c"), ElementsAre("a", "b=c"));
  EXPECT_THAT(split_option_list("a=x\\,y,b"), ElementsAre("a=x,y", "b"));
  EXPECT_THAT(split_option_list("a=x\\\\,b"), ElementsAre("a=x\\", "b"));
  EXPECT_THAT(split_option_list("u=DOM\\user"), ElementsAre("u=DOM\\user"));
  EXPECT_THAT(split_option_list("a\\"), ElementsAre("a\\"));
  EXPECT_THAT(split_option_list(""), ElementsAre(""));
  EXPECT_EQ(parse({"-o", "username=a\\,b,,ro,"})->options.username, "a,b");
}

TEST(OptionParser, ValuesMayHoldEqualSigns) {
  EXPECT_EQ(parse({"--username=a=b"})->options.username, "a=b");
  EXPECT_EQ(parse({"-o", "username=a=b"})->options.username, "a=b");
}

TEST(OptionParser, UnknownOptionsAreNamedWithTheNearestKnownOne) {
  EXPECT_THAT(failure({"--max-con=3"}), AllOf(HasSubstr("--max-con"), HasSubstr("max_conns?")));
  EXPECT_THAT(failure({"-o", "read_only"}), HasSubstr("unknown option read_only"));
  EXPECT_THAT(failure({"-o", "qqqqqqqq"}), Not(HasSubstr("did you mean")));
}

TEST(OptionParser, APasswordIsNoOptionAndIsNotRepeated) {
  for (const auto& words : {std::vector<std::string>{"-o", "password=hunter2"},
                            {"--password=hunter2"},
                            {"--password", "hunter2"},
                            {"-o", "pass=hunter2"}}) {
    EXPECT_THAT(failure(words), AllOf(HasSubstr("credentials="), Not(HasSubstr("hunter2"))));
  }
}

TEST(OptionParser, WordsOfFstabAreAcceptedAndIgnored) {
  const auto line = parse({"-o",
                           "_netdev,noauto,auto,user,users,nofail,defaults,x-systemd.automount,"
                           "x-gvfs-name=a b,comment=anything,nonempty,subtype=other",
                           "h:/", "/m"});
  EXPECT_TRUE(line) << line.error().text;
  EXPECT_THAT(failure({"-o", "user=me"}), HasSubstr("username=NAME"));
  EXPECT_THAT(failure({"-o", "remount"}), HasSubstr("unmount first"));
}

TEST(MountHelper, FlagsMeanWhatMountMeans) {
  const auto line =
      parse_helper({"h:/p", "/m", "-sfnvr", "-t", "fuse.ftpsfs", "-o", "rw,user=joe"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_THAT(line->positionals, ElementsAre("h:/p", "/m"));
  EXPECT_TRUE(line->options.fake);
  EXPECT_FALSE(line->options.foreground);
  EXPECT_EQ(line->options.verbose, 1U);
  EXPECT_TRUE(line->options.read_only) << "rw of the list does not undo -r";
}

TEST(MountHelper, ANamespaceIsRefused) {
  EXPECT_THAT(parse_helper({"h:/p", "/m", "-N", "/proc/1/ns/mnt"}).error().text,
              HasSubstr("nsenter"));
}

TEST(MountHelper, SloppyPassesOverUnknownOptionsButNotBadOnes) {
  EXPECT_TRUE(parse_helper({"h:/", "/m", "-s", "-o", "frobnicate=1,ro"}));
  EXPECT_FALSE(parse_helper({"h:/", "/m", "-o", "frobnicate=1,ro"}));
  EXPECT_FALSE(parse_helper({"h:/", "/m", "-s", "-o", "max_conns=many"}));
  EXPECT_FALSE(parse_helper({"h:/", "/m", "-s", "-o", "password=x"}));
}

TEST(MountHelper, RemountIsRefusedWhateverElseMountSays) {
  const auto line =
      parse_helper({"ftpes://h/", "/m", "-o", "rw,nosuid,user_id=0,group_id=0,remount,ro"});
  ASSERT_FALSE(line);
  EXPECT_THAT(line.error().text, HasSubstr("remount is not possible; unmount first"));
  EXPECT_FALSE(parse_helper({"h:/", "/m", "-s", "-o", "remount"}));
}

TEST(MountHelper, ValuesMayStandInDoubleQuotes) {
  const auto line = parse_helper(
      {"h:/", "/m", "-o", "password_command=\"pass a, b \\ c\",ro,fsname=a\"b,comment=\"x,y\""});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(line->options.password_command, "pass a, b \\ c");
  EXPECT_TRUE(line->options.read_only);
  EXPECT_EQ(line->options.fsname, "a\"b");
  EXPECT_THAT(split_option_list("a=\"b,c"), ElementsAre("a=\"b", "c"));
  EXPECT_THAT(split_option_list("a=\"b\"c,d"), ElementsAre("a=\"b\"c", "d"));
}

TEST(MountHelper, TheMountTableShowsWhatFstabSaysButNoUser) {
  EXPECT_EQ(parse_helper({"partner:", "/m"})->options.fsname, "partner:");
  EXPECT_EQ(parse_helper({"h:/a b", "/m"})->options.fsname, "h:/a b");
  EXPECT_EQ(parse_helper({"h:/", "/m", "-o", "fsname=x"})->options.fsname, "x");
  for (const char* source : {"me@h:/", "ftpes://me:hunter2@h/"}) {
    EXPECT_EQ(parse_helper({source, "/m"})->options.fsname, "") << "the URL without them";
  }
  EXPECT_EQ(parse({"h:/", "/m"})->options.fsname, "");
}

TEST(MountHelper, TellsHelpAndVersion) {
  EXPECT_TRUE(parse_helper({"-h"})->options.show_help);
  EXPECT_TRUE(parse_helper({"-V"})->options.show_version);
}

TEST(UmountHelper, FlagsMeanWhatUmountMeans) {
  const auto parse_umount = [](std::vector<std::string> words) {
    return parse_umount_helper_line(words);
  };
  const auto plain = parse_umount({"/m", "-nrv", "-t", "fuse.ftpsfs"});
  ASSERT_TRUE(plain) << plain.error().text;
  EXPECT_EQ(plain->command, Command::umount);
  EXPECT_THAT(plain->positionals, ElementsAre("/m"));
  EXPECT_FALSE(plain->options.lazy || plain->options.force);
  EXPECT_TRUE(parse_umount({"/m", "-l"})->options.lazy);
  EXPECT_TRUE(parse_umount({"-vf", "-tftpsfs", "/m"})->options.force);
  EXPECT_FALSE(parse_umount({"/m", "-x"}));
  EXPECT_THAT(parse_umount({"/m", "-vN", "ns"}).error().text, HasSubstr("nsenter"));
}

/// A word of another program, and what it is here; both must lead to the same.
struct OtherWord {
  std::string word;
  std::string ours;
};
class WordsOfOtherTools : public testing::TestWithParam<OtherWord> {};
INSTANTIATE_TEST_SUITE_P(
    Each, WordsOfOtherTools,
    testing::Values(
        OtherWord{"user_password_stdin", "password_stdin"},
        OtherWord{"passwd_file=c", "credentials=c"}, OtherWord{"ca_cert=a", "cacert=a"},
        OtherWord{"client_cert=b", "cert=b"}, OtherWord{"client_key=k", "key=k"},
        OtherWord{"clientcert=x", "pkcs12=x"}, OtherWord{"no_check_certificate", "verify=none"},
        OtherWord{"no_verify_peer", "verify=none"}, OtherWord{"no_verify_hostname", "verify=ca"},
        OtherWord{"ssl_control", "prot=clear"}, OtherWord{"concurrency=3", "max_conns=3"},
        OtherWord{"dcache_timeout=7", "dir_cache_timeout=7"},
        OtherWord{"cache_timeout=7", "dir_cache_timeout=7"},
        OtherWord{"dir_cache_time=5m", "dir_cache_timeout=5m"},
        OtherWord{"codepage=cp850", "charset=cp850"}, OtherWord{"encoding=cp850", "charset=cp850"},
        OtherWord{"file_mode=0640", "fmask=0137"}, OtherWord{"dir_mode=0750", "dmask=0027"},
        OtherWord{"tlsv1.2", "tls_min=1.2"}, OtherWord{"disable_tls13", "tls_max=1.2"},
        OtherWord{"skip_pasv_ip", ""}, OtherWord{"reconnect", ""}),
    [](const auto& each) {
      std::string name = each.param.word.substr(0, each.param.word.find('='));
      std::replace(name.begin(), name.end(), '.', '_');
      return name;
    });

/// The options that such words lead to, in a form that can be compared.
std::string digest_of(const Options& o) {
  const auto joined = [](const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) {
      all += word + ";";
    }
    return all;
  };
  std::ostringstream out;
  out << o.password_stdin << '|' << o.credentials_file << '|' << joined(o.ca_files) << '|'
      << o.identity.certificate << '|' << o.identity.key << '|' << o.identity.pkcs12 << '|'
      << static_cast<int>(o.verify) << '|' << static_cast<int>(o.protection) << '|' << o.max_conns
      << '|' << o.dir_cache_timeout.count() << '|' << o.charset << '|'
      << o.file_mask.value_or(0xffff) << '|' << o.directory_mask.value_or(0xffff) << '|'
      << static_cast<int>(o.tls_min) << '|' << static_cast<int>(o.tls_max);
  return out.str();
}

TEST_P(WordsOfOtherTools, MeanTheSameHere) {
  const auto& [word, ours] = GetParam();
  // A value that is not the default, so that a word that does nothing is seen.
  const std::string before = "tls_min=1.3,max_conns=5,";
  const auto theirs = parse({"-o", before + word, "h:/", "/m"});
  ASSERT_TRUE(theirs) << theirs.error().text;
  const auto expected = parse({"-o", before + ours, "h:/", "/m"});
  ASSERT_TRUE(expected) << expected.error().text;
  EXPECT_EQ(digest_of(theirs->options), digest_of(expected->options));
  const bool is_always_so = ours.empty();
  const auto without = parse({"-o", before, "h:/", "/m"});
  EXPECT_EQ(digest_of(theirs->options) == digest_of(without->options), is_always_so);
}

TEST(OptionParser, UmountWaitsWithAndWithoutATime) {
  const auto plain = parse({"umount", "--wait", "/m"});
  ASSERT_TRUE(plain) << plain.error().text;
  EXPECT_THAT(plain->positionals, ElementsAre("/m"));
  EXPECT_EQ(plain->options.umount_timeout, Options().umount_timeout);
  EXPECT_EQ(parse({"umount", "--wait=5m", "/m"})->options.umount_timeout, std::chrono::minutes(5));
  EXPECT_EQ(parse({"umount", "--timeout=5s", "/m"})->options.umount_timeout,
            std::chrono::seconds(5));
}

TEST(OptionParser, WatchMayHaveAnInterval) {
  EXPECT_FALSE(parse({"status"})->options.watch);
  EXPECT_EQ(parse({"status", "--watch"})->options.watch, std::chrono::seconds(1));
  EXPECT_EQ(parse({"status", "--watch=250ms", "/m"})->options.watch,
            std::chrono::milliseconds(250));
  EXPECT_FALSE(parse({"status", "--watch=0"}));
}

TEST(MountHelper, UnknownFlagsAndMissingValuesAreRefused) {
  EXPECT_FALSE(parse_helper({"h:/", "/m", "-q"}));
  EXPECT_FALSE(parse_helper({"h:/", "/m", "-o"}));
  EXPECT_FALSE(parse_helper({"h:/", "/m", "--ro"}));
}

}  // namespace
}  // namespace ftpsfs::app
