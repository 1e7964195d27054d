// SPDX-License-Identifier: MIT
//
// Downloads whose end is announced before their data, and when that is given up.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "warm_data_fixture.hpp"

namespace ftpsfs::session {
namespace {

class AnnouncedEnd : public WarmData {
 protected:
  void expect_broken_download() {
    auto download = Download::open(*session_, "/f", 0, soon());
    ASSERT_TRUE(download) << download.error().text;
    std::vector<std::byte> buffer(100);
    Result<std::size_t> got = std::size_t{1};
    while (got && *got > 0) {
      got = (*download)->read(buffer, soon());
    }
    EXPECT_FALSE(got);
  }
};

/// vsftpd hears the end of a download before its data. Where that fails again and again it is left
/// alone; one that works again proves the opposite.
TEST_F(AnnouncedEnd, ThatBreaksDownloadsIsGivenUp) {
  knowledge_.note(ServerKnowledge::Way::announced_end, false);
  knowledge_.note(ServerKnowledge::Way::announced_end, false);
  ASSERT_TRUE(knowledge_.allows(ServerKnowledge::Way::announced_end));
  begin(kVsftpd);
  control_.expect_bytes(kRecord).send(kStamp).reply("150 here").run(begun_.opener());
  data_.run(begun_.waiter()).send("hel").reset();
  control_.send("426 broken\r\n229 (|||1002|)\r\n").expect_end();
  log_in();
  expect_broken_download();
  EXPECT_FALSE(knowledge_.allows(ServerKnowledge::Way::announced_end)) << "the third in a row";
  EXPECT_TRUE(session_->settle(soon()));
  finish();
}

class AnnouncedEndOfSizes : public AnnouncedEnd,
                            public ::testing::WithParamInterface<std::size_t> {};

/// A short download proves nothing: all of it may have been on its way before.
TEST_P(AnnouncedEndOfSizes, IsKeptWhereALongDownloadWorks) {
  const std::string content(GetParam(), 'x');
  knowledge_.note(ServerKnowledge::Way::announced_end, false);
  knowledge_.note(ServerKnowledge::Way::announced_end, false);
  begin(kVsftpd);
  control_.expect_bytes(kRecord).send(kStamp).reply("150 here").run(begun_.opener());
  control_.send("226 done\r\n229 (|||1002|)\r\n").expect_end();
  serve(data_, begun_, content);
  log_in();
  EXPECT_EQ(fetch("/f"), content);
  knowledge_.note(ServerKnowledge::Way::announced_end, false);
  EXPECT_EQ(knowledge_.allows(ServerKnowledge::Way::announced_end), GetParam() > 64 * 1024)
      << "three in a row?";
  EXPECT_TRUE(session_->settle(soon()));
  finish();
}

INSTANTIATE_TEST_SUITE_P(Sizes, AnnouncedEndOfSizes, ::testing::Values(5, 100'000));

TEST_F(AnnouncedEnd, BehindWhichTheServerRefusesIsAFailure) {
  knowledge_.note(ServerKnowledge::Way::announced_end, false);
  knowledge_.note(ServerKnowledge::Way::announced_end, false);
  begin(kVsftpd);
  control_.expect_bytes(kRecord).send(kStamp).reply("150 here").run(begun_.opener());
  control_.send("426 broken\r\n229 (|||1002|)\r\n").expect_end();
  serve(data_, begun_, "hel");
  log_in();
  expect_broken_download();
  EXPECT_FALSE(knowledge_.allows(ServerKnowledge::Way::announced_end));
  EXPECT_TRUE(session_->settle(soon()));
  finish();
}

class AnnouncedByFin : public AnnouncedEnd, public ::testing::WithParamInterface<std::string> {};

/// A router may forget a half-closed connection while a long file is read slowly.
TEST_P(AnnouncedByFin, WhereTheFileIsShort) {
  const bool is_short = GetParam() == "1048576";
  begin("220 ProFTPD Server (test)");
  control_.expect_bytes(kRecord).send("213 " + GetParam() + "\r\n213 20200913122640\r\n");
  control_.reply("150 here").run(begun_.opener());
  control_.send("226 done\r\n229 (|||1002|)\r\n").expect_end();
  const std::string content(std::stoul(GetParam()), 'x');
  data_.run(begun_.waiter());
  if (is_short) {
    data_.expect_end();
  }
  data_.send(content).close();
  log_in();
  EXPECT_TRUE(fetch("/f") == content);
  EXPECT_TRUE(session_->settle(soon()));
  finish();
}

INSTANTIATE_TEST_SUITE_P(Sizes, AnnouncedByFin, ::testing::Values("1048576", "1048577"));

}  // namespace
}  // namespace ftpsfs::session
