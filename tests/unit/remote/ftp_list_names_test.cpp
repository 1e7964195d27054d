// SPDX-License-Identifier: MIT
//
// Where names are all that a server lists: NLST, and a question for each of them.
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

/// A server that nobody knows, and whose LIST is refused as unknown.
class NameList : public RemoteFixture {
 protected:
  void SetUp() override {
    begin_names({});
    connect();
  }

  void begin_names(FaultyServerOptions options, const std::string& refusal = "502 No.") {
    options.mlst = false;
    options.banner = "220 ready";
    start(options);
    server_->add_fault({.verb = "LIST", .times = -1, .reply = refusal});
    tree().add_directory("/d");
    tree().add_file("/d/a", "1");
    tree().add_file("/d/.dot", "22");
    tree().add_directory("/d/sub");
    tree().add_directory("/empty");
  }

  std::size_t count(const std::string& line) const {
    const auto lines = server_->commands();
    return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), line));
  }

  /// "d sub", "f a 1": the type, the name, and the size of a file.
  std::vector<std::string> shown(const std::string& path) {
    const auto listing = remote_->list(at(path), soon());
    if (!listing) {
      return {"error: " + listing.error().text};
    }
    EXPECT_FALSE(listing->shows_all);
    std::vector<std::string> all;
    for (const Entry& entry : listing->entries) {
      const std::string size = entry.size ? " " + std::to_string(*entry.size) : "";
      all.push_back((entry.type == FileType::directory ? "d " : "f ") + entry.name + size);
    }
    return all;
  }
};

TEST_F(NameList, NamesAreAskedForByTheirOwn) {
  const auto listing = remote_->list(at("/d"), soon());
  ASSERT_TRUE(listing) << listing.error().text;
  EXPECT_TRUE(listing->exact_times);
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub"));
  const auto file = std::find_if(listing->entries.begin(), listing->entries.end(),
                                 [](const Entry& entry) { return entry.name == "a"; });
  ASSERT_NE(file, listing->entries.end());
  EXPECT_EQ(file->mtime, (FileTime{test::FaultyTree::kEpoch, TimeGrain::second}));
  EXPECT_EQ(read("/d/a").value_or("?"), "1");
}

TEST_F(NameList, ListIsAskedForOnceOnly) {
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub"));
  EXPECT_THAT(shown("/empty"), ElementsAre());
  EXPECT_EQ(server_->count("LIST"), 1);
  EXPECT_EQ(server_->count("NLST"), 2);
  EXPECT_THAT(remote_->description(), HasSubstr("NLST"));
}

TEST_F(NameList, AnyCodeForAnUnknownCommandWillDo) {
  for (const char* refusal : {"500 What?", "502 No.", "504 Not so."}) {
    begin_names({}, refusal);
    connect();
    EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub")) << refusal;
  }
  begin_names({}, "550 No.");
  connect();
  EXPECT_FALSE(remote_->list(at("/d"), soon()));
  EXPECT_EQ(server_->count("NLST"), 0);
}

/// The refusal of the CWD in front of it says nothing of LIST.
TEST_F(NameList, ARefusedDirectoryIsNoProofAgainstList) {
  server_->clear_faults();
  server_->add_fault({.verb = "CWD", .times = 3, .reply = "500 No."});
  EXPECT_FALSE(remote_->list(at("/d"), soon()));
  server_->clear_faults();
  EXPECT_TRUE(remote_->list(at("/d"), soon()));
  EXPECT_EQ(server_->count("NLST"), 0);
}

TEST_F(NameList, NamesMayHaveTheirDirectoryInFront) {
  begin_names({.names_with_path = true});
  connect();
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub"));
}

TEST_F(NameList, NamesThatLeadElsewhereAreLeftOut) {
  tree().add_file("/d/..", "x");
  tree().add_file("/d/c\ry", "x");
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub"));
}

TEST_F(NameList, WithoutSizeAndTimeThereIsStillWhatItIs) {
  server_->add_fault({.verb = "SIZE", .times = -1, .reply = "500 No."});
  server_->add_fault({.verb = "MDTM", .times = -1, .reply = "502 No."});
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a", "d sub"));
  const auto file = remote_->stat(at("/d/a"), soon());
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->type, FileType::regular);
  EXPECT_FALSE(file->size);
  expect_error(remote_->stat(at("/d/missing"), soon()), Errc::not_found);
  EXPECT_EQ(read("/d/a").value_or("?"), "1");
}

TEST_F(NameList, OneNameIsAskedForWithoutItsDirectory) {
  EXPECT_THAT(shown("/empty"), ElementsAre());
  const int listings = server_->count("NLST");
  const auto hidden = remote_->stat(at("/d/.dot"), soon());
  ASSERT_TRUE(hidden) << hidden.error().text;
  EXPECT_EQ(hidden->size, 2U);
  const auto sub = remote_->stat(at("/d/sub"), soon());
  ASSERT_TRUE(sub) << sub.error().text;
  EXPECT_EQ(sub->type, FileType::directory);
  EXPECT_EQ(server_->count("NLST"), listings);
  expect_error(remote_->stat(at("/d/missing"), soon()), Errc::not_found);
  expect_error(remote_->stat(at("/missing/x"), soon()), Errc::not_found);
  EXPECT_TRUE(remote_->stat(at("/"), soon()));
}

TEST_F(NameList, ARefusalMayMeanAnEmptyDirectory) {
  for (const char* refusal : {"450 No files found.", "550 No files found"}) {
    server_->add_fault({.verb = "NLST", .reply = refusal});
    EXPECT_THAT(shown("/empty"), ElementsAre()) << refusal;
  }
  server_->add_fault({.verb = "NLST", .reply = "550 Something else."});
  EXPECT_FALSE(remote_->list(at("/empty"), soon()));
  expect_error(remote_->list(at("/missing"), soon()), Errc::not_found);
  server_->add_fault({.verb = "NLST", .reply = "450 No files found."});
  expect_error(remote_->list(at("/d/a"), soon()), Errc::not_directory);
}

TEST_F(NameList, FilesAreWrittenRenamedAndRemoved) {
  const auto written = write("/d/new", "new");
  ASSERT_TRUE(written) << written.error().text;
  EXPECT_EQ(written->size, 3U);
  EXPECT_TRUE(remote_->rename(at("/d/new"), at("/d/newer"), soon()));
  EXPECT_TRUE(remote_->remove_file(at("/d/newer"), soon()));
  EXPECT_TRUE(remote_->remove_directory(at("/d/sub"), soon()));
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1"));
  expect_error(remote_->remove_directory(at("/d"), soon()), Errc::not_empty);
}

TEST_F(NameList, ManyNamesTakeSeveralFlights) {
  for (int i = 0; i < 700; ++i) {
    tree().add_file("/empty/" + std::to_string(i),
                    std::string(static_cast<std::size_t>(i % 9), 'x'));
  }
  const auto listing = remote_->list(at("/empty"), soon());
  ASSERT_TRUE(listing) << listing.error().text;
  ASSERT_EQ(listing->entries.size(), 700U);
  for (const Entry& entry : listing->entries) {
    EXPECT_EQ(entry.size, std::stoul(entry.name) % 9) << entry.name;
  }
}

/// A directory that cannot be entered just now is not a file.
TEST_F(NameList, AnAnswerThatSaysNothingOfTheNameIsAnError) {
  for (const char* reply : {"450 Busy.", "421 Too many.", "530 Please login."}) {
    server_->clear_faults();
    server_->add_fault({.verb = "LIST", .times = -1, .reply = "502 No."});
    EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub"));
    server_->add_fault({.verb = "CWD", .nth = 2, .times = -1, .reply = reply});
    EXPECT_FALSE(remote_->list(at("/d"), soon())) << reply;
    const auto single = remote_->stat(at("/d/sub"), soon());
    ASSERT_FALSE(single) << reply;
    EXPECT_NE(single.error().code, Errc::not_found) << reply;
  }
}

TEST_F(NameList, OneSuchAnswerIsAskedForOnceMore) {
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub"));
  server_->add_fault({.verb = "CWD", .nth = 3, .reply = "530 Please login."});
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub"));
}

/// Taken for absent it would be made anew, and emptied.
TEST_F(NameList, AFileThatIsBusyIsNotAbsent) {
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub"));
  for (const char* reply : {"450 Busy.", "530 Please login."}) {
    for (const char* verb : {"SIZE", "MDTM"}) {
      server_->add_fault({.verb = verb, .times = -1, .reply = reply});
    }
    const auto busy = remote_->stat(at("/d/.dot"), soon());
    ASSERT_FALSE(busy) << reply;
    EXPECT_NE(busy.error().code, Errc::not_found) << reply;
  }
}

/// RFC 959 has line ends between names only: the last one counts if the server knows it.
TEST_F(NameList, WhatEndsInsideANameIsCut) {
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub"));
  const auto fault = [this](const char* names) {
    server_->clear_faults();
    server_->add_fault(
        {.verb = "NLST", .kind = Fault::Kind::false_listing, .times = -1, .reply = names});
  };
  fault("a\r\nsub");
  EXPECT_THAT(shown("/d"), ElementsAre("f a 1", "d sub"));
  fault("a\r\nsu");
  expect_error(remote_->list(at("/d"), soon()), Errc::truncated);
  fault("a\r\nsub");
  expect_error(remote_->stat(at("/d/missing"), soon()), Errc::not_found);
  fault("a\r\nsu");
  expect_error(remote_->stat(at("/d/missing"), soon()), Errc::truncated);
  fault("a\r\nsu\r\n");
  EXPECT_THAT(shown("/d"), ElementsAre("f a 1", "f su")) << "a name that nobody answers for";
}

TEST_F(NameList, ASessionThatIsForgottenIsReplaced) {
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub"));
  const int logins = server_->count("USER");
  for (const char* verb : {"SIZE", "MDTM"}) {
    server_->add_fault({.verb = verb, .times = 2, .reply = "530 Please login."});
  }
  server_->add_fault({.verb = "CWD", .nth = 2, .times = 2, .reply = "530 Please login."});
  EXPECT_THAT(shown("/d"), UnorderedElementsAre("f a 1", "d sub"));
  EXPECT_EQ(server_->count("USER"), logins + 1);
}

TEST_F(NameList, TheUserMayAskForIt) {
  start();
  settings_.session.server.profile.list_command = "NLST";
  tree().add_file("/a", "1");
  connect();
  EXPECT_THAT(shown("/"), ElementsAre("f a 1"));
  EXPECT_EQ(server_->count("LIST") + server_->count("MLSD") + server_->count("STAT"), 0);
}

/// vsftpd and others list nothing of a directory that may not be read.
TEST_F(NameList, WhereAnEmptyListMayBeADenialItMustShowItself) {
  start({.mlst = false, .banner = "220 (vsFTPd 3.0.3)"});
  settings_.session.server.profile.list_command = "NLST";
  tree().add_directory("/empty");
  connect();
  EXPECT_THAT(shown("/empty"), ElementsAre());
  EXPECT_EQ(count("NLST -a"), 1U);
  server_->add_fault({.verb = "NLST", .times = -1, .reply = "226 Transfer done."});
  expect_error(remote_->list(at("/empty"), soon()), Errc::access_denied);
}

}  // namespace
}  // namespace ftpsfs::remote
