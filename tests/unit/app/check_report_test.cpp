// SPDX-License-Identifier: MIT
#include "ftpsfs/app/check_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ftpsfs::app {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(CheckReport, MarksAndTimesStandInColumns) {
  EXPECT_EQ(as_line({"TCP", CheckOutcome::good, "192.0.2.7:21", std::chrono::microseconds(20'340)}),
            "✓ TCP               20.3 ms  192.0.2.7:21\n");
  EXPECT_EQ(as_line({"login", CheckOutcome::failed, "530 No.", std::chrono::seconds(2)}),
            "✗ login               2.0 s  530 No.\n");
  EXPECT_EQ(as_line({"ALPN", CheckOutcome::skipped, "not used"}),
            "– ALPN                       not used\n");
}

TEST(CheckReport, AServersWordsCannotForgeALine) {
  EXPECT_THAT(as_line({"FEAT", CheckOutcome::good, "a\n✓ login\x1b[2J"}),
              HasSubstr("a\\x0a✓ login\\x1b[2J"));
}

TEST(CheckReport, IsGoodWithoutAFailedStep) {
  CheckReport report;
  report.steps = {{"name", CheckOutcome::good, ""}, {"ALPN", CheckOutcome::skipped, ""}};
  EXPECT_TRUE(report.is_good());
  report.steps.push_back({"login", CheckOutcome::failed, ""});
  EXPECT_FALSE(report.is_good());
}

TEST(CheckReport, EndsWithTheLineAndWhatItNeeds) {
  CheckReport report;
  EXPECT_EQ(check_end(report), "");
  report.fstab_line = "a  b  ftpsfs  c  0  0";
  report.notes = {"write the password into a file"};
  EXPECT_EQ(check_end(report),
            "\nThis line of /etc/fstab mounts it:\na  b  ftpsfs  c  0  0\n"
            "# write the password into a file\n");
}

TEST(CheckReport, JsonIsOneLineAndAlwaysUtf8) {
  CheckReport report;
  report.steps = {{"FEAT", CheckOutcome::good, "caf\xe9", std::chrono::microseconds(7)}};
  const std::string json = as_json(report);
  EXPECT_THAT(json, HasSubstr(R"("took_us":7)"));
  EXPECT_THAT(json, HasSubstr(R"("outcome":"good")"));
  EXPECT_THAT(json, HasSubstr("caf\xef\xbf\xbd"));
  EXPECT_THAT(json, Not(HasSubstr("\n")));
  EXPECT_THAT(json, Not(HasSubstr("fstab")));
}

}  // namespace
}  // namespace ftpsfs::app
