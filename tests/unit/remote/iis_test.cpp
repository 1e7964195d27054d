// SPDX-License-Identifier: MIT
//
// Microsoft IIS as it answers: DOS listings, other words, and names that are one file in any case.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "remote_fixture.hpp"

namespace ftpsfs::remote {
namespace {

using test::FaultyServerOptions;
using test::Manner;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class Iis : public RemoteFixture {
 protected:
  void SetUp() override {
    start(FaultyServerOptions::of(Manner::iis));
    tree().add_file("/Hello World.txt", "hello\r\n");
    tree().add_file("/.dot", "1");
    tree().add_directory("/Dir");
    tree().add_file("/Dir/a", "1");
    tree().add_directory("/empty");
    connect();
  }
};

TEST_F(Iis, IsRecognised) {
  EXPECT_THAT(remote_->description(), HasSubstr("Windows"));
  EXPECT_FALSE(remote_->traits().case_sensitive);
  EXPECT_FALSE(remote_->traits().can_set_mtime);
}

/// Taken for "not there", an upload would empty the file.
TEST_F(Iis, WhatASessionCannotSayIsNoAbsence) {
  server_->add_fault({.verb = "CWD", .reply = "530 Please login with USER and PASS."});
  const auto found = remote_->stat_unlisted(at("/HELLO WORLD.TXT"), soon());
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->size, 7U);
  server_->add_fault({.verb = "SIZE", .reply = "450 Busy."});
  expect_error(remote_->stat_unlisted(at("/HELLO WORLD.TXT"), soon()), Errc::busy);
  expect_error(remote_->stat_unlisted(at("/missing"), soon()), Errc::not_found);
}

TEST_F(Iis, ListsAsDosDoes) {
  EXPECT_THAT(names_in("/"),
              UnorderedElementsAre("f Hello World.txt", "f .dot", "d Dir", "d empty"));
  EXPECT_THAT(names_in("/empty"), UnorderedElementsAre());
  const auto file = remote_->stat(at("/Hello World.txt"), soon());
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->size, 7U);
  EXPECT_EQ(file->mtime, (FileTime{test::FaultyTree::kEpoch, TimeGrain::second})) << "by MDTM";
  expect_error(remote_->list(at("/missing"), soon()), Errc::not_found);
  expect_error(remote_->stat(at("/missing"), soon()), Errc::not_found);
}

TEST_F(Iis, FilesAreReadWrittenAndRemoved) {
  EXPECT_EQ(read("/Hello World.txt").value_or("?"), "hello\r\n");
  EXPECT_EQ(read("/Hello World.txt", 5).value_or("?"), "\r\n");
  const auto written = write("/new", "new");
  ASSERT_TRUE(written) << written.error().text;
  EXPECT_EQ(written->size, 3U);
  EXPECT_TRUE(remote_->rename(at("/new"), at("/newer"), soon()));
  EXPECT_TRUE(remote_->remove_file(at("/newer"), soon()));
  expect_error(remote_->remove_file(at("/newer"), soon()), Errc::not_found);
  expect_error(read("/newer"), Errc::not_found);
  EXPECT_TRUE(remote_->make_directory(at("/d2"), soon()));
  expect_error(remote_->make_directory(at("/d2"), soon()), Errc::already_exists);
  expect_error(remote_->remove_directory(at("/Dir"), soon()), Errc::not_empty);
  EXPECT_TRUE(remote_->remove_directory(at("/d2"), soon()));
}

TEST_F(Iis, NothingIsRenamedOntoAnExistingName) {
  tree().add_file("/other", "2");
  expect_error(remote_->rename(at("/other"), at("/Hello World.txt"), soon()), Errc::already_exists);
  EXPECT_EQ(tree().content("/other"), "2");
}

TEST_F(Iis, NamesAreTheSameInAnyCase) {
  EXPECT_EQ(read("/HELLO world.TXT").value_or("?"), "hello\r\n");
  ASSERT_TRUE(write("/hello WORLD.txt", "other"));
  EXPECT_EQ(tree().content("/Hello World.txt"), "other") << "one file, as it was made";
  EXPECT_THAT(names_in("/DIR"), UnorderedElementsAre("f a"));
  EXPECT_TRUE(remote_->rename(at("/Hello World.txt"), at("/HELLO WORLD.TXT"), soon()));
  EXPECT_THAT(names_in("/"),
              UnorderedElementsAre("f HELLO WORLD.TXT", "f .dot", "d Dir", "d empty"));
}

/// Its listings are in local time, and its MDTM is not.
TEST_F(Iis, TheZoneOfItsClockIsFound) {
  FaultyServerOptions options = FaultyServerOptions::of(Manner::iis);
  options.list_east = -8 * 3'600;
  remote_.reset();
  start(options);
  tree().add_file("/f", "1");
  tree().add_directory("/d");
  connect();
  const auto listing = remote_->list(at("/"), soon());
  ASSERT_TRUE(listing) << listing.error().text;
  for (const Entry& entry : listing->entries) {
    ASSERT_TRUE(entry.mtime) << entry.name;
    EXPECT_TRUE(may_be_equal(*entry.mtime, {1'600'000'000, TimeGrain::second})) << entry.name;
  }
  EXPECT_THAT(remote_->description(), HasSubstr("server time UTC-08:00, found by MDTM"));
}

TEST_F(Iis, WhatItLacksIsNotAskedForAgain) {
  EXPECT_FALSE(remote_->set_mode(at("/.dot"), 0600, soon()));
  EXPECT_FALSE(remote_->set_mode(at("/.dot"), 0600, soon()));
  EXPECT_EQ(server_->count("SITE"), 1);
  EXPECT_EQ(server_->count("MLSD") + server_->count("MLST") + server_->count("STAT"), 0);
}

}  // namespace
}  // namespace ftpsfs::remote
