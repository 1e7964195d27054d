// SPDX-License-Identifier: MIT
//
// What symbolic links lead to, on servers of several manners.
#include <gtest/gtest.h>

#include <string>

#include "remote_fixture.hpp"

namespace ftpsfs::remote {
namespace {

using test::Fault;
using test::FaultyServerOptions;

class FtpFollow : public RemoteFixture, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    const std::string name = GetParam();
    FaultyServerOptions options;
    if (name == "vsftpd") {
      options.banner = "220 (vsFTPd 3.0.3)";
    } else if (name == "pyftpdlib") {
      options.banner = "220 pyftpdlib 1.5.7 ready.";
      options.mlst_follows = true;
    } else if (name == "unknown") {
      options.banner = "220 FTP server ready";
    }
    options.mlst = name == "proftpd" || name == "pyftpdlib";
    options.mfmt = options.mlst;
    begin(options);
    tree().add_directory("/pub");
    tree().add_file("/pub/program", "twelve bytes", kTime, 0755);
    tree().add_link("/file", "/pub/program");
    tree().add_link("/chain", "file");
    tree().add_link("/directory", "pub");
  }

  int listings() const {
    return server_->count("LIST") + server_->count("STAT") + server_->count("MLSD");
  }

  Result<Entry> follow(const std::string& path, const char* target) {
    Entry link;
    link.name = path.substr(1);
    link.type = FileType::symlink;
    if (target != nullptr) {
      link.symlink_target = std::string(target);
    }
    return remote_->follow(at(path), link, soon());
  }

  static constexpr std::int64_t kTime = 1'234'567'890;
};

TEST_P(FtpFollow, AFile) {
  for (const auto& [path, target] : {std::pair("/file", "/pub/program"), {"/chain", "file"}}) {
    const auto entry = follow(path, target);
    ASSERT_TRUE(entry) << entry.error().text;
    EXPECT_EQ(entry->name, std::string(path).substr(1));
    EXPECT_EQ(entry->type, FileType::regular);
    EXPECT_EQ(entry->size, 12U);
    EXPECT_EQ(entry->mtime, (FileTime{kTime, TimeGrain::second}));
  }
  EXPECT_EQ(follow("/file", "/pub/program")->mode, 0755);
}

TEST_P(FtpFollow, ADirectory) {
  const auto entry = follow("/directory", "pub");
  ASSERT_TRUE(entry) << entry.error().text;
  EXPECT_EQ(entry->type, FileType::directory);
  EXPECT_EQ(entry->mode, 0755);
  ASSERT_TRUE(entry->mtime);
  EXPECT_TRUE(may_be_equal(*entry->mtime, {test::FaultyTree::kEpoch, TimeGrain::second}));
}

TEST_P(FtpFollow, WhereTheTextLeadsElsewhereTheServerDecides) {
  tree().add_file("/outside", "of another size");
  const auto entry = follow("/file", "/outside");
  ASSERT_TRUE(entry) << entry.error().text;
  EXPECT_EQ(entry->size, 12U);
  EXPECT_EQ(entry->mtime, (FileTime{kTime, TimeGrain::second}));
  EXPECT_TRUE(follow("/file", nullptr));
  EXPECT_TRUE(follow("/file", "/no/such/place"));
}

TEST_P(FtpFollow, ManyLinksIntoOneDirectoryTakeOneListing) {
  constexpr unsigned kLinks = 20;
  for (unsigned i = 0; i < kLinks; ++i) {
    tree().add_file("/pub/" + std::to_string(i), std::string(i, 'x'), kTime, 0700 + i);
    tree().add_link("/to" + std::to_string(i), "pub/" + std::to_string(i));
  }
  for (unsigned i = 0; i < kLinks; ++i) {
    const std::string name = std::to_string(i);
    const auto entry = follow("/to" + name, ("pub/" + name).c_str());
    ASSERT_TRUE(entry) << entry.error().text;
    EXPECT_EQ(entry->size, i);
    EXPECT_EQ(entry->mode.value_or(0) & 077U, i);
  }
  EXPECT_LE(listings(), 1);
}

TEST_P(FtpFollow, WhatIsChangedHereIsSeenAtOnce) {
  EXPECT_EQ(follow("/file", "/pub/program")->mode, 0755);
  ASSERT_TRUE(remote_->set_mode(at("/pub/program"), 0700, soon()));
  EXPECT_EQ(follow("/file", "/pub/program")->mode, 0700);
  ASSERT_TRUE(write("/pub/program", "another length"));
  const auto written = follow("/file", "/pub/program");
  ASSERT_TRUE(written) << written.error().text;
  EXPECT_EQ(written->size, 14U);
  EXPECT_EQ(written->mode, 0700);
  ASSERT_TRUE(remote_->rename(at("/pub/program"), at("/pub/other"), soon()));
  expect_error(follow("/file", "/pub/program"), Errc::not_found);
}

TEST_P(FtpFollow, NowhereAndInACircle) {
  tree().add_link("/gone", "/pub/missing");
  tree().add_link("/a", "b");
  tree().add_link("/b", "a");
  expect_error(follow("/gone", "/pub/missing"), Errc::not_found);
  expect_error(follow("/a", "b"), Errc::not_found);
}

TEST_P(FtpFollow, SizeAndTimeOfTheFileBehindALink) {
  const auto version = remote_->version(at("/chain"), soon());
  ASSERT_TRUE(version) << version.error().text;
  EXPECT_EQ(version->size, 12U);
  EXPECT_EQ(version->mtime, (FileTime{kTime, TimeGrain::second}));
}

TEST_P(FtpFollow, AfterALostConnectionAnotherOneTells) {
  server_->add_fault({.verb = std::string(GetParam()) == "pyftpdlib" ? "MLST" : "CWD",
                      .kind = Fault::Kind::close});
  const auto entry = follow("/file", "/pub/program");
  ASSERT_TRUE(entry) << entry.error().text;
  EXPECT_EQ(entry->size, 12U);
}

INSTANTIATE_TEST_SUITE_P(Servers, FtpFollow,
                         ::testing::Values("vsftpd", "proftpd", "pyftpdlib", "unknown"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace ftpsfs::remote
