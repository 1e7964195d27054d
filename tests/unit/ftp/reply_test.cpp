// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/reply.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "samples.hpp"

namespace ftpsfs::ftp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Reply> parse_in_pieces(std::string_view wire, std::size_t piece_bytes) {
  ReplyParser parser;
  std::vector<Reply> replies;
  for (std::size_t at = 0; at < wire.size(); at += piece_bytes) {
    EXPECT_TRUE(parser.feed(wire.substr(at, piece_bytes)));
    while (auto reply = parser.next()) {
      replies.push_back(*std::move(reply));
    }
  }
  EXPECT_TRUE(parser.empty());
  return replies;
}

bool same(const std::vector<Reply>& a, const std::vector<Reply>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Reply& x, const Reply& y) {
    return x.code == y.code && x.lines == y.lines;
  });
}

TEST(ReplyParser, ReadsOneLine) {
  const Reply reply = reply_of("220 (vsFTPd 3.0.3)\r");
  EXPECT_EQ(reply.code, 220);
  EXPECT_THAT(reply.lines, ElementsAre("(vsFTPd 3.0.3)"));
}

TEST(ReplyParser, ReadsACodeWithoutText) {
  EXPECT_THAT(reply_of("220").lines, ElementsAre(""));
  EXPECT_THAT(reply_of("220 ").lines, ElementsAre(""));
  EXPECT_EQ(reply_of("220").code, 220);
}

TEST(ReplyParser, KeepsMiddleLinesWhole) {
  const Reply reply = reply_of("211-Features:\r\n SIZE\r\n211-MDTM\r\n\r\n211 End\r");
  EXPECT_THAT(reply.lines, ElementsAre("Features:", " SIZE", "211-MDTM", "", "End"));
  EXPECT_EQ(reply.body(), "SIZE\nMDTM\n\n");
}

/// RFC 959 §4.2: only the same code and a blank end a reply.
TEST(ReplyParser, EndsAReplyOnlyAtItsOwnCode) {
  const Reply reply =
      reply_of("123-First\n234 A line that begins with numbers\n123\n 123 x\n123 End");
  EXPECT_EQ(reply.code, 123);
  EXPECT_EQ(reply.lines.size(), 5U);
  EXPECT_EQ(reply.lines.back(), "End");
}

TEST(ReplyParser, TakesTheSameFromEveryCut) {
  for (const char* name :
       {"vsftpd.dialogue", "proftpd.dialogue", "pureftpd.dialogue", "pyftpdlib.dialogue"}) {
    std::string wire;
    for (const Exchange& exchange : read_dialogue(name)) {
      wire += exchange.answer;
    }
    const auto whole = parse_in_pieces(wire, wire.size());
    EXPECT_GT(whole.size(), 100U);
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 1460U}) {
      EXPECT_TRUE(same(whole, parse_in_pieces(wire, piece))) << name << " in pieces of " << piece;
    }
  }
}

TEST(ReplyParser, TakesTheSameFromEachSplitPoint) {
  const std::string wire =
      "220---- Hi\r\n\xFF\xFB\x01"
      "220-x\xFF\xFFy\r\n220 End\r\n331 \r\n";
  const auto whole = parse_in_pieces(wire, wire.size());
  ASSERT_EQ(whole.size(), 2U);
  EXPECT_THAT(whole[0].lines, ElementsAre("--- Hi", "220-x\xFFy", "End"));
  for (std::size_t cut = 1; cut < wire.size(); ++cut) {
    ReplyParser parser;
    ASSERT_TRUE(parser.feed(wire.substr(0, cut)));
    ASSERT_TRUE(parser.feed(wire.substr(cut)));
    std::vector<Reply> replies;
    while (auto reply = parser.next()) {
      replies.push_back(*std::move(reply));
    }
    EXPECT_TRUE(same(whole, replies)) << cut;
  }
}

/// Each answer of the recordings is whole: preliminary replies and one final.
TEST(ReplyParser, CutsRecordedDialoguesAtTheirSeams) {
  for (const char* name :
       {"vsftpd.dialogue", "proftpd.dialogue", "pureftpd.dialogue", "pyftpdlib.dialogue"}) {
    for (const Exchange& exchange : read_dialogue(name)) {
      const auto replies = parse_in_pieces(exchange.answer, exchange.answer.size());
      ASSERT_FALSE(replies.empty()) << name << ": " << exchange.command;
      EXPECT_FALSE(replies.back().is_preliminary()) << name << ": " << exchange.command;
      for (std::size_t i = 0; i + 1 < replies.size(); ++i) {
        EXPECT_TRUE(replies[i].is_preliminary()) << name << ": " << exchange.command;
      }
    }
  }
}

TEST(ReplyParser, DropsTelnetCommands) {
  EXPECT_THAT(reply_of("\xFF\xFB\x01\xFF\xF9"
                       "220 a\xFF\xFD\x18"
                       "b")
                  .lines,
              ElementsAre("ab"));
}

TEST(ReplyParser, KeepsAByte255ThatIsNoTelnetCommand) {
  EXPECT_THAT(reply_of("250 na\xFFve\r").lines, ElementsAre("na\xFFve"));
  EXPECT_THAT(reply_of("250 \xFF").lines, ElementsAre("\xFF"));
  EXPECT_THAT(reply_of("250 \xFF\xFF").lines, ElementsAre("\xFF"));
}

TEST(ReplyParser, IsEmptyOnlyWithoutByteAndReply) {
  ReplyParser parser;
  EXPECT_TRUE(parser.empty());
  ASSERT_TRUE(parser.feed("234 ok\r\n"));
  EXPECT_FALSE(parser.empty()) << "a reply waits";
  ASSERT_TRUE(parser.next());
  EXPECT_TRUE(parser.empty());
  ASSERT_TRUE(parser.feed("2"));
  EXPECT_FALSE(parser.empty()) << "an injected byte waits";
}

TEST(ReplyParser, IsNotEmptyInsideATelnetCommandOrAReply) {
  ReplyParser telnet;
  ASSERT_TRUE(telnet.feed("\xFF"));
  EXPECT_FALSE(telnet.empty());
  ReplyParser open;
  ASSERT_TRUE(open.feed("220-x\r\n"));
  EXPECT_FALSE(open.empty());
  EXPECT_FALSE(open.next());
}

/// CVE-2021-22947: what stands behind the 234 in the same segment must be noticed.
TEST(ReplyParser, SeesAnInjectedReplyBehindThe234) {
  ReplyParser parser;
  ASSERT_TRUE(parser.feed("234 ok\r\n230 you are in\r\n"));
  EXPECT_EQ(parser.next()->code, 234);
  EXPECT_FALSE(parser.empty());
}

TEST(ReplyParser, RefusesGarbage) {
  for (const char* wire :
       {"hello\n", "\n", "\r\n", " 220 x\n", "22\n", "2200 x\n", "220x\n", "022 x\n", "622 x\n",
        "99 x\n", "220\tx\n", "-20 x\n", "drwxr-xr-x 2 0 0 4096 Nov 21 02:04 dir\r\n"}) {
    ReplyParser parser;
    const auto result = parser.feed(wire);
    ASSERT_FALSE(result) << wire;
    EXPECT_EQ(result.error().code, Errc::protocol_error);
    EXPECT_EQ(result.error().fate, SessionFate::broken);
    EXPECT_FALSE(parser.empty());
    EXPECT_FALSE(parser.feed("220 fine\r\n")) << "a failure is for ever";
    EXPECT_FALSE(parser.next());
  }
}

TEST(ReplyParser, KeepsRepliesThatCameBeforeTheGarbage) {
  ReplyParser parser;
  EXPECT_FALSE(parser.feed("250 Rename successful\r\ngarbage\r\n"));
  ASSERT_TRUE(parser.next());
  EXPECT_FALSE(parser.empty());
}

TEST(ReplyParser, SaysWhatThePeerIsWhenItIsNoFtpServer) {
  ReplyParser ssh;
  EXPECT_THAT(ssh.feed("SSH-2.0-OpenSSH_9.2\x1b\r\n").error().text,
              HasSubstr("\"SSH-2.0-OpenSSH_9.2.\""));
  ReplyParser tls;
  EXPECT_THAT(tls.feed("\x15\x03\x03\n").error().text, HasSubstr("TLS"));
}

TEST(ReplyParser, BoundsALine) {
  ReplyParser parser;
  ASSERT_TRUE(parser.feed("220 " + std::string(ReplyParser::kMaxLineBytes - 4, 'x')));
  const auto result = parser.feed("x");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::protocol_error);
}

TEST(ReplyParser, BoundsAReplyAndCountsEmptyLines) {
  for (const std::string& line : {std::string("\n"), std::string(60'000, 'x') + "\n"}) {
    ReplyParser parser;
    ASSERT_TRUE(parser.feed("211-x\n"));
    std::string chunk;
    while (chunk.size() < 60'000) {
      chunk += line;
    }
    std::size_t fed = 0;
    while (parser.feed(chunk)) {
      fed += chunk.size();
      ASSERT_LE(fed, ReplyParser::kMaxReplyBytes);
    }
    EXPECT_GT(fed, std::size_t{1} << 20U);
  }
}

TEST(ReplyParser, TakesListingsOfTwentyThousandNames) {
  const std::string line =
      "-rw-r--r--    1 65534    65534           1 Nov 21 02:04 " + std::string(255, 'n') + "\r\n";
  ReplyParser parser;
  ASSERT_TRUE(parser.feed("213-Status follows:\r\n"));
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(parser.feed(line));
  }
  ASSERT_TRUE(parser.feed("213 End of status\r\n"));
  EXPECT_EQ(parser.next()->lines.size(), 20'002U);
}

TEST(ReplyParser, BoundsTheQueue) {
  ReplyParser parser;
  for (std::size_t i = 0; i < ReplyParser::kMaxQueuedReplies; ++i) {
    ASSERT_TRUE(parser.feed("200 x\r\n"));
  }
  EXPECT_FALSE(parser.feed("200 x\r\n"));
}

TEST(ReplyParser, FreesTheBudgetOfRepliesThatWereTaken) {
  ReplyParser parser;
  std::string reply = "211-x\n";
  for (int i = 0; i < 200; ++i) {
    reply += std::string(60'000, 'x') + "\n";
  }
  reply += "211 x\n";  // 12 MB
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(parser.feed(reply)) << i;
    ASSERT_TRUE(parser.next());
  }
  ASSERT_TRUE(parser.feed(reply + reply + reply + reply + reply));
  EXPECT_FALSE(parser.feed(reply)) << "six wait: over the bound";
}

TEST(Reply, KnowsItsClass) {
  EXPECT_TRUE((Reply{150, {}}.is_preliminary()));
  EXPECT_TRUE((Reply{226, {}}.is_completion()));
  EXPECT_TRUE((Reply{350, {}}.is_intermediate()));
  EXPECT_TRUE((Reply{450, {}}.is_transient_negative()));
  EXPECT_TRUE((Reply{550, {}}.is_permanent_negative()));
  EXPECT_TRUE((Reply{350, {}}.is_positive()));
  EXPECT_FALSE((Reply{400, {}}.is_positive()));
  EXPECT_FALSE((Reply{0, {}}.is_positive()));
  EXPECT_FALSE((Reply{226, {}}.is_preliminary()));
}

TEST(Reply, TextIsOneLineForPeople) {
  EXPECT_EQ(reply_of("550 No such file").text(), "550 No such file");
  EXPECT_EQ(reply_of("220---- Welcome\r\n220-You are 1 of 50\r\n\r\n220 Bye\r").text(),
            "220 --- Welcome You are 1 of 50 Bye");
  EXPECT_EQ(reply_of("200").text(), "200");
}

TEST(Reply, TextKeepsTheCauseBehindALongPath) {
  const std::string path(1500, 'n');
  const std::string text = reply_of("550 " + path + ": No such file or directory").text();
  EXPECT_LT(text.size(), 700U);
  EXPECT_TRUE(text.ends_with("nn: No such file or directory")) << text;
  std::string chatter = "550-Begin\n";
  for (int i = 0; i < 1000; ++i) {
    chatter += " something or other\n";
  }
  const std::string shortened = reply_of(chatter + "550 Disk full").text();
  EXPECT_LT(shortened.size(), 700U);
  EXPECT_TRUE(shortened.ends_with(" … Disk full")) << shortened;
}

TEST(Reply, BodyIsAListingWhateverTheFraming) {
  EXPECT_EQ(answer_to("proftpd.dialogue", "STAT -a .").body().substr(0, 11), "drwxr-xr-x ");
  EXPECT_EQ(answer_to("vsftpd.dialogue", "STAT -a .").body().substr(0, 11), "drwxr-xr-x ");
  EXPECT_EQ(reply_of("213-x\n213-drwx\n213 y").body(), "drwx\n");
  EXPECT_EQ(reply_of("213-x\n213 y").body(), "");
  EXPECT_EQ(reply_of("213 y").body(), "");
}

}  // namespace
}  // namespace ftpsfs::ftp
