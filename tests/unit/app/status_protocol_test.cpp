// SPDX-License-Identifier: MIT
#include "ftpsfs/app/status_protocol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ftpsfs/session/verb_times.hpp"

namespace ftpsfs::app {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

std::string line_of(std::string text) {
  EXPECT_TRUE(text.ends_with('\n'));
  EXPECT_EQ(text.find('\n'), text.size() - 1) << "one line";
  text.pop_back();
  return text;
}

TEST(StatusProtocol, RequestsSurviveTheJourney) {
  for (const ControlVerb verb : {ControlVerb::status, ControlVerb::refresh, ControlVerb::reload,
                                 ControlVerb::log_level, ControlVerb::await_end}) {
    const auto request = decode_request(line_of(encode(ControlRequest{verb, log::Level::debug})));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->verb, verb);
    if (verb == ControlVerb::log_level) {
      EXPECT_EQ(request->level, log::Level::debug);
    }
  }
}

TEST(StatusProtocol, ReportsSurviveTheJourney) {
  StatusReport report;
  report.pid = 42;
  report.mount_point = "/mnt/ä \"b\"";
  report.server = "vsFTPd\nTLSv1.3";
  report.client_certificate = "CN = alice";
  report.client_certificate_ends = "2030-03-17 17:46 UTC";
  report.read_only = true;
  report.bytes_read = 1ULL << 63;
  report.connections_open = 3;
  report.verbs = {{"RETR", 3, 20'000, 16'384, 32'768, 30'000}, {"SITE CHMOD", 1, 7, 7, 7, 7}};
  report.trouble = "connection refused";
  report.transfers = {{"/orders/a.csv", true, 7, 100, 0, 1'500}, {"/b", false, 0, 1, 2, 3}};
  report.failures = {{"/orders/b", "552 quota", 61}};
  report.link_failures = 3;
  report.sent_again = 2;
  report.taken_up = 1;
  const auto reply = decode_reply(line_of(encode(ControlReply{{}, report})));
  ASSERT_TRUE(reply);
  ASSERT_TRUE(reply->status);
  EXPECT_EQ(*reply->status, report);
  EXPECT_FALSE(reply->error);
}

TEST(StatusProtocol, ARefreshMayNameAPlace) {
  ControlRequest request{ControlVerb::refresh, {}, "a/b \"c\""};
  EXPECT_EQ(decode_request(line_of(encode(request)))->path, request.path);
  request.path.clear();
  EXPECT_EQ(decode_request(line_of(encode(request)))->path, "");
}

TEST(StatusProtocol, TransfersAreShownWithWhatIsThere) {
  StatusReport report;
  report.transfers = {{"/a", false, 25, 25, 100, 1'000}, {"/b\x1b[2J", true, 0, 2048, 0, 1'000}};
  const std::string text = as_text(report);
  EXPECT_THAT(text, HasSubstr("down [##########..........]  50%"));
  EXPECT_THAT(text, HasSubstr("25 B/s  /a"));
  EXPECT_THAT(text, HasSubstr("2.0 KiB/s  /b\\x1b[2J"));
}

TEST(StatusProtocol, ALivePictureHasRates) {
  StatusReport before;
  before.pid = 7;
  StatusReport now = before;
  now.bytes_read = 4096;
  now.commands = 10;
  const auto passed = std::chrono::milliseconds(2'000);
  EXPECT_THAT(as_live_text(now, &before, passed),
              HasSubstr("2.0 KiB/s read, 0 B/s written, 5 commands/s"));
  EXPECT_EQ(as_live_text(now, nullptr, passed), as_text(now));
  before.pid = 8;  // another process: its numbers began anew
  EXPECT_EQ(as_live_text(now, &before, passed), as_text(now));
}

TEST(StatusProtocol, TroubleIsAWarning) {
  StatusReport report;
  EXPECT_THAT(as_text(report), Not(HasSubstr("WARNING")));
  report.trouble = "connection refused by 192.0.2.1:21";
  EXPECT_THAT(as_text(report), HasSubstr("WARNING      connection refused"));
}

TEST(StatusProtocol, ErrorsSurviveTheJourney) {
  const auto reply = decode_reply(line_of(encode(ControlReply{"no", {}})));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->error, "no");
}

TEST(StatusProtocol, TheEndSurvivesTheJourney) {
  const EndReport end{3, 4, 5, 6, 7};
  const auto reply = decode_reply(line_of(encode(ControlReply{.end = end})));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->end, end);
  const auto of_old = decode_reply(R"({"v":1,"ok":true,"end":{"lost_files":3}})");
  ASSERT_TRUE(of_old);
  EXPECT_EQ(of_old->end, (EndReport{3, 0, 0, 0, 0})) << "one that has no journal";
  EXPECT_FALSE(decode_reply(line_of(encode(ControlReply{})))->end);
}

TEST(StatusProtocol, AnEndWithoutItsNumberIsNotAGoodEnd) {
  for (const char* end :
       {"{}", "[]", "null", "0", R"({"lost_files":-1})", R"({"lost_files":"0"})",
        R"({"lost_files":0,"waiting":-1})", R"({"lost_files":0,"refused":"0"})",
        R"({"lost_files":0,"given_up":null})", R"({"lost_files":0,"conflicts":-1})"}) {
    EXPECT_FALSE(decode_reply(std::string(R"({"v":1,"ok":true,"end":)") + end + "}")) << end;
  }
}

/// Each of the numbers alone is told, and one that is nothing is not spoken of.
TEST(StatusProtocol, AnEndTellsAllThatIsNotAsProgramsWereTold) {
  EXPECT_TRUE(is_good(EndReport{}));
  EXPECT_EQ(as_text(EndReport{}), "");
  const std::vector<std::pair<EndReport, const char*>> ends = {
      {{.lost_files = 1}, "1 file is not whole on the server"},
      {{.lost_files = 2}, "2 files are not whole on the server"},
      {{.waiting = 1}, "1 change waits in the journal for the next mount"},
      {{.refused = 2}, "2 changes were refused, and are kept in the journal"},
      {{.given_up = 3}, "3 changes were refused, and given up"},
      {{.conflicts = 1},
       "1 change met one of others, which stays: ours is NAME.conflict-DATE-TIME, or was not "
       "carried out"}};
  for (const auto& [end, text] : ends) {
    EXPECT_FALSE(is_good(end)) << text;
    EXPECT_EQ(as_text(end), text);
  }
  EXPECT_EQ(as_text(EndReport{.waiting = 3, .given_up = 1}),
            "3 changes wait in the journal for the next mount; 1 change was refused, and given up");
}

TEST(StatusProtocol, WhatIsOwedSurvivesTheJourney) {
  for (const ControlVerb verb : {ControlVerb::uploads, ControlVerb::retry_uploads,
                                 ControlVerb::export_uploads, ControlVerb::discard_uploads}) {
    const auto request = decode_request(line_of(encode(ControlRequest{verb, {}, "/shelf"})));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->verb, verb);
    EXPECT_EQ(request->path, "/shelf");
  }
  UploadsReport report;
  report.owed = {{"upload", "/d/f", 12, 1'700'000'000, "552 quota"},
                 {"rename", "/a -> /b\x1b[2J", 0, 1'700'000'001, ""}};
  report.waiting = 7;
  report.refused = 1;
  report.done = 2;
  const auto reply = decode_reply(line_of(encode(ControlReply{.uploads = report})));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->uploads, report);
  const std::string text = as_text(report);
  EXPECT_THAT(text, HasSubstr("/d/f: 552 quota"));
  EXPECT_THAT(text, HasSubstr("and 6 more"));
  EXPECT_THAT(text, HasSubstr("7 waiting, 1 refused"));
  const std::string refused_alone = as_text(report, true);
  EXPECT_THAT(refused_alone, HasSubstr("/d/f: 552 quota"));
  EXPECT_THAT(refused_alone, Not(HasSubstr("/b")));
  EXPECT_THAT(refused_alone, Not(HasSubstr("more")));
  EXPECT_THAT(refused_alone, Not(HasSubstr("waiting")));
  EXPECT_THAT(text, Not(HasSubstr("\x1b"))) << "names must not speak to the terminal";
}

TEST(StatusProtocol, AMountWithWritebackTellsOfItsJournal) {
  StatusReport report;
  EXPECT_THAT(as_text(report), Not(HasSubstr("writeback")));
  report.writeback = true;
  report.waiting_changes = 3;
  report.refused_changes = 2;
  report.journal_trouble = "no route";
  EXPECT_THAT(as_text(report), HasSubstr("3 changes wait"));
  EXPECT_THAT(as_text(report), HasSubstr("2 refused"));
  EXPECT_THAT(as_text(report), HasSubstr("nothing is uploaded now: no route"));
  EXPECT_THAT(as_text(report), Not(HasSubstr("the journal /x")));
  report.idle_journals = "the journal /x holds changes";
  EXPECT_THAT(as_text(report), HasSubstr("WARNING      the journal /x holds changes"));
}

TEST(StatusProtocol, NamesThatAreNoUtf8DoNotBreakIt) {
  StatusReport report;
  report.source = "ftpes://h/\xff\xfe";
  EXPECT_TRUE(decode_reply(line_of(encode(ControlReply{{}, report}))));
  EXPECT_THAT(as_json(report), HasSubstr("ftpes://h/"));
}

TEST(StatusProtocol, WhatCannotBeReadIsAnError) {
  for (const char* line :
       {"", "{", "[]", "1", "{}", R"({"v":"1","request":"status"})", R"({"v":1})",
        R"({"v":1,"request":"explode"})", R"({"v":1,"request":1})",
        R"({"v":1,"request":"log-level"})", R"({"v":1,"request":"log-level","level":"loud"})"}) {
    EXPECT_FALSE(decode_request(line)) << line;
  }
  for (const char* line : {"", "{}", R"({"v":1})", R"({"v":1,"ok":"yes"})"}) {
    EXPECT_FALSE(decode_reply(line)) << line;
  }
  EXPECT_EQ(decode_request(R"({"v":2,"request":"status"})").error().code, Errc::unsupported);
}

TEST(StatusProtocol, FieldsOfAnotherTypeAreLeftAtTheirDefault) {
  const auto reply = decode_reply(
      R"({"v":1,"ok":true,"status":{"pid":"x","server":7,"inodes":-1,"read_only":1,"new":[]}})");
  ASSERT_TRUE(reply);
  EXPECT_EQ(*reply->status, StatusReport());
}

TEST(StatusProtocol, VerbsThatCannotBeReadAreLeftOut) {
  const auto reply = decode_reply(
      R"({"v":1,"ok":true,"status":{"verbs":[1,{"verb":"RETR","count":"x","max_us":9}]}})");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status->verbs, (std::vector<VerbReport>{{"RETR", 0, 0, 0, 0, 9}}));
  EXPECT_TRUE(decode_reply(R"({"v":1,"ok":true,"status":{"verbs":{}}})")->status->verbs.empty());
}

/// As many as there can be, of the greatest length and with the greatest numbers.
TEST(StatusProtocol, AStatusWithAllVerbsFitsIntoAReply) {
  StatusReport report;
  report.verbs.assign(session::VerbTimes::kMostVerbs,
                      {std::string(session::VerbTimes::kLongestVerb, 'V'), UINT64_MAX, UINT64_MAX,
                       UINT64_MAX, UINT64_MAX, UINT64_MAX});
  report.failures.assign(8, {std::string(200, '\x01'), std::string(200, '\x01'), UINT64_MAX});
  EXPECT_LT(encode(ControlReply{{}, report}).size(), kLongestReply / 2);
}

TEST(StatusProtocol, TheTextWarnsOfTheEndOfACertificate) {
  StatusReport report;
  EXPECT_THAT(as_text(report), Not(AnyOf(HasSubstr("certificate"), HasSubstr("WARNING"))));
  report.client_certificate = "CN = alice";
  report.client_certificate_ends = "2030-03-17 17:46 UTC";
  report.certificate_warning = "it ends";
  EXPECT_THAT(as_text(report), AllOf(HasSubstr("CN = alice, until 2030-03-17 17:46 UTC\n"),
                                     HasSubstr("WARNING      it ends\n")));
}

TEST(StatusProtocol, TheTextShowsTheVerbsThatTookMostOfTheTime) {
  StatusReport report;
  EXPECT_THAT(as_text(report), Not(HasSubstr("replies")));
  for (const char* verb : {"RETR", "MLSD", "MLST", "EPSV", "USER", "PASS", "NOOP"}) {
    report.verbs.push_back({verb, 3, 21'300, 16'384, 32'768, 1'500'000});
  }
  const std::string text = as_text(report);
  EXPECT_THAT(text, HasSubstr("RETR               3     21.3 ms     32.8 ms       1.5 s\n"));
  EXPECT_THAT(text, HasSubstr("PASS"));
  EXPECT_THAT(text, Not(HasSubstr("NOOP")));
}

TEST(StatusProtocol, TheTextHasNoWordThatATerminalObeys) {
  const std::string bad =
      "a\x1b]0;b\xc2\x9b"
      "2J\n";
  StatusReport report;
  report.source = report.mount_point = report.server = report.username = bad;
  report.client_certificate = report.client_certificate_ends = bad;
  report.certificate_warning = report.log_level = report.trouble = bad;
  report.verbs = {{bad, 1, 1, 1, 1, 1}};
  report.transfers = {{bad, true, 0, 1, 2, 3}};
  report.failures = {{bad, bad, 1}};
  const std::string text = as_text(report);
  EXPECT_THAT(text,
              AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xc2\x9b")), Not(HasSubstr("2J\n"))));
  EXPECT_THAT(text, HasSubstr("a\\x1b]0;b\\xc2\\x9b2J\\x0a on "));
}

TEST(StatusProtocol, TheTextTellsWhyUploadsFailedAndHowTheLinkIs) {
  StatusReport report;
  EXPECT_THAT(as_text(report), Not(HasSubstr("  failed  ")));
  report.failures = {{"/orders/a", "552 quota", 61}, {"/orders/b", "553 no", 5}};
  report.link_failures = 3;
  report.sent_again = 2;
  report.taken_up = 1;
  report.server_certificate_ends = "2030-03-17 17:46 UTC";
  EXPECT_THAT(as_text(report),
              AllOf(HasSubstr("  failed       /orders/a: 552 quota (1 min 1 s ago)\n"
                              "  failed       /orders/b: 553 no (5 s ago)\n"),
                    HasSubstr("3 failures, 2 operations sent again, 1 transfers taken up again\n"),
                    HasSubstr("  certificate  the server's, until 2030-03-17 17:46 UTC\n")));
}

TEST(StatusProtocol, TheTextForPeopleNamesWhatMatters) {
  StatusReport report;
  report.source = "ftpes://h/p";
  report.mount_point = "/mnt";
  report.bytes_read = 3ULL << 20;
  report.failed_uploads = 2;
  report.uptime_seconds = 3700;
  const std::string text = as_text(report);
  EXPECT_THAT(text, HasSubstr("ftpes://h/p on /mnt\n"));
  EXPECT_THAT(text, HasSubstr("3.0 MiB read"));
  EXPECT_THAT(text, HasSubstr("2 failed uploads"));
  EXPECT_THAT(text, HasSubstr("up 1 h 1 min"));
  EXPECT_THAT(text, Not(HasSubstr("not whole")));
  report.lost_files = 1;
  EXPECT_THAT(as_text(report), HasSubstr("2 failed uploads, 1 not whole on the server"));
  report.rescued_files = 3;
  EXPECT_THAT(as_text(report), HasSubstr("1 not whole on the server, 3 kept for recovery"));
}

}  // namespace
}  // namespace ftpsfs::app
