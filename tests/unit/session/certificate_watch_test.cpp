// SPDX-License-Identifier: MIT
#include "ftpsfs/session/certificate_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ftpsfs::session {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Whose = CertificateWatch::Whose;

constexpr auto kDay = std::chrono::hours(24);
const SystemTime kEnd = std::chrono::system_clock::from_time_t(1'900'000'000);  // 2030-03-17
const CertificateEnd kOurs{"CN = alice", kEnd};

TEST(CertificateWatchTest, WarnsThirtyAndSevenDaysBeforeAndWhenItIsOver) {
  CertificateWatch watch;
  EXPECT_FALSE(watch.note(Whose::client, kOurs, kEnd - 31 * kDay));
  const auto first = watch.note(Whose::client, kOurs, kEnd - 30 * kDay);
  ASSERT_TRUE(first);
  EXPECT_THAT(*first, AllOf(HasSubstr("CN = alice ends in 30 days, on 2030-03-17 17:46 UTC"),
                            HasSubstr("ftpsfs reload")));
  EXPECT_FALSE(watch.note(Whose::client, kOurs, kEnd - 29 * kDay)) << "once";
  EXPECT_TRUE(watch.note(Whose::client, kOurs, kEnd - 7 * kDay));
  EXPECT_FALSE(watch.note(Whose::client, kOurs, kEnd - kDay));
  EXPECT_THAT(*watch.note(Whose::client, kOurs, kEnd), HasSubstr("ended on"));
}

TEST(CertificateWatchTest, ANewCertificateBeginsAnew) {
  CertificateWatch watch;
  EXPECT_TRUE(watch.note(Whose::server, kOurs, kEnd - kDay));
  const CertificateEnd renewed{"CN = alice", kEnd + 365 * kDay};
  EXPECT_FALSE(watch.note(Whose::server, renewed, kEnd));
  EXPECT_EQ(watch.seen(Whose::server)->ends, renewed.ends);
  EXPECT_TRUE(watch.note(Whose::server, renewed, kEnd + 360 * kDay));
}

TEST(CertificateWatchTest, TellsStatusOfBoth) {
  CertificateWatch watch;
  EXPECT_THAT(watch.warnings(kEnd), IsEmpty());
  watch.note(Whose::client, kOurs, kEnd - 90 * kDay);
  watch.note(Whose::server, {"CN = ftp", kEnd + 60 * kDay}, kEnd - 90 * kDay);
  EXPECT_THAT(watch.warnings(kEnd - 90 * kDay), IsEmpty());
  EXPECT_THAT(watch.warnings(kEnd - 3 * kDay), ElementsAre(HasSubstr("the client's certificate")));
  EXPECT_THAT(watch.warnings(kEnd + 50 * kDay),
              ElementsAre(HasSubstr("ended on"), HasSubstr("tell whoever runs the server")));
}

}  // namespace
}  // namespace ftpsfs::session
