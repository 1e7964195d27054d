// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/features.hpp"

#include <gmock/gmock.h>

#include <string>

#include "samples.hpp"

namespace ftpsfs::ftp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Features, OfVsftpd) {
  const Features features = parse_features(answer_to("vsftpd.dialogue", "FEAT"));
  EXPECT_TRUE(features.answered);
  EXPECT_EQ(features.lines.size(), 10U);
  EXPECT_TRUE(features.auth_tls && features.eprt && features.epsv && features.mdtm);
  EXPECT_TRUE(features.pasv && features.pbsz && features.prot && features.rest_stream);
  EXPECT_TRUE(features.size && features.tvfs);
  EXPECT_FALSE(features.mlst || features.mlsd || features.utf8 || features.mfmt || features.mff);
  EXPECT_FALSE(features.auth_ssl || features.avbl || features.ccc || features.host);
  EXPECT_THAT(features.site_verbs, IsEmpty());
}

TEST(Features, OfProftpd) {
  const Features features = parse_features(answer_to("proftpd.dialogue", "FEAT"));
  EXPECT_TRUE(features.mlst && features.mlsd && features.mfmt && features.mff && features.utf8);
  EXPECT_TRUE(features.ccc && features.clnt && features.host);
  EXPECT_TRUE(features.has_mlst_fact("UNIX.mode"));
  EXPECT_TRUE(features.has_mlst_fact("unique"));
  EXPECT_FALSE(features.has_mlst_fact("create"));
  EXPECT_EQ(features.mlst_facts, features.mlst_active_facts);
  EXPECT_THAT(features.mff_facts, ElementsAre("modify", "unix.group", "unix.mode"));
  EXPECT_TRUE(features.has_mff_fact("UNIX.mode"));
  EXPECT_THAT(features.site_verbs, ElementsAre("MKDIR", "RMDIR", "SYMLINK", "UTIME"));
  EXPECT_TRUE(features.has_site("symlink"));
  EXPECT_FALSE(features.has_site("CHMOD"));
}

TEST(Features, OfPureFtpd) {
  const Features features = parse_features(answer_to("pureftpd.dialogue", "FEAT"));
  EXPECT_TRUE(features.mlst && features.mlsd && features.mfmt && features.utf8 && features.pret);
  EXPECT_FALSE(features.mff);
  EXPECT_TRUE(features.has_mlst_fact("sizd"));
  EXPECT_FALSE(features.has_mlst_fact("perm"));
}

TEST(Features, OfPyftpdlib) {
  const Features features = parse_features(answer_to("pyftpdlib.dialogue", "FEAT"));
  EXPECT_TRUE(features.mlst && features.auth_ssl && features.auth_tls);
  EXPECT_THAT(features.mlst_active_facts, ElementsAre("type", "perm", "size", "modify", "unique"));
  EXPECT_TRUE(features.has_mlst_fact("unix.mode"));
}

TEST(Features, InOtherDress) {
  const Features features = parse_features(
      reply_of("211-Extended features supported:\n LANG EN*\n UTF8\n"
               " AUTH TLS;TLS-C;SSL;TLS-P;\n PBSZ\n PROT C;P;\n rest stream\n"
               "211-mlst Type*;Size;\n avbl\n SITE PSWD;SET;ZONE\n HASH SHA-256*;MD5\n211 END"));
  EXPECT_TRUE(features.auth_tls && features.auth_ssl && features.rest_stream && features.avbl);
  EXPECT_TRUE(features.mlst && features.mlsd && features.hash && features.prot);
  EXPECT_THAT(features.mlst_facts, ElementsAre("type", "size"));
  EXPECT_THAT(features.mlst_active_facts, ElementsAre("type"));
  EXPECT_THAT(features.site_verbs, ElementsAre("PSWD", "SET", "ZONE"));
}

TEST(Features, RefusedOrEmptyGiveNothing) {
  EXPECT_FALSE(parse_features(reply_of("500 Unknown command.")).answered);
  EXPECT_FALSE(parse_features(reply_of("530-Please\n MLST size*;\n530 log in")).mlst);
  const Features none = parse_features(reply_of("211 No features"));
  EXPECT_TRUE(none.answered);
  EXPECT_THAT(none.lines, IsEmpty());
  EXPECT_FALSE(parse_features(reply_of("211-Features\n REST\n MLS T\n211 End")).rest_stream);
  EXPECT_TRUE(parse_features(reply_of("211-Features\n RANG STREAM\n211 End")).rang_stream);
  EXPECT_THAT(parse_features(reply_of("211-F\n MLST *;\n \n211 End")).mlst_facts, ElementsAre(""));
}

TEST(EpsvPort, TakesAnyDelimiter) {
  EXPECT_EQ(*parse_epsv_port(reply_of("229 Entering Extended Passive Mode (|||6446|)")), 6446);
  EXPECT_EQ(*parse_epsv_port(reply_of("229 ok (!!!1!)")), 1);
  EXPECT_EQ(*parse_epsv_port(reply_of("229 (see below) (|||65535|).")), 65535);
  EXPECT_EQ(*parse_epsv_port(reply_of("229-chatter\n229 (|||7|)")), 7);
}

TEST(EpsvPort, IgnoresAnAddress) {
  EXPECT_EQ(*parse_epsv_port(reply_of("229 ok (|2|1080::8:800:200C:417A|5282|)")), 5282);
}

TEST(EpsvPort, RefusesNonsense) {
  for (const char* text :
       {"229 ok", "229 (|||0|)", "229 (|||65536|)", "229 (|||-1|)", "229 (|||12)", "229 (||12|)",
        "229 (|||12a|)", "229 (||||)", "229 (", "229 ()", "229 (1112111)", "229 (|||99999999999|)",
        "229 |||6446|", "229 (   6446 )", "229 (|||+6|)", "229 (||| 6|)"}) {
    const auto port = parse_epsv_port(reply_of(text));
    ASSERT_FALSE(port) << text;
    EXPECT_EQ(port.error().code, Errc::protocol_error) << text;
    EXPECT_EQ(port.error().fate, SessionFate::usable);
  }
  EXPECT_EQ(parse_epsv_port(reply_of("500 Unknown")).error().code, Errc::unsupported);
  EXPECT_EQ(parse_epsv_port(reply_of("200 (|||6446|)")).error().fate, SessionFate::broken);
}

TEST(PasvPort, IsFoundWithAndWithoutParentheses) {
  EXPECT_EQ(*parse_pasv(reply_of("227 Entering Passive Mode (127,0,0,1,209,241).")),
            209 * 256 + 241);
  EXPECT_EQ(*parse_pasv(reply_of("227 Entering Passive Mode (127,0,0,1,248,237)")),
            248 * 256 + 237);
  EXPECT_EQ(*parse_pasv(reply_of("227 Entering Passive Mode 10,0,0,1,1,2")), 258);
  EXPECT_EQ(*parse_pasv(reply_of("227 =1,2,3,4,0,21 yes")), 21);
  EXPECT_EQ(*parse_pasv(reply_of("227 port 7 is (1,2,3,4,0,21)")), 21);
}

TEST(PasvPort, RefusesNonsense) {
  for (const char* text : {"227 ok", "227 (1,2,3,4,5)", "227 (1,2,3,4,0,0)", "227 (256,2,3,4,5)",
                           "227 (1,2,3,4,256,6)", "227 (1,2,3,4,5,256)", "227 (1,2,3,4,,6)",
                           "227 (1, 2, 3, 4, 5, 6)", "227 (1.2.3.4.5.6)"}) {
    EXPECT_EQ(parse_pasv(reply_of(text)).error().code, Errc::protocol_error) << text;
  }
  EXPECT_EQ(parse_pasv(reply_of("502 no")).error().code, Errc::unsupported);
}

TEST(Pwd, UndoesTheQuotes) {
  EXPECT_EQ(*parse_pwd(answer_to("vsftpd.dialogue", "PWD")), "/");
  EXPECT_EQ(*parse_pwd(reply_of("257 \"/a\"\"b\" is the current directory")), "/a\"b");
  EXPECT_EQ(*parse_pwd(reply_of("257 \"/a\"\"\" is it")), "/a\"");
  EXPECT_EQ(*parse_pwd(reply_of("257 \"/a\"")), "/a");
  EXPECT_EQ(*parse_pwd(reply_of("257 \"/two words\" is it")), "/two words");
  EXPECT_EQ(*parse_pwd(reply_of("257 \"QGPL\" is current library.")), "QGPL");
  EXPECT_EQ(*parse_pwd(answer_to("vsftpd.dialogue", "MKD /q\"d")), "/q\"d");
}

TEST(Pwd, BearsWithQuotesThatWereNotDoubled) {
  EXPECT_EQ(*parse_pwd(answer_to("pureftpd.dialogue", "MKD /q\"d")), "/q\"d");
  EXPECT_EQ(*parse_pwd(reply_of("257 \"/home/x\".")), "/home/x");
}

/// CVE-2017-1000254: an unterminated quote read past the end.
TEST(Pwd, RefusesAnUnterminatedQuote) {
  for (const char* text :
       {"257 \"/a", "257 \"/a\"\"", "257 \"", "257 \"\"", "257 /a", "257", "257 \"\" is it"}) {
    const auto path = parse_pwd(reply_of(text));
    ASSERT_FALSE(path) << text;
    EXPECT_EQ(path.error().code, Errc::protocol_error) << text;
  }
  EXPECT_EQ(parse_pwd(reply_of("550 no")).error().code, Errc::refused);
}

TEST(Size, IsANumber) {
  EXPECT_EQ(*parse_size(reply_of("213 6")), 6U);
  EXPECT_EQ(*parse_size(reply_of("213  5368709120 ")), 5'368'709'120U);
  EXPECT_EQ(*parse_size(reply_of("213 18446744073709551615")), UINT64_MAX);
  EXPECT_EQ(*parse_size(reply_of("213 0")), 0U);
}

TEST(Size, RefusesWhatIsNone) {
  for (const char* text : {"213 File status", "213", "213 -1", "213 18446744073709551616",
                           "213 12x", "213 0x10", "213 1 2"}) {
    EXPECT_EQ(parse_size(reply_of(text)).error().code, Errc::protocol_error) << text;
  }
  EXPECT_EQ(parse_size(reply_of("550 /x: No such file or directory")).error().code,
            Errc::not_found);
  EXPECT_EQ(parse_size(reply_of("550 Could not get file size.")).error().code, Errc::refused);
  EXPECT_EQ(parse_size(reply_of("500 what")).error().reply_code, 500);
}

TEST(Mdtm, ReadsTimes) {
  EXPECT_EQ(*parse_mdtm(reply_of("213 20200913122640")), 1'600'000'000);
  EXPECT_EQ(*parse_mdtm(reply_of("213 20200913122640.123")), 1'600'000'000);
  EXPECT_EQ(*parse_mdtm(reply_of("213 19691231235959")), -1);
  EXPECT_EQ(*parse_mdtm(reply_of("213 19700101000000.")), 0);
}

/// "19" and the years since 1900, which were 100 in 2000.
TEST(Mdtm, ReadsTheYear2000Bug) {
  EXPECT_EQ(*parse_mdtm(reply_of("213 191000229000000")), 951'782'400);
  EXPECT_EQ(*parse_mdtm(reply_of("213 191200913122640")), 1'600'000'000);
}

TEST(Mdtm, RefusesWhatIsNoTime) {
  for (const char* text :
       {"213 20200913", "213 2020091312264", "213 20200230000000", "213 20200913246000",
        "213 202009131226401", "213 20200913122640Z", "213 20200913122640.1x", "213 .5", "213",
        "213 00000101000000", "213 -0200913122640", "213 291000229000000"}) {
    EXPECT_EQ(parse_mdtm(reply_of(text)).error().code, Errc::protocol_error) << text;
  }
  EXPECT_EQ(parse_mdtm(reply_of("550 /x: Permission denied")).error().code, Errc::access_denied);
}

TEST(MdtmTime, IsWritten) {
  EXPECT_EQ(format_mdtm_time(1'600'000'000), "20200913122640");
  EXPECT_EQ(format_mdtm_time(0), "19700101000000");
  EXPECT_EQ(format_mdtm_time(-1), "19691231235959");
  EXPECT_EQ(format_mdtm_time(INT64_MAX), "99991231235959");
  EXPECT_EQ(format_mdtm_time(INT64_MIN), "00010101000000");
}

}  // namespace
}  // namespace ftpsfs::ftp
