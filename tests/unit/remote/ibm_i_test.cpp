// SPDX-License-Identifier: MIT
//
// IBM i as it answers: formats of names and lists that each connection has for itself, other codes,
// names in any case, and little of what others can.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "remote_fixture.hpp"

namespace ftpsfs::remote {
namespace {

using test::Fault;
using test::FaultyServerOptions;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class IbmI : public RemoteFixture, public ::testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    FaultyServerOptions options = FaultyServerOptions::of(test::Manner::ibm_i);
    options.list_format_1 = GetParam() == 1;
    options.home = "/home/user";
    start(options);
    tree().add_directory("/home");
    tree().add_directory("/home/user");
    tree().add_file("/home/user/Hello.txt", "hello\n");
    tree().add_directory("/home/user/dir");
    tree().add_directory("/QSYS.LIB");
    tree().add_directory("/QSYS.LIB/QGPL.LIB");
    tree().add_directory("/QSYS.LIB/QGPL.LIB/QCLSRC.FILE");
    tree().add_file("/QSYS.LIB/QGPL.LIB/QCLSRC.FILE/MAIN.MBR", "PGM\n");
    tree().add_file("/QSYS.LIB/QGPL.LIB/BACKUP.SAVF", std::string(528, 's'));
    tree().add_directory("/empty");
  }

  std::size_t count(const std::string& line) const {
    const auto lines = server_->commands();
    return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), line));
  }
};
INSTANTIATE_TEST_SUITE_P(ListFormat, IbmI, ::testing::Values(0, 1));

TEST_P(IbmI, IsRecognisedAndAskedForPaths) {
  connect();
  EXPECT_THAT(remote_->description(), HasSubstr("IBM i"));
  EXPECT_EQ(remote_->start_directory().str(), "/home/user");
  EXPECT_FALSE(remote_->traits().case_sensitive);
}

TEST_P(IbmI, LibrariesFilesAndMembersAreATree) {
  connect();
  EXPECT_THAT(names_in("/home/user"), UnorderedElementsAre("f Hello.txt", "d dir"));
  EXPECT_THAT(names_in("/QSYS.LIB"), UnorderedElementsAre("d QGPL.LIB"));
  EXPECT_THAT(names_in("/QSYS.LIB/QGPL.LIB"),
              UnorderedElementsAre("d QCLSRC.FILE", "f BACKUP.SAVF"));
  EXPECT_THAT(names_in("/QSYS.LIB/QGPL.LIB/QCLSRC.FILE"), UnorderedElementsAre("f MAIN.MBR"));
  EXPECT_THAT(names_in("/empty"), UnorderedElementsAre());
  expect_error(remote_->list(at("/missing"), soon()), Errc::not_found);
}

TEST_P(IbmI, FilesAreReadWrittenAndRemoved) {
  connect();
  EXPECT_EQ(read("/home/user/Hello.txt").value_or("?"), "hello\n");
  EXPECT_EQ(read("/QSYS.LIB/QGPL.LIB/QCLSRC.FILE/MAIN.MBR").value_or("?"), "PGM\n");
  const auto written = write("/home/user/new.txt", "new\n");
  ASSERT_TRUE(written) << written.error().text;
  EXPECT_EQ(tree().content("/home/user/new.txt"), "new\n");
  EXPECT_TRUE(remote_->rename(at("/home/user/new.txt"), at("/home/user/newer.txt"), soon()));
  EXPECT_TRUE(remote_->remove_file(at("/home/user/newer.txt"), soon()));
  EXPECT_FALSE(tree().exists("/home/user/newer.txt"));
  EXPECT_TRUE(remote_->make_directory(at("/home/user/d2"), soon()));
  EXPECT_TRUE(remote_->remove_directory(at("/home/user/d2"), soon()));
}

TEST_P(IbmI, NamesAreFoundInAnyCase) {
  connect();
  const auto file = remote_->stat(at("/home/user/HELLO.TXT"), soon());
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->name, "Hello.txt") << "as it is listed";
  EXPECT_EQ(file->type, FileType::regular);
  const auto directory = remote_->stat(at("/HOME/User/DIR"), soon());
  ASSERT_TRUE(directory) << directory.error().text;
  EXPECT_EQ(directory->name, "dir");
  EXPECT_EQ(directory->type, FileType::directory);
  expect_error(remote_->stat(at("/home/user/Hello"), soon()), Errc::not_found);
}

/// Nobody knows how it folds other letters.
TEST_P(IbmI, WhatAListingDoesNotShowIsAskedForWithoutAnother) {
  connect();
  server_->add_fault({.verb = "CWD", .reply = "250 Directory changed."});
  const auto other = remote_->stat_unlisted(at("/home/user/ÃPFEL"), soon());
  ASSERT_TRUE(other) << other.error().text;
  EXPECT_EQ(other->type, FileType::directory);
  expect_error(remote_->stat_unlisted(at("/home/user/none"), soon()), Errc::not_found);
  EXPECT_EQ(server_->count("LIST"), 0);
}

TEST_P(IbmI, ANameGetsAnotherCase) {
  connect();
  const auto renamed =
      remote_->rename(at("/home/user/Hello.txt"), at("/home/user/HELLO.txt"), soon());
  ASSERT_TRUE(renamed) << renamed.error().text;
  EXPECT_THAT(names_in("/home/user"), UnorderedElementsAre("f HELLO.txt", "d dir"));
  // The reply is lost: the old spelling is found as well, and says nothing.
  server_->add_fault({.verb = "RNTO", .kind = Fault::Kind::drop_reply});
  EXPECT_TRUE(remote_->rename(at("/home/user/dir"), at("/home/user/Dir"), soon()));
  EXPECT_EQ(server_->count("RNTO"), 2);
  EXPECT_THAT(names_in("/home/user"), UnorderedElementsAre("f HELLO.txt", "d Dir"));
}

/// Members are padded to records: their size on the disk is not their length.
TEST_P(IbmI, SizesInLibrariesAreUnknown) {
  connect();
  const auto library = remote_->list(at("/QSYS.LIB/QGPL.LIB"), soon());
  ASSERT_TRUE(library) << library.error().text;
  for (const Entry& entry : library->entries) {
    EXPECT_TRUE(entry.type == FileType::directory || !entry.size) << entry.name;
  }
  const auto home = remote_->list(at("/home/user"), soon());
  ASSERT_TRUE(home) << home.error().text;
  for (const Entry& entry : home->entries) {
    EXPECT_TRUE(entry.type == FileType::directory || entry.size) << entry.name;
  }
  EXPECT_EQ(count("SIZE /QSYS.LIB/QGPL.LIB/BACKUP.SAVF"), 0U);
}

TEST_P(IbmI, AMembersSizeIsNotAskedForEither) {
  connect();
  const std::string member = "/QSYS.LIB/QGPL.LIB/QCLSRC.FILE/MAIN.MBR";
  const auto of_member = remote_->stamp(at(member), soon());
  ASSERT_TRUE(of_member) << of_member.error().text;
  EXPECT_FALSE(of_member->size);
  EXPECT_EQ(count("SIZE " + member), 0U);
  for (int i = 0; i < 2; ++i) {
    const auto of_stream = remote_->stamp(at("/home/user/Hello.txt"), soon());
    ASSERT_TRUE(of_stream) << of_stream.error().text;
    EXPECT_FALSE(of_stream->size) << "this server has no SIZE";
  }
  EXPECT_EQ(count("SIZE /home/user/Hello.txt"), 1U) << "and is not asked for it again";
}

TEST_P(IbmI, MembersAreReplacedInPlace) {
  connect();
  const std::string member = "/QSYS.LIB/QGPL.LIB/QCLSRC.FILE/MAIN.MBR";
  EXPECT_FALSE(remote_->takes_any_name_beside(at(member)));
  EXPECT_TRUE(remote_->takes_any_name_beside(at("/home/user/Hello.txt")));
  const auto written = write(member, "NEW\n");
  ASSERT_TRUE(written) << written.error().text;
  EXPECT_EQ(tree().content(member), "NEW\n");
  EXPECT_EQ(count("SIZE " + member), 0U);
}

TEST_P(IbmI, EveryConnectionIsPutIntoTheFormats) {
  settings_.max_conns = 3;
  connect();
  const auto one = remote_->open_reader(at("/home/user/Hello.txt"), 0, {}, soon());
  ASSERT_TRUE(one);
  const auto two = remote_->open_reader(at("/home/user/Hello.txt"), 0, {}, soon());
  ASSERT_TRUE(two) << two.error().text;
  EXPECT_THAT(names_in("/home/user"), UnorderedElementsAre("f Hello.txt", "d dir"));
  EXPECT_EQ(count("SITE NAMEFMT 1"), count("USER user"));
  EXPECT_EQ(count("SITE LISTFMT 1"), count("USER user"));
  EXPECT_GE(count("USER user"), 2U);
  EXPECT_EQ(read_on(**one).value_or("?"), "hello\n");
  EXPECT_EQ(read_on(**two).value_or("?"), "hello\n");
}

TEST_P(IbmI, CommandsOfTheUserComeLast) {
  settings_.session.server.sites = {"LISTFMT 0"};
  connect();
  EXPECT_THAT(names_in("/QSYS.LIB/QGPL.LIB"),
              UnorderedElementsAre("d QCLSRC.FILE", "f BACKUP.SAVF"));
  const auto lines = server_->commands();
  const auto last = std::find(lines.rbegin(), lines.rend(), "SITE LISTFMT 0");
  EXPECT_EQ(std::find(last.base(), lines.end(), "SITE LISTFMT 1"), lines.end());
}

TEST_P(IbmI, IsMissedWhereTheUserSaysSo) {
  settings_.session.server.profile.kind = ftp::ServerKind::unknown;
  connect();
  EXPECT_EQ(count("SITE NAMEFMT 1"), 0U);
}

TEST_P(IbmI, WithoutPathsThereIsNoMount) {
  server_->add_fault({.verb = "SITE", .times = -1, .reply = "501 No."});
  const auto connected = FtpRemote::connect(settings_, soon());
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code, Errc::unsupported);
  EXPECT_THAT(connected.error().text, HasSubstr("SITE NAMEFMT 1"));
}

class ServerOptionsTest : public RemoteFixture {};

TEST_F(ServerOptionsTest, ListCommandIsTheOnlyWayToList) {
  start();
  settings_.session.server.profile.list_command = "LIST -al";
  tree().add_file("/a", "1");
  connect();
  const auto listing = remote_->list(at("/"), soon());
  ASSERT_TRUE(listing) << listing.error().text;
  EXPECT_EQ(listing->entries.size(), 1U);
  const auto lines = server_->commands();
  EXPECT_NE(std::find(lines.begin(), lines.end(), "LIST -al"), lines.end());
  for (const std::string& line : lines) {
    EXPECT_FALSE(line.starts_with("MLSD") || line.starts_with("STAT")) << line;
  }
}

TEST_F(ServerOptionsTest, AListCommandWithoutDotNamesShowsNotAll) {
  start();
  settings_.session.server.profile.list_command = "LIST";
  tree().add_directory("/full");
  tree().add_file("/full/a", "1");
  tree().add_directory("/empty");
  connect();
  const auto full = remote_->list(at("/full"), soon());
  ASSERT_TRUE(full) << full.error().text;
  EXPECT_FALSE(full->shows_all);
  // No "." in the answer to the kind's own command, either: it may not be read.
  expect_error(remote_->list(at("/empty"), soon()), Errc::access_denied);
  const auto lines = server_->commands();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "LIST -a ."), 1);
}

TEST_F(ServerOptionsTest, DisableEpsvUsesPasv) {
  start();
  settings_.session.server.profile.disable_epsv = true;
  tree().add_file("/a", "1");
  connect();
  EXPECT_EQ(read("/a").value_or("?"), "1");
  const auto lines = server_->commands();
  EXPECT_EQ(std::find(lines.begin(), lines.end(), "EPSV"), lines.end());
  EXPECT_NE(std::find(lines.begin(), lines.end(), "PASV"), lines.end());
}

TEST_F(ServerOptionsTest, NamesAreInTheServersCharset) {
  for (const bool mlst : {true, false}) {
    FaultyServerOptions options;
    options.mlst = mlst;
    start(options);
    settings_.session.server.charset = "ISO-8859-1";
    settings_.max_conns = 1;
    tree().add_file("/sch\xF6n.txt", "1");
    connect();
    const auto listing = remote_->list(at("/"), soon());
    ASSERT_TRUE(listing) << listing.error().text;
    ASSERT_EQ(listing->entries.size(), 1U);
    EXPECT_EQ(listing->entries[0].name, "schön.txt");
    EXPECT_EQ(read("/schön.txt").value_or("?"), "1");
    ASSERT_TRUE(write("/grün", "2"));
    EXPECT_EQ(tree().content("/gr\xFCn"), "2");
    expect_error(write("/€", "3"), Errc::invalid_argument);
    expect_error(read("/€"), Errc::invalid_argument);
    EXPECT_EQ(read("/schön.txt").value_or("?"), "1") << "the session is as good as before";
    EXPECT_EQ(server_->count("USER"), 1);
  }
}

TEST_F(ServerOptionsTest, ARefusalMayMeanAnEmptyDirectory) {
  FaultyServerOptions options;
  options.mlst = false;
  options.banner = "220 ready";
  start(options);
  connect();
  for (const char* refusal :
       {"450 No files found.", "550 No members found.", "550 No data sets found."}) {
    server_->add_fault({.verb = "LIST", .reply = refusal});
    const auto listing = remote_->list(at("/"), soon());
    ASSERT_TRUE(listing) << refusal << ": " << listing.error().text;
    EXPECT_TRUE(listing->entries.empty());
  }
  server_->add_fault({.verb = "LIST", .reply = "550 Something else."});
  EXPECT_FALSE(remote_->list(at("/"), soon()));
  // The LIST that travels behind a CWD that fails comes to the server when it may: no fault waits
  // for it.
  expect_error(remote_->list(at("/missing"), soon()), Errc::not_found);
  server_->add_fault({.verb = "CWD", .times = -1, .reply = "550 No files found."});
  EXPECT_FALSE(remote_->list(at("/"), soon())) << "the directory itself is refused";
}

/// z/OS changes to any prefix of names.
TEST_F(ServerOptionsTest, WhereCwdProvesNothingARefusalIsNoEmptyDirectory) {
  FaultyServerOptions options;
  options.mlst = false;
  options.banner = "220 FTPD1 IBM FTP CS V2R4";
  start(options);
  connect();
  server_->add_fault({.verb = "LIST", .reply = "550 No data sets found."});
  EXPECT_FALSE(remote_->list(at("/"), soon()));
  server_->add_fault({.verb = "LIST", .reply = "450 No files found."});
  EXPECT_TRUE(remote_->list(at("/"), soon()));
}

TEST_F(ServerOptionsTest, ListedTimesAreInTheServersZone) {
  FaultyServerOptions options;
  options.mlst = false;
  start(options);
  settings_.session.server.profile.list_command = "LIST";
  settings_.session.server.zone = ftp::ServerZone(3'600);
  tree().add_file("/a", "1");
  connect();
  const auto listing = remote_->list(at("/"), soon());
  ASSERT_TRUE(listing) << listing.error().text;
  ASSERT_EQ(listing->entries.size(), 1U);
  // Shown as a day: 2020-09-13, which begins at 23:00 UTC.
  EXPECT_EQ(listing->entries[0].mtime, (FileTime{1'599'951'600, TimeGrain::day}));
}

}  // namespace
}  // namespace ftpsfs::remote
