// SPDX-License-Identifier: MIT
//
// z/OS as it answers: files of HFS by paths, data sets by names in quotes, and little of what
// others can.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "remote_fixture.hpp"

namespace ftpsfs::remote {
namespace {

using test::data_set;
using test::FaultyServerOptions;
using test::Manner;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class Zos : public RemoteFixture {
 protected:
  void SetUp() override {
    start(FaultyServerOptions::of(Manner::zos));
    tree().add_directory("/u");
    tree().add_directory("/u/user");
    tree().add_file("/u/user/hello.txt", "hello\n");
    tree().add_directory("/u/user/dir");
    tree().add_directory("/empty");
    tree().add_file(data_set("USER.LOG"), "log");
    tree().add_directory(data_set("USER.CNTL"));
    tree().add_file(data_set("USER.CNTL(JOB)"), std::string(200, 'j'));
    tree().add_directory(data_set("USER.NONE"));
    tree().add_file(data_set("OTHER.LOG"), "log");
  }

  void connect_with_list(const std::string& command) {
    settings_.session.server.profile.list_command = command;
    connect();
  }
};

TEST_F(Zos, IsRecognised) {
  connect();
  EXPECT_THAT(remote_->description(), HasSubstr("z/OS"));
  EXPECT_FALSE(remote_->traits().case_sensitive) << "data sets are not";
  EXPECT_EQ(remote_->start_directory().str(), "/") << "where a login starts is no path";
}

TEST_F(Zos, FilesOfHfsAreListed) {
  connect();
  EXPECT_THAT(names_in("/u/user"), UnorderedElementsAre("f hello.txt", "d dir"));
  EXPECT_THAT(names_in("/empty"), UnorderedElementsAre());
  expect_error(remote_->list(at("/missing"), soon()), Errc::not_found);
  const auto file = remote_->stat(at("/u/user/hello.txt"), soon());
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->size, 6U);
}

TEST_F(Zos, FilesOfHfsAreReadWrittenAndRemoved) {
  connect();
  EXPECT_EQ(read("/u/user/hello.txt").value_or("?"), "hello\n");
  const auto written = write("/u/user/new", "new");
  ASSERT_TRUE(written) << written.error().text;
  EXPECT_EQ(tree().content("/u/user/new"), "new");
  EXPECT_TRUE(remote_->rename(at("/u/user/new"), at("/u/user/newer"), soon()));
  EXPECT_TRUE(remote_->remove_file(at("/u/user/newer"), soon()));
  expect_error(remote_->remove_file(at("/u/user/newer"), soon()), Errc::not_found);
  EXPECT_TRUE(remote_->make_directory(at("/u/user/d2"), soon()));
  expect_error(remote_->make_directory(at("/u/user/d2"), soon()), Errc::already_exists);
  EXPECT_TRUE(remote_->remove_directory(at("/u/user/d2"), soon()));
  EXPECT_TRUE(remote_->set_mode(at("/u/user/hello.txt"), 0600, soon()));
}

TEST_F(Zos, WhatIsSwitchedOffIsNotAskedForAgain) {
  connect();
  EXPECT_EQ(read("/u/user/hello.txt").value_or("?"), "hello\n");
  EXPECT_EQ(read("/u/user/hello.txt").value_or("?"), "hello\n");
  EXPECT_LE(server_->count("SIZE"), 1);
  EXPECT_LE(server_->count("MDTM"), 1);
  EXPECT_EQ(server_->count("MLSD") + server_->count("MLST") + server_->count("STAT"), 0);
}

TEST_F(Zos, DataSetsAreListedByTheirNamesInQuotes) {
  connect_with_list("LIST 'USER.*'");
  EXPECT_THAT(names_in("/"), UnorderedElementsAre("f USER.LOG", "d USER.CNTL", "d USER.NONE"));
  const auto listing = remote_->list(at("/"), soon());
  ASSERT_TRUE(listing) << listing.error().text;
  for (const Entry& entry : listing->entries) {
    EXPECT_FALSE(entry.size) << entry.name << ": tracks are no bytes";
  }
}

TEST_F(Zos, MembersAreListedWithTheirTimes) {
  connect_with_list("LIST 'USER.CNTL(*)'");
  const auto listing = remote_->list(at("/"), soon());
  ASSERT_TRUE(listing) << listing.error().text;
  ASSERT_EQ(listing->entries.size(), 1U);
  EXPECT_EQ(listing->entries[0].name, "JOB");
  EXPECT_EQ(listing->entries[0].mtime,
            (FileTime{test::FaultyTree::kEpoch / 60 * 60, TimeGrain::minute}));
  EXPECT_FALSE(listing->entries[0].size) << "records are no bytes";
}

/// A working directory proves nothing there: any prefix of names is one.
TEST_F(Zos, WhereNothingIsFoundThereMayBeNothingToFind) {
  for (const char* command : {"LIST 'NOBODY.*'", "LIST 'USER.NONE(*)'"}) {
    connect_with_list(command);
    EXPECT_FALSE(remote_->list(at("/"), soon())) << command;
  }
}

}  // namespace
}  // namespace ftpsfs::remote
