// SPDX-License-Identifier: MIT
//
// The option table as a whole: what holds for every row, and where each row's value goes.
#include "ftpsfs/app/option_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "parse_words.hpp"

namespace ftpsfs::app {
namespace {

using testing::HasSubstr;

std::string valid_value(const OptionRow& row) {
  switch (row.kind) {
    case OptionKind::flag:
      return "";
    case OptionKind::text:
      return "word";
    case OptionKind::number:
      return std::to_string(row.minimum);
    case OptionKind::duration:
      return "90s";
    case OptionKind::size:
      return std::to_string(row.minimum);
    case OptionKind::octal:
      return "022";
    case OptionKind::path:
      return "some/place";
    case OptionKind::choice:
      return std::string(row.choices.substr(0, row.choices.find('|')));
    case OptionKind::user:
    case OptionKind::group:
      return "1234";
  }
  return "";
}

std::string assignment(const OptionRow& row) {
  return row.kind == OptionKind::flag ? std::string(row.name)
                                      : std::string(row.name) + "=" + valid_value(row);
}

class EachMountOption : public testing::TestWithParam<const OptionRow*> {};

std::vector<const OptionRow*> mount_rows() {
  std::vector<const OptionRow*> rows;
  for (const OptionRow& row : option_rows()) {
    if ((row.scope & kMountScope) != 0) {
      rows.push_back(&row);
    }
  }
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Table, EachMountOption, testing::ValuesIn(mount_rows()),
                         [](const auto& each) { return std::string(each.param->name); });

TEST_P(EachMountOption, IsParsedAsLongOption) {
  const auto line = parse({"--" + assignment(*GetParam()), "h:/", "/m"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(line->positionals.size(), 2U);
}

TEST_P(EachMountOption, IsParsedWithItsValueAsTheNextWord) {
  const OptionRow& row = *GetParam();
  if (row.kind == OptionKind::flag || row.value_optional) {
    return;
  }
  const auto line = parse({"--" + std::string(row.name), valid_value(row), "h:/", "/m"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(line->positionals.size(), 2U);
  const auto missing = parse({"--" + std::string(row.name)});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().text, HasSubstr("needs a value"));
}

TEST_P(EachMountOption, IsParsedInAnOptionList) {
  const auto line = parse({"-o", "rw," + assignment(*GetParam()), "h:/", "/m"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(line->positionals.size(), 2U);
}

TEST_P(EachMountOption, RefusesAValueTooManyOrTooFew) {
  const OptionRow& row = *GetParam();
  if (row.value_optional) {
    return;
  }
  const std::string item =
      row.kind == OptionKind::flag ? std::string(row.name) + "=x" : std::string(row.name);
  for (const auto& words : {std::vector<std::string>{"-o", item}, {"-o" + item}}) {
    const auto line = parse(words);
    ASSERT_FALSE(line);
    EXPECT_THAT(line.error().text, HasSubstr(std::string(row.name)));
  }
}

TEST_P(EachMountOption, StandsInHelpWhenItHasAHelpLine) {
  const OptionRow& row = *GetParam();
  if (!row.help.empty()) {
    EXPECT_THAT(help_text(Command::mount), HasSubstr("--" + std::string(row.name)));
  }
}

TEST_P(EachMountOption, HasConsistentColumns) {
  const OptionRow& row = *GetParam();
  EXPECT_EQ(row.kind == OptionKind::flag, row.value_name.empty() && row.name != "subtype");
  EXPECT_EQ(row.kind == OptionKind::choice, !row.choices.empty());
  EXPECT_FALSE(row.help.ends_with('.')) << "help lines have no full stop";
}

TEST(OptionTable, NamesAreUniqueWithinAScope) {
  for (const unsigned scope : {kMountScope, kUmountScope, kStatusScope, kHelpScope}) {
    std::set<std::string_view> names;
    for (const OptionRow& row : option_rows()) {
      if ((row.scope & scope) != 0) {
        EXPECT_TRUE(names.insert(row.name).second) << row.name;
      }
    }
  }
}

TEST(OptionTable, DefaultsInHelpAreThoseOfTheOptions) {
  const Options defaults;
  for (const OptionRow& row : option_rows()) {
    if (row.scope != kMountScope || row.default_text.empty() || row.store == nullptr) {
      continue;
    }
    if (row.kind == OptionKind::choice || row.kind == OptionKind::duration ||
        row.kind == OptionKind::number || row.kind == OptionKind::size) {
      const auto value = parse_option_value(row, row.default_text, "/");
      ASSERT_TRUE(value) << row.name;
      Options changed;
      row.store(changed, *value);
      EXPECT_EQ(changed.verify, defaults.verify) << row.name;
      EXPECT_EQ(changed.protection, defaults.protection) << row.name;
      EXPECT_EQ(changed.tls_min, defaults.tls_min) << row.name;
      EXPECT_EQ(changed.tls_max, defaults.tls_max) << row.name;
      EXPECT_EQ(changed.ocsp, defaults.ocsp) << row.name;
      EXPECT_EQ(changed.strict_end, defaults.strict_end) << row.name;
      EXPECT_EQ(changed.max_conns, defaults.max_conns) << row.name;
      EXPECT_EQ(changed.connect_timeout, defaults.connect_timeout) << row.name;
      EXPECT_EQ(changed.timeout, defaults.timeout) << row.name;
      EXPECT_EQ(changed.retries, defaults.retries) << row.name;
      EXPECT_EQ(changed.dir_cache_timeout, defaults.dir_cache_timeout) << row.name;
      EXPECT_EQ(changed.attr_timeout, defaults.attr_timeout) << row.name;
      EXPECT_EQ(changed.entry_timeout, defaults.entry_timeout) << row.name;
      EXPECT_EQ(changed.negative_timeout, defaults.negative_timeout) << row.name;
      EXPECT_EQ(changed.exact_times, defaults.exact_times) << row.name;
      EXPECT_EQ(changed.cache_size, defaults.cache_size) << row.name;
      EXPECT_EQ(changed.buffer_size, defaults.buffer_size) << row.name;
      EXPECT_EQ(changed.readahead, defaults.readahead) << row.name;
      EXPECT_EQ(changed.staging_size, defaults.staging_size) << row.name;
      EXPECT_EQ(changed.upload_mode, defaults.upload_mode) << row.name;
      EXPECT_EQ(changed.symlinks, defaults.symlinks) << row.name;
      EXPECT_EQ(changed.journal_size, defaults.journal_size) << row.name;
      EXPECT_EQ(changed.effective_log_level(), defaults.effective_log_level()) << row.name;
    }
  }
}

TEST(OptionTable, NearestNameIsFoundForSlipsAndNotForStrangers) {
  EXPECT_EQ(nearest_option("max_conn", kMountScope), "max_conns");
  EXPECT_EQ(nearest_option("max-cons", kMountScope), "max_conns");
  EXPECT_EQ(nearest_option("credential", kMountScope), "credentials");
  EXPECT_EQ(nearest_option("dircache_timeout", kMountScope), "dir_cache_timeout");
  EXPECT_EQ(nearest_option("veryfi", kMountScope), "verify");
  EXPECT_EQ(nearest_option("jsno", kStatusScope), "json");
  EXPECT_EQ(nearest_option("zzzzzzzzzzzz", kMountScope), "");
  EXPECT_EQ(nearest_option("foo", kMountScope), "");
}

TEST(OptionTable, ValuesReachTheirMembers) {
  const auto line =
      parse({"-o",
             "tls_legacy,ocsp=require,eof=strict,ipv4,ipv6,active,interface=eth0,port_range=5-6,"
             "proxy=socks5://p,password_command=x y,key_password_command=z,"
             "credentials=c,username=u,password_stdin,cacert=ca,capath=/dir,verify=ca,"
             "prot=clear,tls_min=1.3,tls_max=1.3,max_conns=3,connect_timeout=2s,"
             "timeout=500ms,dir_cache_timeout=2m,attr_timeout=1.5,entry_timeout=0,"
             "negative_timeout=1h,times=listing,cache_size=128M,buffer_size=64M,readahead=1M,"
             "staging_dir=s,staging_size=1G,upload=direct,verify_upload=hash,symlinks=follow,"
             "writeback,journal_dir=j,"
             "journal_size=2G,uid=1,gid=2,umask="
             "0022,fmask=111,"
             "dmask=0,ro,allow_other,auto_unmount,fsname=x,noexec,nodev,log_level=info",
             "-f", "h:/", "m"});
  ASSERT_TRUE(line) << line.error().text;
  const Options& o = line->options;
  EXPECT_TRUE(o.tls_legacy);
  EXPECT_EQ(o.ocsp, net::StapledStatus::require);
  EXPECT_TRUE(o.strict_end);
  EXPECT_TRUE(o.ipv4);
  EXPECT_TRUE(o.ipv6);
  EXPECT_TRUE(o.active);
  EXPECT_EQ(o.interface, "eth0");
  EXPECT_EQ(o.port_range, "5-6");
  EXPECT_EQ(o.proxy, "socks5://p");
  EXPECT_EQ(o.password_command, "x y");
  EXPECT_EQ(o.key_password_command, "z");
  EXPECT_EQ(o.credentials_file, "/start/c");
  EXPECT_EQ(o.username, "u");
  EXPECT_TRUE(o.password_stdin);
  EXPECT_THAT(o.ca_files, testing::ElementsAre("/start/ca"));
  EXPECT_THAT(o.ca_directories, testing::ElementsAre("/dir"));
  EXPECT_EQ(o.verify, net::TlsVerify::ca);
  EXPECT_EQ(o.protection, session::Protection::clear_data);
  EXPECT_EQ(o.tls_min, net::TlsVersion::tls1_3);
  EXPECT_EQ(o.max_conns, 3U);
  EXPECT_EQ(o.connect_timeout, std::chrono::seconds(2));
  EXPECT_EQ(o.timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(o.dir_cache_timeout, std::chrono::minutes(2));
  EXPECT_EQ(o.attr_timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(o.entry_timeout, Duration(0));
  EXPECT_EQ(o.negative_timeout, std::chrono::hours(1));
  EXPECT_FALSE(o.exact_times);
  EXPECT_EQ(o.cache_size, 128ULL << 20U);
  EXPECT_EQ(o.buffer_size, 64ULL << 20U);
  EXPECT_EQ(o.readahead, 1ULL << 20U);
  EXPECT_EQ(o.staging_directory, "/start/s");
  EXPECT_EQ(o.staging_size, 1ULL << 30U);
  EXPECT_EQ(o.upload_mode, fs::UploadMode::direct);
  EXPECT_TRUE(o.verify_content);
  EXPECT_EQ(o.symlinks, fs::SymlinkView::follow);
  EXPECT_TRUE(o.writeback);
  EXPECT_EQ(o.journal_directory, "/start/j");
  EXPECT_EQ(o.journal_size, 2ULL << 30U);
  EXPECT_EQ(o.uid, 1U);
  EXPECT_EQ(o.gid, 2U);
  EXPECT_EQ(o.umask, 022);
  EXPECT_EQ(o.file_mask, 0111);
  EXPECT_EQ(o.directory_mask, 0);
  EXPECT_TRUE(o.read_only);
  EXPECT_TRUE(o.allow_other);
  EXPECT_TRUE(o.auto_unmount);
  EXPECT_EQ(o.fsname, "x");
  EXPECT_THAT(o.kernel_flags, testing::ElementsAre("noexec", "nodev"));
  EXPECT_TRUE(o.foreground);
  EXPECT_EQ(o.effective_log_level(), log::Level::info);
}

TEST(OptionTable, TheWordsOfSshfsForSymlinks) {
  const auto view_of = [](const char* words) {
    const auto line = parse({"-o", words, "h:/", "m"});
    return line ? std::optional(line->options.symlinks) : std::nullopt;
  };
  EXPECT_EQ(view_of("follow_symlinks"), fs::SymlinkView::follow);
  EXPECT_EQ(view_of("transform_symlinks"), fs::SymlinkView::transform);
  EXPECT_EQ(view_of("transform_symlinks,symlinks=show"), fs::SymlinkView::show);
  EXPECT_EQ(view_of("ro"), fs::SymlinkView::show);
}

struct BadValue {
  std::string item;
  std::string accepted;
};
class BadValues : public testing::TestWithParam<BadValue> {};
INSTANTIATE_TEST_SUITE_P(
    Table, BadValues,
    testing::Values(BadValue{"max_conns=0", "1 to 64"}, BadValue{"max_conns=65", "1 to 64"},
                    BadValue{"max_conns=8x", "1 to 64"}, BadValue{"max_conns=-1", "1 to 64"},
                    BadValue{"max_conns=", "1 to 64"}, BadValue{"timeout=soon", "500ms, 30s"},
                    BadValue{"timeout=5d", "500ms, 30s"}, BadValue{"timeout=1.2.3", "500ms, 30s"},
                    BadValue{"timeout=0", "at least 100ms"}, BadValue{"timeout=", "500ms, 30s"},
                    BadValue{"attr_timeout=99999999999999999999", "500ms, 30s"},
                    BadValue{"attr_timeout=9999999h", "500ms, 30s"}, BadValue{"umask=8", "octal"},
                    BadValue{"cache_size=1K", "512K, 64M, 2G"},
                    BadValue{"cache_size=99999999999G", "512K, 64M, 2G"},
                    BadValue{"cache_size=M", "512K, 64M, 2G"},
                    BadValue{"times=hourly", "exact, listing"}, BadValue{"umask=1777", "octal"},
                    BadValue{"verify=yes", "one of full, ca, none"},
                    BadValue{"prot=P", "one of private, clear"},
                    BadValue{"tls_min=3.0", "one of 1.0, 1.1, 1.2, 1.3"},
                    BadValue{"uid=no-such-user-here", "a user known here or a number"},
                    BadValue{"uid=4294967295", "a user known here or a number"},
                    BadValue{"gid=no-such-group-here", "a group known here or a number"},
                    BadValue{"username=", "empty"}, BadValue{"cacert=", "a path"}));

TEST_P(BadValues, AreRefusedWithOptionValueAndWhatIsAccepted) {
  const auto& [item, accepted] = GetParam();
  const auto line = parse({"-o", item, "h:/", "/m"});
  ASSERT_FALSE(line);
  const std::size_t equals = item.find('=');
  EXPECT_THAT(line.error().text, HasSubstr("option " + item.substr(0, equals) + ":"));
  EXPECT_THAT(line.error().text, HasSubstr("\"" + item.substr(equals + 1) + "\""));
  EXPECT_THAT(line.error().text, HasSubstr(accepted));
}

TEST(OptionTable, OfHardAndSoftTheLastOneHolds) {
  EXPECT_FALSE(parse({"h:/", "/m"})->options.hard);
  EXPECT_TRUE(parse({"-o", "soft,hard", "h:/", "/m"})->options.hard);
  EXPECT_FALSE(parse({"--hard", "-o", "soft", "h:/", "/m"})->options.hard);
  EXPECT_EQ(parse({"-o", "retries=0", "h:/", "/m"})->options.retries, 0U);
}

TEST(OptionTable, UserAndGroupMayBeNames) {
  const auto line = parse({"-o", "uid=root,gid=root", "h:/", "/m"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(line->options.uid, 0U);
  EXPECT_EQ(line->options.gid, 0U);
}

}  // namespace
}  // namespace ftpsfs::app
