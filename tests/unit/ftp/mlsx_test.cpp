// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/mlsx.hpp"

#include <gtest/gtest.h>

#include <string>

#include "samples.hpp"

namespace ftpsfs::ftp {
namespace {

FileFacts facts_of(std::string_view line) {
  const auto facts = parse_mlsx_line(line);
  EXPECT_TRUE(facts) << line;
  return facts.value_or(FileFacts{});
}

TEST(Mlsx, ReadsAllFacts) {
  const FileFacts facts = facts_of(
      "modify=20200913122640;perm=adfrw;size=6;type=file;unique=FE00UA7236D;UNIX.group=65534;"
      "UNIX.groupname=staff;UNIX.mode=0644;UNIX.owner=65534;UNIX.ownername=tester; hello.txt");
  EXPECT_EQ(facts.name, "hello.txt");
  EXPECT_EQ(facts.kind, FactKind::file);
  EXPECT_EQ(facts.size, 6U);
  EXPECT_EQ(facts.modify, (FactTime{1'600'000'000, FactGrain::second}));
  EXPECT_EQ(facts.perm, "adfrw");
  EXPECT_EQ(facts.unix_mode, 0644);
  EXPECT_EQ(facts.unique, "FE00UA7236D");
  EXPECT_EQ(facts.owner, "tester");
  EXPECT_EQ(facts.group, "staff");
  EXPECT_FALSE(facts.symlink_target);
}

TEST(Mlsx, NamesKeepEveryByte) {
  EXPECT_EQ(facts_of("type=file;  lead").name, " lead");
  EXPECT_EQ(facts_of("type=file; trail ").name, "trail ");
  EXPECT_EQ(facts_of("type=file;   ").name, "  ");
  EXPECT_EQ(facts_of("type=file; a;b=c; d").name, "a;b=c; d");
  EXPECT_EQ(facts_of("type=file; ").name, "");
  EXPECT_EQ(facts_of("type=file; -> x").name, "-> x");
}

TEST(Mlsx, FactsOfAnyCaseAndOrder) {
  const FileFacts facts = facts_of("SIZE=7;Unix.Mode=755;MODIFY=19700101000001.25;TYPE=DIR; d");
  EXPECT_EQ(facts.kind, FactKind::dir);
  EXPECT_EQ(facts.size, 7U);
  EXPECT_EQ(facts.unix_mode, 0755);
  EXPECT_EQ(facts.modify->unix_seconds, 1);
}

TEST(Mlsx, ModesInOtherDress) {
  EXPECT_EQ(facts_of("type=file;unix.mode=0o644; x").unix_mode, 0644);  // pyftpdlib
  EXPECT_EQ(facts_of("type=file;unix.mode=0100644; x").unix_mode, 0644);
  EXPECT_EQ(facts_of("type=file;unix.mode=4755; x").unix_mode, 04755);
  EXPECT_EQ(facts_of("type=file;unix.mode=0; x").unix_mode, 0);
  for (const char* mode : {"9", "-1", "", "0o", "rwx", "0200000", "77777777777777"}) {
    EXPECT_FALSE(facts_of("type=file;unix.mode=" + std::string(mode) + "; x").unix_mode) << mode;
  }
}

TEST(Mlsx, ValuesThatMakeNoSenseAreAbsent) {
  const FileFacts facts =
      facts_of("type=file;size=-1;modify=yesterday;unknown=x;x.y/z-1=;perm=; x");
  EXPECT_FALSE(facts.size);
  EXPECT_FALSE(facts.modify);
  EXPECT_EQ(facts.perm, "");
  EXPECT_FALSE(facts_of("type=file;size=99999999999999999999; x").size);
  EXPECT_FALSE(facts_of("type=file; x").perm);
}

TEST(Mlsx, PermLettersOfPyftpdlibAreNotTheRfcs) {
  EXPECT_EQ(facts_of("type=file;perm=radfwMT; x").perm, "radfwMT");
  EXPECT_EQ(facts_of("type=file;perm=ADFRW; x").perm, "adfrw");
}

TEST(Mlsx, SymbolicLinks) {
  EXPECT_EQ(facts_of("type=OS.unix=slink:/a b;size=4; l").symlink_target, "/a b");
  EXPECT_EQ(facts_of("type=OS.unix=slink:/a b;size=4; l").name, "l");
  EXPECT_EQ(facts_of("size=4;type=OS.UNIX=SLINK:../X; l").symlink_target, "../X");
  EXPECT_EQ(facts_of("type=OS.unix=slink:a;b;size=3; l").symlink_target, "a;b");
  EXPECT_EQ(facts_of("type=OS.unix=slink:a;b;size=3; l").size, 3U);
  for (const char* type : {"OS.unix=slink:", "OS.unix=slink", "OS.unix=symlink"}) {
    const FileFacts facts = facts_of("type=" + std::string(type) + ";size=9; link");
    EXPECT_EQ(facts.kind, FactKind::symlink) << type;
    EXPECT_FALSE(facts.symlink_target) << type;
    EXPECT_EQ(facts.name, "link") << type;
  }
}

TEST(Mlsx, OtherTypes) {
  EXPECT_EQ(facts_of("type=cdir; .").kind, FactKind::cdir);
  EXPECT_EQ(facts_of("type=pdir; ..").kind, FactKind::pdir);
  EXPECT_EQ(facts_of("type=OS.unix=chr-13/29; tty").kind, FactKind::other);
  EXPECT_EQ(facts_of("type=OS.unix=slinky; x").kind, FactKind::other);
}

TEST(Mlsx, BearsWithAMissingLastSemicolon) {
  const FileFacts facts = facts_of("type=file;size=3 a; b");
  EXPECT_EQ(facts.size, 3U);
  EXPECT_EQ(facts.name, "a; b");
}

TEST(Mlsx, NumericOwnersWhereThereAreNoNames) {
  const FileFacts facts = facts_of("UNIX.ownername=bob;UNIX.uid=5;type=file;UNIX.gid=6; x");
  EXPECT_EQ(facts.owner, "bob");
  EXPECT_EQ(facts.group, "6");
}

TEST(Mlsx, RefusesWhatIsNoSuchLine) {
  for (const char* line :
       {"", " ", "x", " name", "type=file;", "type=file;name", "size=3; x", "; x",
        "-rw-r--r-- 1 0 0 1 Nov 21 02:04 a=b", "hello; world", "=file; x", "ty pe=file; x",
        "total 3", "type=file;junk;size=1; x", "no facts here; x"}) {
    EXPECT_FALSE(parse_mlsx_line(line)) << line;
  }
}

TEST(Mlst, OfTheServers) {
  for (const char* name : {"proftpd.dialogue", "pureftpd.dialogue", "pyftpdlib.dialogue"}) {
    const auto file = parse_mlst(answer_to(name, "MLST /hello.txt"));
    ASSERT_TRUE(file) << name;
    EXPECT_EQ(file->name, "/hello.txt");
    EXPECT_EQ(file->size, 6U);
    EXPECT_EQ(file->modify->unix_seconds, 1'600'000'000);
    const auto blank = parse_mlst(answer_to(name, "MLST /trail "));
    ASSERT_TRUE(blank) << name;
    EXPECT_EQ(blank->name, "/trail ");
    const auto root = parse_mlst(answer_to(name, "MLST /"));
    ASSERT_TRUE(root) << name;
    EXPECT_EQ(root->kind, FactKind::dir) << "Pure-FTPd says pdir";
  }
  EXPECT_EQ(parse_mlst(answer_to("pureftpd.dialogue", "MLST /link"))->kind, FactKind::symlink);
}

TEST(Mlst, TellsRefusalFromNonsense) {
  EXPECT_EQ(parse_mlst(answer_to("vsftpd.dialogue", "MLST /")).error().code, Errc::unsupported);
  EXPECT_EQ(parse_mlst(reply_of("550 No such file or directory.")).error().code, Errc::not_found);
  EXPECT_EQ(parse_mlst(reply_of("250 done")).error().code, Errc::protocol_error);
  EXPECT_EQ(parse_mlst(reply_of("250-x\n nothing\n250 done")).error().code, Errc::protocol_error);
  EXPECT_EQ(parse_mlst(reply_of("250-x\n250-type=file; a\n250 y"))->name, "a");
}

}  // namespace
}  // namespace ftpsfs::ftp
