// SPDX-License-Identifier: MIT
#include "ftpsfs/app/credentials.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "ftpsfs/base/unique_fd.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A reload, with time enough.
Result<Credentials> again(const Options& options, const MountUrl& url, const Credentials& before) {
  return gather_credentials_again(options, url, before,
                                  Wait::for_at_most(std::chrono::seconds(20)));
}

std::string password_of(const Credentials& credentials) {
  return credentials.password ? std::string(credentials.password->reveal()) : "(none)";
}

struct GoodFile {
  std::string text;
  std::string username;
  std::string password;
};
const GoodFile kGoodFiles[] = {
    {"username=alice\npassword=secret\n", "alice", "secret"},
    {"user=alice\npass=secret", "alice", "secret"},
    {"username=alice\r\npassword=secret\r\n", "alice", "secret"},
    {"# comment\n\n  # another\nusername=alice\n\npassword=secret\n", "alice", "secret"},
    {"password= a b #=\\ \t\nusername=x", "x", " a b #=\\ \t"},
    {" username=alice\n\tpassword =x\n", "alice", "x"},
    {"username=alice\n", "alice", "(none)"},
    {"password=\nusername=a\n", "a", ""},
    {"", "", "(none)"},
    {"username=DOMAIN\\alice\npassword=p\xc3\xa4ss", "DOMAIN\\alice", "p\xc3\xa4ss"},
};
class GoodFiles : public testing::TestWithParam<GoodFile> {};
INSTANTIATE_TEST_SUITE_P(Table, GoodFiles, testing::ValuesIn(kGoodFiles));

TEST_P(GoodFiles, AreReadVerbatim) {
  const auto credentials = parse_credentials(GetParam().text, "file");
  ASSERT_TRUE(credentials) << credentials.error().text;
  EXPECT_EQ(credentials->username, GetParam().username);
  EXPECT_EQ(password_of(*credentials), GetParam().password);
}

const std::string kBadFiles[] = {
    "hunter2\n",
    "username=a\nhunter2=x\n",
    "password=hunter2\npassword=hunter2\n",
    "username=a\nuser=b\n",
    "username=\n",
    std::string("password=hun\0ter2", 17),
    "password=hunter2\rUSER x\n",
    "domain=hunter2\n",
    "key_password=hunter2\nkey_password=hunter2\n",
};
class BadFiles : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Table, BadFiles, testing::ValuesIn(kBadFiles));

TEST_P(BadFiles, AreRefusedWithoutTheirContent) {
  const auto credentials = parse_credentials(GetParam(), "the-file");
  ASSERT_FALSE(credentials);
  EXPECT_THAT(credentials.error().text, AllOf(HasSubstr("the-file"), Not(HasSubstr("hunter2"))));
}

class CredentialsFile : public testing::Test {
 protected:
  std::string write(const std::string& text, mode_t mode) {
    const std::string path = directory_ + "/credentials";
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  MountUrl url(const std::string& text) { return parse_mount_url(text).value(); }

  const test::TempDirectory place_;
  const std::string directory_ = place_.path();
};

TEST_F(CredentialsFile, IsReadWhenItIsOursAlone) {
  const auto credentials = read_credentials(write("username=alice\npassword=secret\n", 0600));
  ASSERT_TRUE(credentials) << credentials.error().text;
  EXPECT_EQ(credentials->username, "alice");
  EXPECT_EQ(password_of(*credentials), "secret");
  EXPECT_TRUE(read_credentials(write("username=alice\n", 0400)));
}

TEST_F(CredentialsFile, IsRefusedWhenOthersMayUseIt) {
  for (const mode_t mode : {0640U, 0604U, 0620U, 0644U, 0660U}) {
    const auto credentials = read_credentials(write("password=secret\n", mode));
    ASSERT_FALSE(credentials);
    EXPECT_EQ(credentials.error().code, Errc::access_denied);
    EXPECT_THAT(credentials.error().text, HasSubstr("chmod 600"));
  }
}

TEST_F(CredentialsFile, IsRefusedWhenItBelongsToSomebodyElse) {
  const std::string path = write("password=secret\n", 0600);
  if (::chown(path.c_str(), 12345, 12345) != 0) {
    GTEST_SKIP() << "needs root";
  }
  const auto credentials = read_credentials(path);
  ASSERT_FALSE(credentials);
  EXPECT_THAT(credentials.error().text, HasSubstr("12345"));
}

TEST_F(CredentialsFile, IsRefusedWhenItIsALinkADirectoryOrAFifo) {
  const std::string path = write("password=secret\n", 0600);
  const std::string link = directory_ + "/link";
  ASSERT_EQ(::symlink(path.c_str(), link.c_str()), 0);
  EXPECT_THAT(read_credentials(link).error().text, HasSubstr("symbolic link"));
  EXPECT_THAT(read_credentials(directory_).error().text, HasSubstr("not a regular file"));
  const std::string fifo = directory_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(read_credentials(fifo).error().text, HasSubstr("not a regular file"));
  EXPECT_EQ(read_credentials(directory_ + "/missing").error().code, Errc::not_found);
}

TEST_F(CredentialsFile, IsRefusedWhenItIsTooLarge) {
  EXPECT_THAT(read_credentials(write(std::string(70'000, '#'), 0600)).error().text,
              HasSubstr("64 KiB"));
}

TEST_F(CredentialsFile, GivesUserAndPasswordToTheMount) {
  Options options;
  options.credentials_file = write("username=alice\npassword=secret\n", 0600);
  const auto credentials = gather_credentials(options, url("h:/"));
  ASSERT_TRUE(credentials) << credentials.error().text;
  EXPECT_EQ(credentials->username, "alice");
  EXPECT_EQ(password_of(*credentials), "secret");
}

TEST_F(CredentialsFile, NeverLendsThePasswordOfOneUserToAnother) {
  Options options;
  options.credentials_file = write("username=alice\npassword=secret\n", 0600);
  EXPECT_FALSE(gather_credentials(options, url("bob@h:/")));
  options.username = "bob";
  EXPECT_FALSE(gather_credentials(options, url("h:/")));
  options.username = "alice";
  EXPECT_TRUE(gather_credentials(options, url("alice@h:/")));
  EXPECT_FALSE(gather_credentials(options, url("carol@h:/")));
}

TEST_F(CredentialsFile, APasswordAloneNeedsAUser) {
  Options options;
  options.credentials_file = write("password=secret\n", 0600);
  EXPECT_THAT(gather_credentials(options, url("h:/")).error().text, HasSubstr("username=NAME"));
  EXPECT_EQ(gather_credentials(options, url("bob@h:/"))->username, "bob");
}

TEST_F(CredentialsFile, HoldsThePassphraseOfTheKeyAndThePasswordOfTheProxy) {
  Options options;
  options.credentials_file =
      write("username=a\npassword=p\nkey_password= open sesame\nproxy_password=gate\n", 0600);
  const auto credentials = gather_credentials(options, url("h:/"));
  ASSERT_TRUE(credentials) << credentials.error().text;
  EXPECT_EQ(credentials->key_password->reveal(), " open sesame");
  EXPECT_EQ(credentials->proxy_password->reveal(), "gate");
}

TEST_F(CredentialsFile, HoldsTheAccountUnlessTheCommandLineDoes) {
  Options options;
  options.credentials_file = write("username=a\npassword=p\naccount=books\n", 0600);
  EXPECT_EQ(gather_credentials(options, url("h:/"))->account->reveal(), "books");
  options.account = "other";
  EXPECT_EQ(gather_credentials(options, url("h:/"))->account->reveal(), "other");
}

TEST_F(CredentialsFile, ACertificateMayDoWithoutAPassword) {
  Options options;
  options.identity.pkcs12 = "/me.pfx";
  const auto credentials = gather_credentials(options, url("alice@h:/"));
  ASSERT_TRUE(credentials) << credentials.error().text;
  EXPECT_FALSE(credentials->password);
}

TEST_F(CredentialsFile, NobodyIsAnonymous) {
  const auto credentials = gather_credentials(Options(), url("h:/"));
  ASSERT_TRUE(credentials);
  EXPECT_EQ(credentials->username, "anonymous");
  EXPECT_TRUE(credentials->password);
}

TEST_F(CredentialsFile, TheUrlsPasswordIsUsed) {
  const auto credentials = gather_credentials(Options(), url("ftpes://u:w@h/"));
  ASSERT_TRUE(credentials);
  EXPECT_EQ(credentials->username, "u");
  EXPECT_EQ(password_of(*credentials), "w");
}

TEST_F(CredentialsFile, IsReadAnewForAReload) {
  Options options;
  options.credentials_file = write("username=alice\npassword=old\nkey_password=k\n", 0600);
  const auto before = gather_credentials(options, url("h:/")).value();
  write("username=alice\npassword=new\naccount=books\n", 0600);
  const auto after = again(options, url("h:/"), before);
  ASSERT_TRUE(after) << after.error().text;
  EXPECT_EQ(password_of(*after), "new");
  EXPECT_EQ(after->account->reveal(), "books");
  EXPECT_EQ(after->key_password->reveal(), "k") << "perhaps typed: it is kept";
  write("username=alice\n", 0600);
  EXPECT_THAT(again(options, url("h:/"), before).error().text,
              AllOf(HasSubstr("no password"), HasSubstr(options.credentials_file)));
  options.identity.pkcs12 = "/me.pfx";
  const auto alone = again(options, url("h:/"), before);
  ASSERT_TRUE(alone) << alone.error().text;
  EXPECT_FALSE(alone->password) << "the certificate alone shall do from now on";
}

/// The file's may be an old one, or that of another system.
TEST_F(CredentialsFile, AReloadSendsNoOtherPasswordThanTheMountDid) {
  Options options;
  options.credentials_file = write("username=u\npassword=of the file\n", 0600);
  const auto before = gather_credentials(options, url("ftpes://u:w@h/")).value();
  EXPECT_EQ(password_of(before), "w");
  const auto after = again(options, url("ftpes://u@h/"), before).value();
  EXPECT_EQ(password_of(after), "w");
  EXPECT_EQ(password_of(*again(options, url("ftpes://u@h/"), after)), "w");
}

TEST_F(CredentialsFile, ACertificateNeedsAUser) {
  Options options;
  options.identity.pkcs12 = "/me.pfx";
  EXPECT_THAT(gather_credentials(options, url("h:/")).error().text, HasSubstr("username=NAME"));
}

TEST_F(CredentialsFile, AReloadKeepsWhatWasTypedAndTheUser) {
  Options options;
  Credentials before;
  before.username = "alice";
  before.password = Secret(std::string_view("typed"));
  before.password_source = PasswordSource::given_once;
  EXPECT_EQ(password_of(*again(options, url("alice@h:/"), before)), "typed");
  options.credentials_file = write("username=bob\npassword=p\n", 0600);
  const auto other = again(options, url("h:/"), before);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().text, AllOf(HasSubstr("bob"), HasSubstr("alice")));
}

TEST_F(CredentialsFile, NetrcIsReadWhenItIsAskedFor) {
  Options options;
  options.netrc_file = write("machine h login alice password secret account books\n", 0600);
  const auto credentials = gather_credentials(options, url("h:/"));
  ASSERT_TRUE(credentials) << credentials.error().text;
  EXPECT_EQ(credentials->username, "alice");
  EXPECT_EQ(password_of(*credentials), "secret");
  EXPECT_EQ(credentials->account->reveal(), "books");
  EXPECT_EQ(password_of(*gather_credentials(options, url("alice@h:/"))), "secret");
  options.identity.pkcs12 = "/me.pfx";
  EXPECT_EQ(password_of(*gather_credentials(options, url("bob@h:/"))), "(none)");
  EXPECT_EQ(password_of(*gather_credentials(options, url("alice@other:/"))), "(none)");
}

TEST_F(CredentialsFile, NetrcWithAPasswordMustBePrivate) {
  Options options;
  options.netrc_file = write("machine other login x password hunter2\n", 0644);
  EXPECT_THAT(gather_credentials(options, url("h:/")).error().text,
              AllOf(HasSubstr("netrc"), HasSubstr("chmod 600"), Not(HasSubstr("hunter2"))));
  options.netrc_file = write("machine other login x\n", 0644);
  EXPECT_TRUE(gather_credentials(options, url("h:/")));
  options.netrc_file = directory_ + "/missing";
  EXPECT_THAT(gather_credentials(options, url("h:/")).error().text, HasSubstr("missing"));
}

TEST_F(CredentialsFile, ACommandTellsThePasswordAgainAtEachReload) {
  Options options;
  options.credentials_file = write("username=alice\npassword=of the file\n", 0600);
  const std::string told = directory_ + "/told";
  options.password_command = "cat " + told;
  std::ofstream(told) << "one\n";
  const auto before = gather_credentials(options, url("h:/")).value();
  EXPECT_EQ(password_of(before), "one");
  std::ofstream(told) << "two\n";
  EXPECT_EQ(password_of(*again(options, url("h:/"), before)), "two");
  std::filesystem::remove(told);
  EXPECT_THAT(again(options, url("h:/"), before).error().text, HasSubstr("password_command"));
  EXPECT_EQ(password_of(*gather_credentials(options, url("ftpes://alice:w@h/"))), "w")
      << "the URL's counts before it, and nothing is run";
}

/// $CREDENTIALS_DIRECTORY for the time of a test.
class SystemCredentials : public CredentialsFile {
 protected:
  void SetUp() override {
    CredentialsFile::SetUp();
    ::setenv("CREDENTIALS_DIRECTORY", directory_.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    CredentialsFile::TearDown();
  }
  void give(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/ftpsfs." + name) << text;
  }
};

TEST_F(SystemCredentials, AreUsedWhereNothingElseGivesThem) {
  give("username", "alice\n");
  give("password", "secret");
  give("account", "books");
  give("key_password", "k\n");
  const auto credentials = gather_credentials(Options(), url("h:/"));
  ASSERT_TRUE(credentials) << credentials.error().text;
  EXPECT_EQ(credentials->username, "alice");
  EXPECT_EQ(password_of(*credentials), "secret");
  EXPECT_EQ(credentials->account->reveal(), "books");
  EXPECT_EQ(credentials->key_password->reveal(), "k");
  Options options;
  options.credentials_file = write("username=bob\npassword=own\n", 0600);
  EXPECT_EQ(password_of(*gather_credentials(options, url("h:/"))), "own");
  options = Options();
  options.identity.pkcs12 = "/me.pfx";
  EXPECT_EQ(password_of(*gather_credentials(options, url("bob@h:/"))), "(none)")
      << "alice's is not for bob";
}

TEST_F(SystemCredentials, AreOneLineEach) {
  give("password", "hunter2\nDELE x\n");
  EXPECT_THAT(gather_credentials(Options(), url("alice@h:/")).error().text,
              AllOf(HasSubstr("ftpsfs.password"), Not(HasSubstr("hunter2"))));
}

class PasswordLine : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reading_.reset(ends[0]);
    writing_.reset(ends[1]);
  }
  Result<Secret> read(const std::string& text) {
    EXPECT_EQ(::write(writing_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    writing_.reset();
    return read_password_line(reading_.get(), Wait::for_at_most(std::chrono::seconds(5)));
  }
  UniqueFd reading_;
  UniqueFd writing_;
};

TEST_F(PasswordLine, IsTakenWithoutItsLineEnd) {
  const auto password = read(" my pass \r\nrest");
  ASSERT_TRUE(password);
  EXPECT_EQ(password->reveal(), " my pass ");
  std::array<char, 16> rest{};
  EXPECT_EQ(::read(reading_.get(), rest.data(), rest.size()), 4) << "the rest is left for others";
}
TEST_F(PasswordLine, MayEndWithTheInput) {
  EXPECT_EQ(read("word")->reveal(), "word");
}
TEST_F(PasswordLine, MustNotBeEmpty) {
  EXPECT_FALSE(read("\nword\n"));
}
TEST_F(PasswordLine, MustNotBeEndless) {
  EXPECT_FALSE(read(std::string(2000, 'x')));
}
TEST_F(PasswordLine, MustComeInTime) {
  const auto password = read_password_line(reading_.get(), Wait::for_at_most(Duration(0)));
  ASSERT_FALSE(password);
  EXPECT_EQ(password.error().code, Errc::timed_out);
}

}  // namespace
}  // namespace ftpsfs::app
